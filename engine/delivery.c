/* delivery.c - the life of a delivery. The only place that changes its state.
 *
 *   arrival_take()       arrival_load_parked()           arrival_load_retry()
 *        |                       |                               |
 *        v                       v                               v
 *      READY <-------------------+<-- delivery_loaded() --+   WAITING <---------+
 *        |  \                                             |      | fall_due()   |
 *        |   +-- park() --> a 'P' row alone               +-- LOADING --> gone()|
 *        | delivery_start()                                                     |
 *        v                                                                      |
 *     SENDING -- delivery_answered() --> finish() | wait_until() ------------+
 *                                                       \--> an 'R' row alone
 *
 * READY of an ordered endpoint: only the first of its lane (lane.h). The others are BEHIND, and
 * each becomes READY when the one before has ended. A retry of one in a lane keeps the lane's
 * place: its row is a 'P' row that says when it is due.
 *
 * Durable trace. A fresh delivery needs none: its event names it, and recovery finds it from the
 * shard's mark. It is settled by its first transition on disk, or by delivery_sweep() after
 * LIMIT_UNSETTLED_MS, so that the mark moves on. Until then it is on `young`.
 *
 * Invariants:
 *   1. It is on exactly one of its endpoint's lists (ready, sending, waiting), by its state; BEHIND
 *      on none.
 *   2. One with a row is in the table, so what is read back is never in memory twice.
 *   3. `share` is set while the block's bytes are needed; it counts in share->reading.
 */
#include "shard.h"

#include "arrival.h"
#include "attempt.h"
#include "delivery_states.h"
#include "trace.h"
#include "verdict.h"

enum { WRITE_MS = 5, LOAD_AGAIN_MS = 50, LOAD_FAILED_MS = 1000, CONNECTIONS_AGAIN_MS = 10 };
enum { WAITING_PART = 4 };

int deliveries_open(struct deliveries *deliveries, unsigned count)
{
    *deliveries = (struct deliveries){.waiting_max = count / WAITING_PART};
    list_init(&deliveries->young);
    list_init(&deliveries->shares);
    int rc = pool_open(&deliveries->pool, sizeof(struct delivery), count);
    if (rc == 0)
        rc = table_open(&deliveries->with_rows, count);
    if (rc)
        deliveries_close(deliveries);
    return rc;
}

void deliveries_close(struct deliveries *deliveries)
{
    pool_close(&deliveries->pool);
    if (deliveries->with_rows.buckets)
        table_close(&deliveries->with_rows);
}

static void release_bytes(struct shard *shard, struct delivery *delivery)
{
    struct block_share *share = delivery->share;
    delivery->share = NULL;
    if (share)
        share_release(shard, share);
    if (delivery->fetched) {
        shard->deliveries.fetched_bytes -= delivery->fetched->event.payload.size;
        paging_give_back(shard, delivery->fetched);
        delivery->fetched = NULL;
    }
}

/* Call after outcomes_begin() and before release_bytes(): the transition just written is this
 * delivery's first durable trace, if it had none. */
static void settle(struct shard *shard, struct delivery *delivery)
{
    if (delivery->settled)
        return;
    delivery->settled = true;
    list_remove(&delivery->young);
    must(delivery->share);
    outcomes_settle(shard, delivery->share);
}

/* ---- being in memory ---- */

static uint64_t row_hash(const struct id *subscription, const struct id *event)
{
    return id_hash(event) ^ (id_hash(subscription) * UINT64_C(0x9e3779b97f4a7c15));
}

struct delivery *delivery_find(const struct shard *shard, const struct endpoint *endpoint,
                               const struct id *event)
{
    struct table_node *node =
        table_first(&shard->deliveries.with_rows, row_hash(&endpoint->id, event));
    for (; node; node = table_next(node)) {
        struct delivery *delivery = container_of(node, struct delivery, node);
        if (id_equal(&delivery->event, event) && id_equal(&delivery->subscription, &endpoint->id))
            return delivery;
    }
    return NULL;
}

void delivery_set_row(struct shard *shard, struct delivery *delivery, enum row_kind row)
{
    if (delivery->row == 0)
        table_put(&shard->deliveries.with_rows, &delivery->node,
                  row_hash(&delivery->endpoint->id, &delivery->event));
    delivery->row = (uint8_t)row;
}

static void fall_due(struct timer *timer);

