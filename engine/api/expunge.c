/* expunge.c - DELETE .../events/{id}/payload and .../deliveries/{id}/responses: what must not be
 * kept is taken out of the database (store/expunge.h). The answer comes when nobody has it at hand
 * any more but for attempts that are on their way. */
#include "store/expunge.h"

#include "call.h"
#include "router.h"
#include "store/history.h"

#include <errno.h>
#include <stdlib.h>

void api_forgotten(struct mail_forget *mail)
{
    reply_send(mail->reply);
    free(mail);
}

/* Writes the batch with its record, and lets the readers forget; then answers. */
static void write(struct call *call, const char *action, struct slice name, struct batch *batch)
{
    struct api *api = call->api;
    const struct mutation by = call_mutation(call, action);
    const struct subject subject = {.tenant = &call->tenant, .name = name};
    struct mail_forget *mail = malloc(sizeof *mail);
    call_text(call, 0);
    struct reply *reply = mail ? call_reply_later(call, 204, SLICE("")) : NULL;
    if (!mail)
        call_busy(call);
    int error = reply ? changes_write(api->parts.changes, &by, &subject, batch) : 0;
    if (error || !reply) {
        free(mail);
        call_not_stored(call, reply, error);
        return;
    }
    event_reader_forget(api->events);
    *mail = (struct mail_forget){.mail.kind = MAIL_FORGET, .reply = reply};
    crew_post(api->parts.crew, crew_control(api->parts.crew), crew_reader(api->parts.crew),
              &mail->mail);
}

static void refuse(struct call *call, int error)
{
    if (error == -ENOENT)
        call_problem(call, 404, "there is no such thing (any more)");
    else if (error == -ENOMEM)
        call_busy(call);
    else
        call_problem(call, 500, "it could not be read");
}

static int put_payload(struct call *call, const struct id *id, struct batch *batch)
{
    struct event_record event;
    int error = event_reader_get(call->api->events, id, &event);
    if (error)
        return error;
    bool is_own = id_equal(&event.tenant, &call->tenant);
    return is_own ? expunge_payload(call->api->parts.db, batch, id) : -ENOENT;
}

void events_expunge(struct call *call)
{
    struct batch *batch;
    struct id id;
    int error = id_parse(call->id, "evt", &id) ? -ENOENT : batch_open(&batch);
    if (error) {
        refuse(call, error);
        return;
    }
    error = put_payload(call, &id, batch);
    if (error)
        refuse(call, error);
    else
        write(call, "event.expunge", call->id, batch);
    batch_close(batch);
}

/* Those whose block is gone have nothing to take out. */
static int put_responses(struct call *call, const struct id *id, struct batch *batch)
{
    const struct api_parts *parts = &call->api->parts;
    struct delivery_standing standing;
    int error = history_standing(parts->db, parts->crew->shards, id, &standing);
    if (!error && !id_equal(&standing.tenant, &call->tenant))
        error = -ENOENT;
    if (error)
        return error;
    unsigned home = keys_home(&standing.subscription, parts->crew->shards);
    for (uint32_t i = 0; i < standing.row.block_count && !error; i++) {
        struct attempts_place place = attempts_place(standing.row.blocks[i], home);
        error = expunge_responses(parts->db, batch, place, &standing.event, &standing.subscription);
        if (error == -ENOENT)
            error = 0;
    }
    return error;
}

void deliveries_expunge(struct call *call)
{
    struct batch *batch;
    struct id id;
    int error = id_parse(call->id, "dlv", &id) ? -ENOENT : batch_open(&batch);
    if (error) {
        refuse(call, error);
        return;
    }
    error = put_responses(call, &id, batch);
    if (error)
        refuse(call, error);
    else
        write(call, "delivery.expunge", call->id, batch);
    batch_close(batch);
}
