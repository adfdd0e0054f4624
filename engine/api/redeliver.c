/* redeliver.c - /api/v1/webhooks/deliveries/{id}/redeliver: one that has ended is delivered once
 * more. The answer waits until that is durable. */
#include "base/clock.h"
#include "deliveries.h"
#include "redeliveries.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

/* Whoever waits for an answer. */
struct waiter {
    struct api *api;
    struct http_ticket ticket;
    struct id delivery, tenant;
};

static void answer(void *context, enum redelivery_result result)
{
    struct waiter *waiter = context;
    struct call call = {.api = waiter->api, .ticket = waiter->ticket, .tenant = waiter->tenant};
    switch (result) {
    case REDELIVERY_DONE:
        if (deliveries_print(&call, &waiter->delivery))
            call_reply(&call, 202, SLICE(""));
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

static bool may_redeliver(struct call *call, const struct id *id,
                          struct delivery_standing *standing)
{
    const struct api_parts *parts = &call->api->parts;
    int error = history_standing(parts->db, parts->crew->shards, id, standing);
    if (error == -ENOENT || (!error && !id_equal(&standing->tenant, &call->tenant))) {
        call_problem(call, 404, "no such delivery (any more)");
        return false;
    }
    if (error) {
        call_problem(call, 500, "the delivery could not be read");
        return false;
    }
    const struct subscription *subscription =
        registry_subscription(parts->registry, &standing->subscription);
    if (!subscription)
        call_problem(call, 404, "its subscription was deleted");
    else if (subscription->status != SUBSCRIPTION_ACTIVE)
        call_problem(call, 409, "its subscription is paused or disabled");
    else if (standing->row.status == DELIVERY_PENDING || standing->row.status == DELIVERY_RETRYING)
        call_problem(call, 409, "it has not ended yet: it will be sent");
    else
        return true;
    return false;
}

void deliveries_redeliver(struct call *call)
{
    const struct api_parts *parts = &call->api->parts;
    struct delivery_standing standing;
    struct id id;
    if (id_parse(call->id, "dlv", &id)) {
        call_problem(call, 404, "no such delivery (any more)");
        return;
    }
    if (!call_has_room(call) || !may_redeliver(call, &id, &standing))
        return;
    struct waiter *waiter = malloc(sizeof *waiter);
    int error = -ENOMEM;
    if (waiter) {
        *waiter = (struct waiter){call->api, call->ticket, id, call->tenant};
        error = redeliveries_wish(parts->redeliveries, &id, &standing.subscription,
                                  clock_monotonic_ns() / 1000000, answer, waiter);
    }
    if (error) {
        free(waiter);
        call_busy(call);
    }
}