struct delivery *delivery_make(struct shard *shard, struct endpoint *endpoint,
                               const struct id *event)
{
    struct delivery *delivery = pool_take(&shard->deliveries.pool);
    if (!delivery)
        return NULL;
    *delivery = (struct delivery){.endpoint = endpoint,
                                  .shard = shard,
                                  .event = *event,
                                  .subscription = endpoint->id,
                                  .taken_ms = shard->now_ms,
                                  .settled = true};
    list_init(&delivery->link);
    list_init(&delivery->young);
    list_init(&delivery->beside);
    list_init(&delivery->together);
    timer_init(&delivery->due, fall_due);
    endpoint->in_memory++;
    return delivery;
}

static void count_ready(struct delivery *delivery, int change)
{
    delivery->endpoint->ready_count += (unsigned)change;
    delivery->endpoint->ready_bytes += (size_t)change * delivery->weight;
}

static void count_waiting(struct delivery *delivery, int change)
{
    delivery->shard->deliveries.waiting += (uint64_t)change;
    delivery->endpoint->waiting_count += (unsigned)change;
}

/* Is no longer its endpoint's. What it holds is given back. */
static void detach(struct shard *shard, struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    struct delivery *next = lane_leave(shard, delivery);
    must(delivery->settled);
    timer_disarm(&delivery->due);
    list_remove(&delivery->link);
    release_bytes(shard, delivery);
    if (delivery->state == STATE_READY)
        count_ready(delivery, -1);
    if (delivery->state == STATE_BEHIND)
        endpoint->behind_count--;
    if (delivery->state == STATE_WAITING || delivery->state == STATE_LOADING)
        count_waiting(delivery, -1);
    endpoint->in_memory--;
    if (next && !endpoint->deleted) {
        endpoint->behind_count--;
        delivery_become_ready(shard, next);
    }
    endpoint_update_turn(shard, endpoint);
}

/* Leaves memory; its rows, if any, stay as they are. */
void delivery_forget(struct shard *shard, struct delivery *delivery)
{
    detach(shard, delivery);
    if (delivery->row)
        table_drop(&shard->deliveries.with_rows, &delivery->node);
    pool_give(&shard->deliveries.pool, delivery);
}

/* Has ended, or goes on as another row; the row it had was dropped in the open outcomes. */
void delivery_finish(struct shard *shard, struct delivery *delivery)
{
    if (!delivery->row) {
        delivery_forget(shard, delivery);
        return;
    }
    detach(shard, delivery);
    delivery->state = STATE_GHOST;
    delivery->endpoint = NULL;
    paging_haunt(shard, delivery);
}

void delivery_lay(struct shard *shard, struct delivery *ghost)
{
    must(ghost->state == STATE_GHOST);
    table_drop(&shard->deliveries.with_rows, &ghost->node);
    pool_give(&shard->deliveries.pool, ghost);
}

static void become_behind(struct delivery *delivery)
{
    delivery->state = STATE_BEHIND;
    delivery->endpoint->behind_count++;
}

/* It was the first of its lane until one came that has to go before it. */
static void step_back(struct delivery *delivery)
{
    list_remove(&delivery->link);
    count_ready(delivery, -1);
    become_behind(delivery);
}

void delivery_become_ready(struct shard *shard, struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    bool is_retry = delivery->attempt_count > 0;
    if (!lane_enter(shard, delivery)) {
        become_behind(delivery);
        return;
    }
    struct delivery *after = lane_after(delivery);
    if (after && after->state == STATE_READY)
        step_back(after);
    delivery->state = STATE_READY;
    list_push_back(is_retry ? &endpoint->again : &endpoint->ready, &delivery->link);
    count_ready(delivery, 1);
    endpoint_update_turn(shard, endpoint);
}

bool delivery_waits_are_full(const struct shard *shard)
{
    return shard->deliveries.waiting >= shard->deliveries.waiting_max;
}

void delivery_become_waiting(struct shard *shard, struct delivery *delivery, uint64_t due_ms)
{
    delivery->state = STATE_WAITING;
    list_push_back(&delivery->endpoint->waiting, &delivery->link);
    count_waiting(delivery, 1);
    wheel_arm(&shard->wheel, &delivery->due, due_ms);
}

/* ---- parking ---- */

