/* redeliver.c - one delivery: /api/v1/webhooks/deliveries/{id}/redeliver delivers it once more if
 * it has ended, and at once if it waits for a retry; DELETE /api/v1/webhooks/dead-letters/{id}
 * gives it up. The answer waits until that is durable, and is then kept if it is to be (repeat.h).
 */
#include "answers.h"
#include "base/clock.h"
#include "deliveries.h"
#include "replays.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

/* Whoever waits for an answer. */
struct waiter {
    struct api *api;
    struct http_ticket ticket;
    struct id delivery, tenant;
    bool discards, is_kept;
    struct answer answer;
};

/* The answer is kept after what it tells of: the same request finds either the answer, or a
 * delivery that is on its way. */
static void keep(const struct call *call)
{
    struct answers *answers = call->api->parts.changes->answers;
    uint64_t now_ms = clock_wall_ms();
    struct batch *batch;
    if (!call->is_kept || answers_find(answers, call->answer.key, now_ms))
        return;
    int error = batch_open(&batch);
    if (error)
        return;
    error = answers_batch_put(answers, batch, &call->answer, now_ms);
    if (!error)
        error = db_write(call->api->parts.db, batch, true);
    if (!error)
        answers_written(answers);
    batch_close(batch);
}

static void answer_done(struct call *call, const struct waiter *waiter)
{
    if (waiter->discards) {
        call_no_content(call);
        return;
    }
    struct reply *reply =
        deliveries_print(call, &waiter->delivery) ? call_reply_later(call, 202, SLICE("")) : NULL;
    if (!reply)
        return;
    keep(call);
    reply_send(reply);
}

static void answer(void *context, enum redelivery_result result)
{
    struct waiter *waiter = context;
    struct call call = {.api = waiter->api,
                        .ticket = waiter->ticket,
                        .tenant = waiter->tenant,
                        .is_kept = waiter->is_kept,
                        .answer = waiter->answer};
    switch (result) {
    case REDELIVERY_DONE:
        answer_done(&call, waiter);
        break;
    case REDELIVERY_HELD:
        call_problem(&call, 409, "its subscription is paused or disabled");
        break;
    case REDELIVERY_NOBODY:
        call_problem(&call, 404, "its subscription was deleted");
        break;
    case REDELIVERY_BUSY:
        call_busy(&call);
        break;
    case REDELIVERY_FAILED:
        call_problem(&call, 500, "the delivery could not be read");
        break;
    }
}

/* How the delivery that the path names stands, if it is the tenant's; else answers. */
static bool find(struct call *call, struct id *id, struct delivery_standing *standing)
{
    const struct api_parts *parts = &call->api->parts;
    int error = id_parse(call->id, "dlv", id)
                    ? -ENOENT
                    : history_standing(parts->db, parts->crew->shards, id, standing);
    if (!error && id_equal(&standing->tenant, &call->tenant))
        return true;
    if (!error || error == -ENOENT)
        call_problem(call, 404, "no such delivery (any more)");
    else
        call_problem(call, 500, "the delivery could not be read");
    return false;
}

/* Who wants it goes to the audit log before it is begun. */
static bool record(struct call *call, const struct id *id, bool discards)
{
    const struct mutation by =
        call_mutation(call, discards ? "dead_letter.delete" : "delivery.redeliver");
    char digits[ID_TEXT_SIZE];
    const struct subject subject = {.tenant = &call->tenant, .name = id_print(id, "dlv", digits)};
    struct batch *batch;
    int error = batch_open(&batch);
    if (!error) {
        error = changes_write(call->api->parts.changes, &by, &subject, batch);
        batch_close(batch);
    }
    if (error)
        call_problem(call, 500, "it could not be recorded");
    return error == 0;
}

static void begin(struct call *call, const struct id *id, const struct delivery_standing *standing,
                  bool discards)
{
    if (!record(call, id, discards))
        return;
    struct waiter *waiter = malloc(sizeof *waiter);
    int error = -ENOMEM;
    if (waiter) {
        *waiter = (struct waiter){.api = call->api,
                                  .ticket = call->ticket,
                                  .delivery = *id,
                                  .tenant = call->tenant,
                                  .discards = discards,
                                  .is_kept = call->is_kept,
                                  .answer = call->answer};
        const struct redelivery_wish wish = {.delivery = *id,
                                             .subscription = standing->subscription,
                                             .discards = discards,
                                             .on_done = answer,
                                             .context = waiter};
        error = redeliveries_wish(&call->api->parts.replays->redeliveries, &wish,
                                  clock_monotonic_ns() / 1000000);
    }
    if (error) {
        free(waiter);
        call_busy(call);
    }
}

void deliveries_redeliver(struct call *call)
{
    struct delivery_standing standing;
    struct id id;
    if (!call_has_room(call) || !find(call, &id, &standing))
        return;
    const struct subscription *subscription =
        registry_subscription(call->api->parts.registry, &standing.subscription);
    if (!subscription)
        call_problem(call, 404, "its subscription was deleted");
    else if (subscription->status != SUBSCRIPTION_ACTIVE)
        call_problem(call, 409, "its subscription is paused or disabled");
    else
        begin(call, &id, &standing, false);
}

void dead_letters_delete(struct call *call)
{
    struct delivery_standing standing;
    struct id id;
    if (!call_has_room(call) || !find(call, &id, &standing))
        return;
    if (standing.row.status != DELIVERY_DEAD)
        call_problem(call, 404, "it is no dead letter");
    else
        begin(call, &id, &standing, true);
}
