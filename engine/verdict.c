/* verdict.c - see verdict.h. */
#include "verdict.h"

#include "attempt.h"
#include "base/clock.h"
#include "base/log.h"
#include "retry.h"
#include "shard.h"
#include "trace.h"

static void deliver(struct shard *shard, struct delivery *delivery, struct attempt_record *record)
{
    record->status_after = DELIVERY_DELIVERED;
    uint64_t block = outcomes_attempt(shard, record);
    if (delivery->row || delivery->attempt_count > 1) {
        trace_drop_row(shard, delivery);
        trace_put_state(shard, delivery, record, block);
    }
    uint64_t now_ms = clock_wall_ms();
    uint64_t accepted_ms = id_time_ms(&delivery->event);
    shard->metrics.deliveries_delivered++;
    if (delivery->attempt_count == 1)
        histogram_add(&shard->metrics.deliver_us,
                      now_ms > accepted_ms ? (now_ms - accepted_ms) * 1000 : 0);
}

/* The last failure: a dead letter. */
static void bury(struct shard *shard, struct delivery *delivery, struct attempt_record *record)
{
    struct key key = key_row(ROW_DEAD, &delivery->endpoint->id, &delivery->event);
    record->status_after = DELIVERY_DEAD;
    uint64_t block = outcomes_attempt(shard, record);
    trace_drop_row(shard, delivery);
    trace_put_state(shard, delivery, record, block);
    trace_put_wait(shard, &key, delivery->attempt_count, 0);
    shard->metrics.deliveries_dead++;
    LOG(LOG_WARN, "delivery is dead", log_id("event", "evt", &delivery->event),
        log_id("subscription", "sub", &delivery->endpoint->id),
        log_u64("attempts", delivery->attempt_count),
        log_str("outcome", attempt_outcome_name(record->outcome)),
        log_u64("status", record->http_status));
}

static void schedule(struct shard *shard, struct delivery *delivery, struct attempt_record *record,
                     uint64_t due_ms)
{
    const struct id *subscription = &delivery->endpoint->id;
    struct key key = delivery->lane ? key_row(ROW_PARKED, subscription, &delivery->event)
                                    : key_retry(due_ms, subscription, &delivery->event);
    record->status_after = DELIVERY_RETRYING;
    record->next_attempt_ms = due_ms;
    uint64_t block = outcomes_attempt(shard, record);
    trace_drop_row(shard, delivery);
    trace_put_wait(shard, &key, delivery->attempt_count, due_ms);
    trace_put_state(shard, delivery, record, block);
    shard->metrics.deliveries_retried++;
}

/* The wall time of now_ms, by the clock as it is: it may have been set since the last wait. */
static void set_wall(struct shard *shard, uint64_t wall_ms)
{
    shard->wall_ms = wall_ms - (clock_monotonic_ns() / 1000000 - shard->now_ms);
}

/* All of a batch are due together. */
static uint64_t retry_due_ms(struct shard *shard, struct attempt *attempt, uint64_t wait_ms)
{
    if (attempt->due_ms == 0) {
        uint64_t wall_ms = clock_wall_ms();
        set_wall(shard, wall_ms);
        attempt->due_ms = wall_ms + wait_ms + 1; /* the clock's fraction: never early */
    }
    return attempt->due_ms;
}

/* Failures of this schedule: one that was redelivered has begun a new one. */
static uint32_t failures_of(const struct delivery *delivery)
{
    uint32_t before = delivery->fetched ? delivery->fetched->row.attempts_before : 0;
    return delivery->attempt_count > before ? delivery->attempt_count - before : 1;
}

void verdict_write(struct shard *shard, struct delivery *delivery, struct attempt_record *record)
{
    struct attempt *attempt = delivery->attempt;
    outage_note(shard, delivery->endpoint, record->outcome == ATTEMPT_DELIVERED);
    if (record->outcome == ATTEMPT_DELIVERED) {
        deliver(shard, delivery, record);
        return;
    }

    uint64_t wait_ms =
        retry_wait_ms(delivery->endpoint->subscription, failures_of(delivery), &shard->random);
    if (wait_ms < attempt->retry_after_ms || attempt->is_outdated)
        wait_ms = attempt->retry_after_ms;
    if (record->http_status == 410)
        report_disable(shard, delivery->endpoint, DISABLED_GONE);
    if (wait_ms == RETRY_NEVER)
        bury(shard, delivery, record);
    else
        schedule(shard, delivery, record, retry_due_ms(shard, attempt, wait_ms));
}