/* From READY, BEHIND or WAITING to a 'P' row alone. */
static void park(struct shard *shard, struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    struct id event = delivery->event;
    bool is_in_lane = delivery->lane;
    uint64_t key = delivery->key;
    if (delivery->row != ROW_PARKED) {
        outcomes_begin(shard);
        trace_drop_row(shard, delivery);
        trace_put_parked(shard, endpoint, &event, delivery->attempt_count, delivery->row_due_ms);
        if (delivery->row == 0)
            trace_note_parked(shard, endpoint, &event);
        settle(shard, delivery);
        delivery_finish(shard, delivery);
    } else {
        delivery_forget(shard, delivery);
    }
    if (!is_in_lane || !lane_has_rest(shard, endpoint, key, &event))
        endpoint_parked(shard, endpoint, &event);
}

/* And before it what is behind it. False: there is not room for all of them now. */
bool delivery_park_from(struct shard *shard, struct delivery *delivery)
{
    struct delivery *last = NULL;
    while (last != delivery) {
        if (!outcomes_have_room(shard))
            return false;
        last = lane_last(delivery);
        park(shard, last);
    }
    return true;
}

void delivery_park_all(struct shard *shard, struct endpoint *endpoint)
{
    struct list_node *node = endpoint->lanes.next;
    while (node != &endpoint->lanes) {
        struct lane *lane = container_of(node, struct lane, link);
        node = node->next;
        struct delivery *first = lane_idle(lane, &(struct id){0});
        if (first && !delivery_park_from(shard, first))
            return;
    }
    while (endpoint->ready_count > 0 && outcomes_have_room(shard))
        park(shard, endpoint_next(shard, endpoint));
}

uint64_t delivery_due_ms(const struct shard *shard, uint64_t wall_ms)
{
    return wall_ms > shard->wall_ms ? shard->now_ms + (wall_ms - shard->wall_ms) + 1
                                    : shard->now_ms;
}

/* ---- waiting and loading ---- */

/* Whether there is a place for it among what is ready. */
static bool may_load(const struct shard *shard, const struct endpoint *endpoint)
{
    return shard->deliveries.fetched_bytes < shard->memory.arena_size / 4 &&
           endpoint->ready_count <= endpoint->subscription->concurrency.max &&
           !endpoint_is_shut(shard, endpoint);
}

/* A retry that cannot go now waits for its turn like all that is parked. */
static void become_loading(struct delivery *delivery)
{
    delivery->state = STATE_LOADING;
    delivery->endpoint->loading_count++;
}

/* Its 'D' row is read with its event, and has to tell of its last attempt. */
static void fall_due(struct timer *timer)
{
    struct delivery *delivery = container_of(timer, struct delivery, due);
    struct shard *shard = delivery->shard;
    bool is_wanted = may_load(shard, delivery->endpoint);
    bool is_written = delivery->written_sequence <= shard->outcomes.committed;
    if (!shard->stopping && is_wanted && is_written && paging_load(shard, delivery))
        become_loading(delivery);
    else if (shard->stopping || is_wanted || !delivery_park_from(shard, delivery))
        wheel_arm(&shard->wheel, timer, shard->now_ms + (is_written ? LOAD_AGAIN_MS : WRITE_MS));
}

void delivery_loaded(struct shard *shard, struct delivery *delivery, struct fetched_event *event)
{
    struct endpoint *endpoint = delivery->endpoint;
    must(delivery->state == STATE_LOADING);
    endpoint->loading_count--;
    if (endpoint->deleted) {
        if (event)
            paging_give_back(shard, event);
        delivery_forget(shard, delivery);
        endpoint_free_if_over(shard, endpoint);
        return;
    }
    if (!event) {
        arrival_gone(shard, delivery);
        return;
    }
    list_remove(&delivery->link);
    count_waiting(delivery, -1);
    if (!delivery->lane)
        delivery->key = lane_key(shard, endpoint->subscription, event->event.payload);
    arrival_hold_event(shard, delivery, event);
    delivery_become_ready(shard, delivery);
}

void delivery_load_failed(struct shard *shard, struct delivery *delivery)
{
    delivery->state = STATE_WAITING;
    delivery->endpoint->loading_count--;
    wheel_arm(&shard->wheel, &delivery->due, shard->now_ms + LOAD_FAILED_MS);
    endpoint_update_turn(shard, delivery->endpoint);
}

/* ---- sending ---- */

static void become_sending(struct delivery *delivery, struct attempt *attempt)
{
    struct endpoint *endpoint = delivery->endpoint;
    must(delivery->state == STATE_READY);
    list_remove(&delivery->link);
    count_ready(delivery, -1);
    list_push_back(&endpoint->sending, &delivery->link);
    delivery->shard->deliveries.sending++;
    delivery->attempt = attempt;
    delivery->state = STATE_SENDING;
    delivery->is_sent = false;
}

