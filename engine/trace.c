/* trace.c - see trace.h. */
#include "trace.h"

#include "base/clock.h"
#include "shard.h"

void trace_put_wait(struct shard *shard, const struct key *key, uint32_t attempt_count,
                    uint64_t due_ms)
{
    char value[WAIT_ROW_SIZE];
    wait_row_encode(&(struct wait_row){attempt_count, due_ms}, value);
    outcomes_put(shard, key, slice_of(value, sizeof value));
}

void trace_drop_row(struct shard *shard, const struct delivery *delivery)
{
    const struct id *subscription = &delivery->endpoint->id;
    struct key key;
    if (delivery->row == ROW_PARKED)
        key = key_row(ROW_PARKED, subscription, &delivery->event);
    else if (delivery->row == ROW_RETRY)
        key = key_retry(delivery->row_due_ms, subscription, &delivery->event);
    else
        return;
    outcomes_drop(shard, &key);
}

static void put_row(struct shard *shard, const struct endpoint *endpoint, const struct id *event,
                    const struct delivery_row *row)
{
    char value[DELIVERY_ROW_SIZE_MAX];
    struct key key = key_row(ROW_DELIVERY, &endpoint->id, event);
    outcomes_put(shard, &key, slice_of(value, delivery_row_encode(row, value)));
}

void trace_put_state(struct shard *shard, const struct delivery *delivery,
                     const struct attempt_record *record, uint64_t block)
{
    struct delivery_row row = {0};
    if (delivery->fetched)
        row = delivery->fetched->row;
    if (row.block_count == RECORD_ATTEMPTS_KEPT) {
        memmove(&row.blocks[0], &row.blocks[1], (RECORD_ATTEMPTS_KEPT - 1) * sizeof row.blocks[0]);
        row.block_count--;
    }
    row.blocks[row.block_count++] = block;
    row.status = record->status_after;
    row.last_outcome = record->outcome;
    row.last_http_status = record->http_status;
    row.attempt_count = delivery->attempt_count;
    row.next_attempt_ms = record->next_attempt_ms;
    row.updated_ms = clock_wall_ms();
    put_row(shard, delivery->endpoint, &delivery->event, &row);
}

void trace_put_again(struct shard *shard, const struct endpoint *endpoint, const struct id *event,
                     const struct delivery_row *ended)
{
    struct key dead = key_row(ROW_DEAD, &endpoint->id, event);
    struct delivery_row row = *ended;
    if (ended->status == DELIVERY_DEAD)
        outcomes_drop(shard, &dead);
    row.status = DELIVERY_PENDING;
    row.attempts_before = row.attempt_count;
    row.next_attempt_ms = 0;
    row.updated_ms = clock_wall_ms();
    trace_put_parked(shard, endpoint, event, row.attempt_count, 0);
    put_row(shard, endpoint, event, &row);
}

void trace_put_given_up(struct shard *shard, const struct endpoint *endpoint,
                        const struct id *event, const struct delivery_row *ended)
{
    struct key dead = key_row(ROW_DEAD, &endpoint->id, event);
    struct delivery_row row = *ended;
    outcomes_drop(shard, &dead);
    row.status = DELIVERY_CANCELLED;
    row.updated_ms = clock_wall_ms();
    put_row(shard, endpoint, event, &row);
}

uint64_t trace_put_note(struct shard *shard, const struct endpoint *endpoint,
                        const struct id *event, struct attempt_record *note)
{
    note->event = *event;
    note->subscription = endpoint->id;
    note->tenant = endpoint->tenant;
    note->at_ms = clock_wall_ms();
    return outcomes_attempt(shard, note);
}

void trace_put_parked(struct shard *shard, const struct endpoint *endpoint, const struct id *event,
                      uint32_t attempt_count, uint64_t due_ms)
{
    struct key key = key_row(ROW_PARKED, &endpoint->id, event);
    trace_put_wait(shard, &key, attempt_count, due_ms);
    shard->metrics.deliveries_parked++;
}

void trace_note_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event)
{
    struct attempt_record note = {.outcome = ATTEMPT_NONE, .status_after = DELIVERY_PENDING};
    trace_put_note(shard, endpoint, event, &note);
}

void trace_park_unknown(struct shard *shard, struct block_share *share,
                        const struct event_record *event, const struct id *subscription)
{
    struct key key = key_row(ROW_PARKED, subscription, &event->event);
    struct attempt_record note = {.event = event->event,
                                  .subscription = *subscription,
                                  .tenant = event->tenant,
                                  .at_ms = clock_wall_ms(),
                                  .status_after = DELIVERY_PENDING};
    outcomes_begin(shard);
    trace_put_wait(shard, &key, 0, 0);
    outcomes_attempt(shard, &note);
    share->unsettled++;
    outcomes_settle(shard, share);
}
