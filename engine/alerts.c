/* alerts.c - see alerts.h. */
#include "alerts.h"

#include "base/log.h"
#include "base/text.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

enum { OUT_MAX = 16, AGAIN_MS = 1000, PATIENCE_MS = 600 * 1000 };

int alerts_open(struct alerts *alerts, struct crew *crew)
{
    *alerts = (struct alerts){.crew = crew};
    alerts->list = calloc(ALERTS_MAX, sizeof *alerts->list);
    return alerts->list ? 0 : -ENOMEM;
}

void alerts_close(struct alerts *alerts)
{
    free(alerts->list);
    alerts->list = NULL;
}

static struct alert *take(struct alerts *alerts)
{
    for (unsigned i = 0; i < ALERTS_MAX; i++) {
        struct alert *alert = &alerts->list[i];
        if (alert->is_used)
            continue;
        *alert = (struct alert){.is_used = true};
        alerts->used++;
        return alert;
    }
    return NULL;
}

static void give(struct alerts *alerts, struct alert *alert)
{
    alert->is_used = false;
    alerts->used--;
}

static void drop(struct alerts *alerts, const char *why)
{
    alerts->dropped++;
    LOG(LOG_WARN, "an alert was dropped", log_str("why", why));
}

void alerts_raise(struct alerts *alerts, enum alert_kind kind, const struct id *tenant,
                  const char *key, struct slice payload)
{
    struct alert *alert = take(alerts);
    struct text text;
    alerts->raised++;
    if (!alert) {
        drop(alerts, "too many wait");
        return;
    }
    alert->tenant = *tenant;
    text_init(&text, alert->body, sizeof alert->body);
    text_printf(&text, "{\"type\":\"%s\",\"id\":\"%s/%s\",\"payload\":", alert_type(kind),
                alert_type(kind), key);
    text_put(&text, payload);
    text_char(&text, '}');
    must(text_ok(&text));
    alert->size = text.size;
}

static bool publish(struct alerts *alerts, struct alert *alert)
{
    static const struct http_header header = {.name = {"Content-Type", 12},
                                              .value = {"application/json", 16}};
    struct http_head head = {.method = SLICE("POST"), .header_count = 1};
    head.headers[0] = header;
    struct http_request request = {.head = &head,
                                   .path = SLICE("/api/v1/webhooks/events"),
                                   .body = slice_of(alert->body, alert->size)};
    struct mail_publish *mail = requester_copy((struct http_ticket){0}, &request);
    if (!mail)
        return false;
    mail->alert = alert;
    mail->tenant = alert->tenant;
    alert->is_out = true;
    alerts->out++;
    /* Any shard would do; a tenant's alerts keep their order by taking one. */
    unsigned shard = keys_home(&alert->tenant, alerts->crew->shards);
    crew_post(alerts->crew, crew_control(alerts->crew), shard, &mail->mail);
    return true;
}

static void advance(struct alerts *alerts, struct alert *alert, uint64_t now_ms)
{
    if (alert->give_up_ms == 0)
        alert->give_up_ms = now_ms + PATIENCE_MS;
    if (now_ms >= alert->give_up_ms) {
        drop(alerts, "it could not be stored");
        give(alerts, alert);
        return;
    }
    alert->again_ms = now_ms + AGAIN_MS;
    (void)!publish(alerts, alert);
}

uint64_t alerts_turn(struct alerts *alerts, uint64_t now_ms)
{
    for (unsigned i = 0; i < ALERTS_MAX && alerts->used > 0 && alerts->out < OUT_MAX; i++) {
        struct alert *alert = &alerts->list[i];
        if (alert->is_used && !alert->is_out && now_ms >= alert->again_ms)
            advance(alerts, alert, now_ms);
    }
    return alerts->used > alerts->out ? now_ms + AGAIN_MS / 10 : UINT64_MAX;
}

bool alerts_published(struct alerts *alerts, struct mail_publish *mail)
{
    struct alert *alert = mail->alert;
    int status = mail->response.status;
    if (!alert)
        return false;
    alerts->out--;
    alert->is_out = false;
    if (status < 500) /* it is stored, or nobody is there who wants it */
        give(alerts, alert);
    free(mail->answer);
    free(mail);
    return true;
}