bool delivery_start(struct shard *shard, struct delivery *delivery)
{
    struct endpoint *endpoint = delivery->endpoint;
    endpoint_look_at_reach(shard, endpoint);
    struct attempt *attempt = attempt_make(shard, delivery);
    if (!attempt)
        return false;
    endpoint_begin(shard, endpoint, delivery->attempt_count > 0, &attempt->pass);
    struct list_node *node = &delivery->link;
    for (unsigned i = 0; i < attempt->count; i++) {
        struct delivery *each = container_of(node, struct delivery, link);
        node = node->next;
        become_sending(each, attempt);
        if (each != delivery)
            list_push_back(&attempt->others, &each->together);
    }
    attempt_start(attempt); /* it may have ended already */
    return true;
}

void delivery_sent(struct delivery *delivery, bool is_sent)
{
    delivery->is_sent = is_sent;
}

/* In its lane until its retry. If too many wait like this, all of the endpoint does so on disk. */
static void hold_lane(struct shard *shard, struct delivery *delivery, uint64_t due_ms)
{
    delivery_set_row(shard, delivery, ROW_PARKED);
    release_bytes(shard, delivery);
    delivery_become_waiting(shard, delivery, due_ms);
    if (!delivery_waits_are_full(shard))
        return;
    endpoint_hold(shard, delivery->endpoint, due_ms);
    (void)!delivery_park_from(shard, delivery); /* what finds no room is parked when it falls due */
}

/* Until a retry: in memory if it is due soon, else as its row alone. */
static void wait_until(struct shard *shard, struct delivery *delivery, uint64_t due_ms)
{
    if (delivery->lane) {
        hold_lane(shard, delivery, delivery_due_ms(shard, due_ms));
        return;
    }
    if (!paging_wants(shard, due_ms)) {
        delivery_finish(shard, delivery);
        return;
    }
    delivery_set_row(shard, delivery, ROW_RETRY);
    delivery->row_due_ms = due_ms;
    release_bytes(shard, delivery);
    delivery_become_waiting(shard, delivery, delivery_due_ms(shard, due_ms));
}

/* Nothing was sent, or the program stops: as if the attempt had not begun. */
static void take_back(struct shard *shard, struct delivery *delivery, bool no_connection)
{
    bool has_event = delivery->share || delivery->fetched;
    if (no_connection)
        shard->dispatch_after_ms = shard->now_ms + CONNECTIONS_AGAIN_MS;
    if (delivery->lane && delivery->row && (!has_event || shard->stopping)) {
        release_bytes(shard, delivery); /* its event is read back */
        delivery_become_waiting(shard, delivery, shard->now_ms);
        return;
    }
    delivery_become_ready(shard, delivery);
    if (!delivery->lane && (!has_event || shard->stopping))
        park(shard, delivery);
}

/* The subscription has gone while the attempt was on its way. */
static void end_deleted(struct shard *shard, struct delivery *delivery,
                        struct attempt_record *record)
{
    record->status_after =
        record->outcome == ATTEMPT_DELIVERED ? DELIVERY_DELIVERED : DELIVERY_CANCELLED;
    outcomes_attempt(shard, record);
    settle(shard, delivery);
    delivery_forget(shard, delivery);
}

/* `record` tells of the attempt, and is of this delivery from now on. */
static void end_one(struct shard *shard, struct delivery *delivery, struct attempt_record *record)
{
    record->event = delivery->event;
    record->number = ++delivery->attempt_count;
    record->next_attempt_ms = 0;
    outcomes_begin(shard);
    if (delivery->endpoint->deleted) {
        end_deleted(shard, delivery, record);
        return;
    }
    verdict_write(shard, delivery, record);
    settle(shard, delivery);
    delivery->written_sequence = shard->outcomes.sequence;
    if (record->status_after == DELIVERY_RETRYING)
        wait_until(shard, delivery, record->next_attempt_ms);
    else
        delivery_finish(shard, delivery);
}

static void leave_sending(struct delivery *delivery)
{
    list_remove(&delivery->link);
    list_remove(&delivery->together);
    delivery->shard->deliveries.sending--;
}

