/* What an attempt's end means for its delivery. Replaced are who writes (outcomes.c and trace.c, by
 * ones that take down what they are told), who knows the schedule, who notes outages, who reports
 * to control, and the clock. */
#include "verdict.h"

#include "attempt.h"
#include "base/clock.h"
#include "retry.h"
#include "shard.h"
#include "trace.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { ACCEPTED_MS = 1000, NOW_MS = 5000, SCHEDULE_MS = 60000, BLOCK = 42 };

static struct shard shard;
static struct subscription subscription;
static struct endpoint endpoint = {.id = {{7}}, .subscription = &subscription};
static struct attempt attempt;
static struct delivery delivery = {.endpoint = &endpoint, .attempt = &attempt, .attempt_count = 1};
static struct attempt_record record;

/* ---- in place of clock.c, retry.c, outage.c and report.c ---- */

static uint64_t schedule_ms = SCHEDULE_MS;
static struct {
    unsigned successes, failures, disabled;
    enum disabled_reason reason;
} told;

uint64_t clock_wall_ms(void)
{
    return NOW_MS;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

uint64_t retry_wait_ms(const struct subscription *of, uint32_t failures, struct random *random)
{
    cr_assert(of == &subscription);
    cr_assert(eq(u32, failures, delivery.attempt_count));
    cr_assert(random == &shard.random);
    return schedule_ms;
}

void outage_note(struct shard *noter, struct endpoint *of, bool is_success)
{
    cr_assert(noter == &shard);
    cr_assert(of == &endpoint);
    told.successes += is_success;
    told.failures += !is_success;
}

void report_disable(struct shard *reporter, struct endpoint *of, enum disabled_reason reason)
{
    cr_assert(reporter == &shard);
    cr_assert(of == &endpoint);
    told.disabled++;
    told.reason = reason;
}

/* ---- in place of outcomes.c and trace.c ---- */

static struct {
    char steps[64];
    struct attempt_record attempt;
    struct key wait;
    uint32_t attempt_count;
    uint64_t due_ms;
} written;

static void step(const char *name)
{
    size_t size = strlen(written.steps);
    snprintf(written.steps + size, sizeof written.steps - size, "%s%s", size ? " " : "", name);
}

uint64_t outcomes_attempt(struct shard *writer, const struct attempt_record *made)
{
    cr_assert(writer == &shard);
    step("attempt");
    written.attempt = *made;
    return BLOCK;
}

void trace_drop_row(struct shard *writer, const struct delivery *of)
{
    cr_assert(writer == &shard);
    cr_assert(of == &delivery);
    step("drop");
}

void trace_put_wait(struct shard *writer, const struct key *key, uint32_t attempt_count,
                    uint64_t due_ms)
{
    cr_assert(writer == &shard);
    step("wait");
    written.wait = *key;
    written.attempt_count = attempt_count;
    written.due_ms = due_ms;
}

void trace_put_state(struct shard *writer, const struct delivery *of,
                     const struct attempt_record *after, uint64_t block)
{
    cr_assert(writer == &shard);
    cr_assert(of == &delivery);
    cr_assert(after == &record);
    cr_assert(eq(u64, block, BLOCK), "where the attempt is");
    step("state");
}

/* ---- the stage ---- */

static void be_quiet(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    delivery.event = place_id(ACCEPTED_MS, (struct place){0, 1, 0});
}

TestSuite(verdict, .init = be_quiet);

static void end(enum attempt_outcome outcome, int status)
{
    record.outcome = outcome;
    record.http_status = (uint16_t)status;
    verdict_write(&shard, &delivery, &record);
    cr_assert(eq(int, (int)written.attempt.status_after, (int)record.status_after),
              "is on record as what it came to");
}

static void expect_retry_at(uint64_t due_ms)
{
    struct key key = key_retry(due_ms, &endpoint.id, &delivery.event);
    cr_expect(eq(int, (int)record.status_after, DELIVERY_RETRYING));
    cr_expect(eq(u64, record.next_attempt_ms, due_ms));
    cr_expect(eq(u64, written.attempt.next_attempt_ms, due_ms));
    cr_expect(eq(u64, written.due_ms, due_ms));
    cr_expect(slice_equal(key_slice(&written.wait), key_slice(&key)));
    cr_expect(eq(u32, written.attempt_count, delivery.attempt_count));
}

/* ---- delivered ---- */

Test(verdict, writes_the_attempt_alone_for_what_is_delivered_at_once)
{
    end(ATTEMPT_DELIVERED, 200);
    cr_expect(eq(int, (int)record.status_after, DELIVERY_DELIVERED));
    cr_expect_str_eq(written.steps, "attempt");
    cr_expect(eq(u64, shard.metrics.deliveries_delivered, 1));
    cr_expect(eq(u32, told.successes, 1));
}

Test(verdict, writes_how_it_stands_when_it_was_tried_again)
{
    delivery.attempt_count = 2;
    end(ATTEMPT_DELIVERED, 200);
    cr_expect_str_eq(written.steps, "attempt drop state");
}

Test(verdict, drops_the_row_of_what_was_parked_before_its_first_attempt)
{
    delivery.row = ROW_PARKED;
    end(ATTEMPT_DELIVERED, 200);
    cr_expect_str_eq(written.steps, "attempt drop state");
}

Test(verdict, tells_how_long_a_first_attempt_took_from_the_accept)
{
    end(ATTEMPT_DELIVERED, 200);
    cr_expect(eq(u64, shard.metrics.deliver_us.count, 1));
    cr_expect(eq(u64, shard.metrics.deliver_us.max, (NOW_MS - ACCEPTED_MS) * 1000));
    delivery.attempt_count = 2;
    end(ATTEMPT_DELIVERED, 200);
    cr_expect(eq(u64, shard.metrics.deliver_us.count, 1), "a retry's wait is no latency");
}

Test(verdict, takes_no_time_when_the_clock_was_set_back)
{
    delivery.event = place_id(NOW_MS + 10, (struct place){0, 1, 0});
    end(ATTEMPT_DELIVERED, 200);
    cr_expect(eq(u64, shard.metrics.deliver_us.count, 1));
    cr_expect(zero(u64, shard.metrics.deliver_us.max));
}

/* ---- to be tried again ---- */

Test(verdict, tries_again_by_the_schedule_and_never_early)
{
    end(ATTEMPT_HTTP_ERROR, 500);
    expect_retry_at(NOW_MS + SCHEDULE_MS + 1);
    cr_expect_str_eq(written.steps, "attempt drop wait state");
    cr_expect(eq(u64, shard.metrics.deliveries_retried, 1));
    cr_expect(eq(u32, told.failures, 1));
    cr_expect(zero(u32, told.disabled));
}

Test(verdict, waits_for_as_long_as_the_receiver_asks)
{
    attempt.retry_after_ms = 2 * SCHEDULE_MS;
    end(ATTEMPT_HTTP_ERROR, 503);
    expect_retry_at(NOW_MS + 2 * SCHEDULE_MS + 1);
}

Test(verdict, waits_for_as_long_as_the_schedule_if_less_was_asked_for)
{
    attempt.retry_after_ms = 1;
    end(ATTEMPT_HTTP_ERROR, 503);
    expect_retry_at(NOW_MS + SCHEDULE_MS + 1);
}

Test(verdict, tries_again_at_once_with_a_new_token)
{
    attempt.is_outdated = true;
    end(ATTEMPT_HTTP_ERROR, 401);
    expect_retry_at(NOW_MS + 1);
}

Test(verdict, lets_a_new_token_have_its_attempt_after_the_schedule)
{
    attempt.is_outdated = true;
    schedule_ms = RETRY_NEVER;
    end(ATTEMPT_HTTP_ERROR, 401);
    expect_retry_at(NOW_MS + 1);
}

Test(verdict, parks_what_is_in_a_lane_so_that_it_keeps_its_place)
{
    struct lane lane;
    struct key key = key_row(ROW_PARKED, &endpoint.id, &delivery.event);
    delivery.lane = &lane;
    end(ATTEMPT_TIMEOUT, 0);
    cr_expect(eq(int, (int)record.status_after, DELIVERY_RETRYING));
    cr_expect(slice_equal(key_slice(&written.wait), key_slice(&key)));
    cr_expect(eq(u64, written.due_ms, NOW_MS + SCHEDULE_MS + 1));
}

/* ---- dead ---- */

Test(verdict, is_death_when_the_schedule_is_over)
{
    struct key key = key_row(ROW_DEAD, &endpoint.id, &delivery.event);
    schedule_ms = RETRY_NEVER;
    delivery.attempt_count = 6;
    end(ATTEMPT_CONNECT_REFUSED, 0);
    cr_expect(eq(int, (int)record.status_after, DELIVERY_DEAD));
    cr_expect(zero(u64, record.next_attempt_ms));
    cr_expect_str_eq(written.steps, "attempt drop state wait");
    cr_expect(slice_equal(key_slice(&written.wait), key_slice(&key)));
    cr_expect(eq(u32, written.attempt_count, 6));
    cr_expect(zero(u64, written.due_ms));
    cr_expect(eq(u64, shard.metrics.deliveries_dead, 1));
    cr_expect(zero(u64, shard.metrics.deliveries_retried));
}

Test(verdict, is_death_whatever_the_receiver_asks_for)
{
    schedule_ms = RETRY_NEVER;
    attempt.retry_after_ms = 1000;
    end(ATTEMPT_HTTP_ERROR, 503);
    cr_expect(eq(int, (int)record.status_after, DELIVERY_DEAD));
}

Test(verdict, disables_what_is_gone_and_keeps_the_delivery)
{
    end(ATTEMPT_HTTP_ERROR, 410);
    cr_expect(eq(u32, told.disabled, 1));
    cr_expect(eq(int, (int)told.reason, DISABLED_GONE));
    expect_retry_at(NOW_MS + SCHEDULE_MS + 1);
}
