/* arrival.c - see arrival.h. */
#include "arrival.h"

#include "base/clock.h"
#include "base/log.h"
#include "bundle.h"
#include "delivery_states.h"
#include "shard.h"
#include "trace.h"

#include <errno.h>

/* Of an attempt, in turns: one, and one for each KiB. */
static uint32_t cost_of(size_t body_bytes)
{
    return (uint32_t)(1 + body_bytes / 1024);
}

/* ---- fresh ---- */

/* No place for a fresh delivery: to a 'P' row at once, and before it what comes after it. */
static bool turn_away(struct shard *shard, struct endpoint *endpoint, struct block_share *share,
                      const struct id *event, uint64_t key)
{
    const struct lane *lane = lane_find(shard, endpoint, key);
    struct delivery *after = lane ? lane_idle(lane, event) : NULL;
    if (after && (!delivery_park_from(shard, after) || !outcomes_have_room(shard)))
        return false;
    shard->metrics.deliveries_created++;
    share->unsettled++;
    outcomes_begin(shard);
    trace_put_parked(shard, endpoint, event, 0, 0);
    trace_note_parked(shard, endpoint, event);
    outcomes_settle(shard, share);
    if (!lane_has_rest(shard, endpoint, key, event))
        endpoint_parked(shard, endpoint, event);
    return true;
}

bool arrival_take(struct shard *shard, struct block_share *share, struct slice record,
                  const struct event_record *from, const struct id *subscription)
{
    const struct id *event = &from->event;
    struct endpoint *endpoint = endpoint_find(shard, subscription);
    if (!endpoint) {
        trace_park_unknown(shard, share, from, subscription);
        return true;
    }

    uint64_t key = lane_key(shard, endpoint->subscription, from->payload);
    bool may_hold = !shard->stopping && endpoint_has_window(shard, endpoint) &&
                    lane_admits(shard, endpoint, key);
    struct delivery *delivery = may_hold ? delivery_make(shard, endpoint, event) : NULL;
    if (!delivery)
        return turn_away(shard, endpoint, share, event, key);
    shard->metrics.deliveries_created++;
    share->unsettled++;
    delivery->share = share;
    delivery->record = record;
    delivery->key = key;
    delivery->cost = cost_of(from->payload.size);
    delivery->weight = bundle_weight(endpoint->subscription, from);
    delivery->settled = false;
    share_hold(share);
    list_push_back(&shard->deliveries.young, &delivery->young);
    delivery_become_ready(shard, delivery);
    return true;
}

/* ---- read back ---- */

bool arrival_open_event(const struct shard *shard, struct fetched_event *fetched)
{
    struct event_record *event = &fetched->event;
    const struct tenant *tenant = directory_tenant(&shard->directory, &event->tenant);
    if (!event->sealed.nonce)
        return true;
    const uint8_t *key = tenant ? tenant->log_key : NULL;
    /* The boxes are in the copy that was made for this shard. */
    char *labels = (char *)(uintptr_t)event->sealed.boxes[SEALED_LABELS].at;
    char *payload = (char *)(uintptr_t)event->sealed.boxes[SEALED_CONTENT].at;
    int error = event_record_open_labels(event, key, labels);
    if (!error)
        error = event_record_open_payload(event, key, payload);
    if (error == -EBADMSG)
        LOG(LOG_ERROR, "an event on disk is damaged", log_id("event", "evt", &event->event));
    return error == 0;
}

void arrival_hold_event(struct shard *shard, struct delivery *delivery, struct fetched_event *event)
{
    delivery->fetched = event;
    delivery->cost = cost_of(event->event.payload.size);
    delivery->weight = bundle_weight(delivery->endpoint->subscription, &event->event);
    shard->deliveries.fetched_bytes += event->event.payload.size;
    shard->metrics.deliveries_loaded++;
}

/* The event is not there any more: its retention has ended before the delivery did. */
void arrival_gone(struct shard *shard, struct delivery *delivery)
{
    struct attempt_record note = {
        .outcome = ATTEMPT_CANCELLED,
        .status_after = DELIVERY_DEAD,
        .error = SLICE("the event is not kept any more: its retention ended, or "
                       "its payload was taken out")};
    struct key dead = key_row(ROW_DEAD, &delivery->endpoint->id, &delivery->event);
    outcomes_begin(shard);
    uint64_t block = trace_put_note(shard, delivery->endpoint, &delivery->event, &note);
    trace_drop_row(shard, delivery);
    trace_put_state(shard, delivery, &note, block);
    trace_put_wait(shard, &dead, delivery->attempt_count, 0);
    shard->metrics.deliveries_dead++;
    delivery_finish(shard, delivery);
}

/* A parked retry that is not due yet: it waits without its event. */
static enum load_result load_early(struct shard *shard, struct delivery *delivery, uint64_t due_ms)
{
    if (delivery_waits_are_full(shard)) {
        endpoint_hold(shard, delivery->endpoint, due_ms);
        delivery_forget(shard, delivery);
        return LOAD_NO_ROOM;
    }
    must(lane_enter(shard, delivery)); /* by lane_takes() */
    delivery_become_waiting(shard, delivery, due_ms);
    return LOAD_KNOWN;
}

enum load_result arrival_load_parked(struct shard *shard, struct endpoint *endpoint,
                                     const struct backlog_row *row, struct fetched_event *event)
{
    uint64_t key = event ? lane_key(shard, endpoint->subscription, event->event.payload) : 0;
    bool is_early = row->due_ms > clock_wall_ms();
    if (delivery_find(shard, endpoint, &row->event) ||
        (event && !lane_takes(shard, endpoint, key, &row->event, is_early)))
        return LOAD_KNOWN;
    struct delivery *delivery = delivery_make(shard, endpoint, &row->event);
    if (!delivery)
        return LOAD_NO_ROOM;
    delivery->attempt_count = row->attempt_count;
    delivery->row_due_ms = row->due_ms;
    delivery->key = key;
    delivery->state = STATE_SENDING; /* on no list yet */
    delivery_set_row(shard, delivery, ROW_PARKED);
    if (!event) {
        arrival_gone(shard, delivery);
    } else if (is_early) {
        return load_early(shard, delivery, delivery_due_ms(shard, row->due_ms));
    } else {
        arrival_hold_event(shard, delivery, event);
        delivery_become_ready(shard, delivery);
    }
    return LOAD_TAKEN;
}

enum load_result arrival_load_retry(struct shard *shard, struct endpoint *endpoint,
                                    const struct backlog_row *row)
{
    if (delivery_find(shard, endpoint, &row->event))
        return LOAD_KNOWN;
    struct delivery *delivery = delivery_make(shard, endpoint, &row->event);
    if (!delivery)
        return LOAD_NO_ROOM;
    delivery->attempt_count = row->attempt_count;
    delivery->row_due_ms = row->due_ms;
    delivery_set_row(shard, delivery, ROW_RETRY);
    delivery_become_waiting(shard, delivery, delivery_due_ms(shard, row->due_ms));
    return LOAD_TAKEN;
}