void delivery_answered(struct shard *shard, struct delivery *delivery, const struct http_call *call)
{
    struct endpoint *endpoint = delivery->endpoint;
    struct attempt *attempt = delivery->attempt;
    struct attempt_texts texts;
    struct attempt_record record = {.subscription = endpoint->id, .tenant = endpoint->tenant};
    bool has_no_connection = call->outcome == HTTP_NO_CONNECTION;
    bool never_was = has_no_connection || call->outcome == HTTP_CANCELLED;
    bool is_lost = never_was && !endpoint->deleted;

    if (!is_lost) {
        attempt_describe(attempt, &record, &texts);
        shard->metrics.attempts[record.outcome]++;
        histogram_add(&shard->metrics.attempt_us, (call->end_ns - call->start_ns) / 1000);
    }
    for (unsigned left = attempt->count; left > 0; left--) {
        leave_sending(delivery);
        struct list_node *next = attempt->others.next;
        if (is_lost)
            take_back(shard, delivery, has_no_connection);
        else
            end_one(shard, delivery, &record);
        delivery = container_of(next, struct delivery, together);
    }

    bool tells = !is_lost && !endpoint->deleted && !attempt->is_outdated;
    endpoint_end(shard, endpoint, attempt, tells ? &record : NULL);
    if (!endpoint_free_if_over(shard, endpoint))
        endpoint_update_turn(shard, endpoint);
}

/* Of a deleted subscription: no trace is needed, for after a restart nobody owns it either. */
static void settle_without_trace(struct delivery *delivery)
{
    delivery->settled = true;
    list_remove(&delivery->young);
    delivery->share->unsettled--; /* looked at when the share is released */
}

/* ---- what takes too long ---- */

/* A row for an attempt that is still on its way, so that its event need not be found by recovery;
 * and the block's bytes if they are not needed any more. */
static void put_trace(struct shard *shard, struct delivery *delivery)
{
    if (delivery->endpoint->deleted) {
        settle_without_trace(delivery);
        return;
    }
    outcomes_begin(shard);
    trace_put_parked(shard, delivery->endpoint, &delivery->event, delivery->attempt_count,
                     delivery->row_due_ms);
    trace_note_parked(shard, delivery->endpoint, &delivery->event);
    settle(shard, delivery);
    delivery_set_row(shard, delivery, ROW_PARKED);
    if (delivery->is_sent)
        release_bytes(shard, delivery);
}

void delivery_sweep(struct shard *shard)
{
    struct list_node *young = &shard->deliveries.young;
    while (list_is_linked(young) && outcomes_have_room(shard)) {
        struct delivery *delivery = container_of(young->next, struct delivery, young);
        if (shard->now_ms < delivery->taken_ms + LIMIT_UNSETTLED_MS && !shard->stopping)
            return;
        if (delivery->state != STATE_READY && delivery->state != STATE_BEHIND)
            put_trace(shard, delivery);
        else if (!delivery_park_from(shard, delivery))
            return;
    }
}

/* ---- ends from outside ---- */

/* The subscription was deleted. No trace is needed: after a restart nobody owns these either, and
 * their rows are erased. */
static void cancel(struct shard *shard, struct delivery *delivery)
{
    shard->metrics.deliveries_cancelled++;
    if (!delivery->settled)
        settle_without_trace(delivery);
    delivery_forget(shard, delivery);
}

void delivery_cancel_all(struct shard *shard, struct endpoint *endpoint)
{
    struct list_node *node = endpoint->lanes.next;
    for (; node != &endpoint->lanes; node = node->next) {
        struct delivery *last, *first = lane_first(container_of(node, struct lane, link));
        while ((last = lane_last(first)) != first)
            cancel(shard, last);
    }
    while (endpoint->ready_count > 0)
        cancel(shard, endpoint_next(shard, endpoint));

    node = endpoint->waiting.next;
    while (node != &endpoint->waiting) {
        struct delivery *delivery = container_of(node, struct delivery, link);
        node = node->next;
        if (delivery->state == STATE_WAITING) /* what is being loaded ends in delivery_loaded() */
            cancel(shard, delivery);
    }
}

void delivery_abort_all(struct shard *shard, struct endpoint *endpoint)
{
    struct list_node *node = endpoint->sending.next;
    while (node != &endpoint->sending) {
        struct attempt *attempt = container_of(node, struct delivery, link)->attempt;
        while (node != &endpoint->sending && /* those of a batch are side by side */
               container_of(node, struct delivery, link)->attempt == attempt)
            node = node->next;
        http_client_cancel(shard->client, &attempt->call);
    }
}
