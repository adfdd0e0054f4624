/* figures.c - see figures.h. */
#include "figures.h"

#include "base/clock.h"
#include "call.h"
#include "panel.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

enum { TEXT_SIZE = 128 * 1024 };

/* ---- opening and closing ---- */

static int open_mail(struct mail_figures *mail, const struct crew *crew, unsigned member)
{
    size_t size = member < crew->shards         ? sizeof(struct shard_figures)
                  : member == crew_writer(crew) ? sizeof(struct writer_figures)
                                                : sizeof(struct reader_figures);
    mail->mail.kind = MAIL_FIGURES;
    mail->into.any = calloc(1, size);
    mail->known.any = calloc(1, size);
    return mail->into.any && mail->known.any ? 0 : -ENOMEM;
}

static void on_deadline(struct timer *timer);

int figures_open(struct figures *figures, const struct crew *crew)
{
    *figures = (struct figures){.started_ms = clock_wall_ms(), .count = crew->shards + 2};
    timer_init(&figures->deadline, on_deadline);
    figures->mails = calloc(figures->count, sizeof *figures->mails);
    figures->shards_known = calloc(crew->shards, sizeof *figures->shards_known);
    figures->sum = malloc(sizeof *figures->sum);
    if (!figures->mails || !figures->shards_known || !figures->sum)
        return -ENOMEM;
    for (unsigned member = 0; member < figures->count; member++)
        if (open_mail(&figures->mails[member], crew, member))
            return -ENOMEM;
    return 0;
}

void figures_close(struct figures *figures)
{
    for (unsigned i = 0; figures->mails && i < figures->count; i++) {
        free(figures->mails[i].into.any);
        free(figures->mails[i].known.any);
    }
    free(figures->mails);
    free((void *)figures->shards_known);
    free(figures->sum);
}

/* ---- asking ---- */

static void ask_all(struct figures *figures, struct crew *crew)
{
    for (unsigned member = 0; member < figures->count; member++) {
        struct mail_figures *mail = &figures->mails[member];
        if (mail->is_out)
            continue; /* late since an earlier scrape, which it will answer */
        mail->is_out = true;
        figures->left++;
        crew_post(crew, crew_control(crew), member, &mail->mail);
    }
}

void figures_get(struct call *call)
{
    struct figures *figures = &call->api->figures;
    struct wheel *wheel = call->api->parts.wheel;
    if (figures->waiter_count == FIGURES_WAITERS_MAX) {
        call_busy(call);
        return;
    }
    figures->waiters[figures->waiter_count++] = call->ticket;
    if (figures->waiter_count > 1)
        return;
    ask_all(figures, call->api->parts.crew);
    wheel_arm(wheel, &figures->deadline, wheel->now_ms + FIGURES_PATIENCE_MS);
}

/* ---- answering ---- */

static void answer_all(struct figures *figures)
{
    struct api *api = container_of(figures, struct api, figures);
    struct call call = {.api = api};
    struct text *text = call_text(&call, TEXT_SIZE);
    timer_disarm(&figures->deadline);
    panel_print(api, text);
    for (unsigned i = 0; i < figures->waiter_count; i++) {
        call.ticket = figures->waiters[i];
        if (!text_ok(text)) {
            call_busy(&call);
            continue;
        }
        struct http_response response = {
            .status = 200,
            .content_type = SLICE("text/plain; version=0.0.4; charset=utf-8"),
            .body = text_slice(text),
        };
        http_server_reply(api->server, call.ticket, &response);
    }
    figures->waiter_count = 0;
}

static void on_deadline(struct timer *timer)
{
    answer_all(container_of(timer, struct figures, deadline));
}

void api_figures_answered(struct api *api, struct mail_figures *mail)
{
    struct figures *figures = &api->figures;
    union figures_of told = mail->into;
    must(mail->is_out && figures->left > 0);
    mail->into = mail->known;
    mail->known = told;
    mail->is_out = false;
    if (--figures->left == 0 && figures->waiter_count > 0)
        answer_all(figures);
}
