/* What a delivery leaves on disk, as it is written into the outcomes: outcomes.c is replaced by
 * one that takes the notes of one transition down, and the clock by one that stands. */
#include "trace.h"

#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { NOW_MS = 1769860800, BLOCK = 42 };

static struct shard shard;
static struct endpoint endpoint = {.id = {{7}}, .tenant = {{8}}};
static struct delivery delivery = {.endpoint = &endpoint, .event = {{9}}, .attempt_count = 3};

/* ---- in place of outcomes.c and clock.c ---- */

static struct {
    unsigned begun, puts, drops, attempts, settled;
    struct key put, dropped;
    char value[DELIVERY_ROW_SIZE_MAX];
    size_t value_size;
    struct attempt_record attempt;
} written;

uint64_t clock_wall_ms(void)
{
    return NOW_MS;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

void outcomes_begin(struct shard *writer)
{
    cr_assert(writer == &shard);
    written.begun++;
}

uint64_t outcomes_attempt(struct shard *writer, const struct attempt_record *attempt)
{
    cr_assert(writer == &shard);
    written.attempts++;
    written.attempt = *attempt;
    return BLOCK;
}

void outcomes_put(struct shard *writer, const struct key *key, struct slice value)
{
    cr_assert(writer == &shard);
    cr_assert(le(sz, value.size, sizeof written.value));
    written.puts++;
    written.put = *key;
    written.value_size = value.size;
    memcpy(written.value, value.at, value.size);
}

void outcomes_drop(struct shard *writer, const struct key *key)
{
    cr_assert(writer == &shard);
    written.drops++;
    written.dropped = *key;
}

void outcomes_settle(struct shard *writer, struct block_share *share)
{
    cr_assert(writer == &shard);
    cr_assert(lt(u32, 0, share->unsettled), "counted before it is settled");
    written.settled++;
}

/* ---- reading what was written ---- */

static bool same_key(const struct key *a, const struct key *b)
{
    return slice_equal(key_slice(a), key_slice(b));
}

static void expect_wait(uint32_t attempt_count)
{
    struct wait_row row;
    cr_assert(eq(u32, written.puts, 1));
    cr_assert(zero(int, wait_row_decode(slice_of(written.value, written.value_size), &row)));
    cr_expect(eq(u32, row.attempt_count, attempt_count));
}

static struct delivery_row state(void)
{
    struct delivery_row row;
    struct key key = key_row(ROW_DELIVERY, &endpoint.id, &delivery.event);
    cr_assert(same_key(&written.put, &key));
    cr_assert(zero(int, delivery_row_decode(slice_of(written.value, written.value_size), &row)));
    return row;
}

/* ---- rows that wait ---- */

Test(trace, counts_attempts_in_the_row_of_a_retry)
{
    struct key key = key_retry(5000, &endpoint.id, &delivery.event);
    trace_put_wait(&shard, &key, 3, 0);
    cr_expect(same_key(&written.put, &key));
    expect_wait(3);
}

Test(trace, parks_under_the_subscription_and_counts_it)
{
    struct key key = key_row(ROW_PARKED, &endpoint.id, &delivery.event);
    trace_put_parked(&shard, &endpoint, &delivery.event, 2, 0);
    cr_expect(same_key(&written.put, &key));
    cr_expect(eq(u64, shard.metrics.deliveries_parked, 1));
    expect_wait(2);
}

Test(trace, drops_a_parked_row_by_its_key)
{
    struct key key = key_row(ROW_PARKED, &endpoint.id, &delivery.event);
    delivery.row = ROW_PARKED;
    trace_drop_row(&shard, &delivery);
    cr_assert(eq(u32, written.drops, 1));
    cr_expect(same_key(&written.dropped, &key));
}

Test(trace, drops_a_retry_by_the_time_it_was_written_for)
{
    struct key key = key_retry(5000, &endpoint.id, &delivery.event);
    delivery.row = ROW_RETRY;
    delivery.row_due_ms = 5000;
    trace_drop_row(&shard, &delivery);
    cr_assert(eq(u32, written.drops, 1));
    cr_expect(same_key(&written.dropped, &key));
}

Test(trace, drops_nothing_of_a_delivery_without_a_row)
{
    trace_drop_row(&shard, &delivery);
    cr_assert(zero(u32, written.drops));
}

/* ---- the state ---- */

Test(trace, says_how_a_delivery_stands_after_an_attempt)
{
    const struct attempt_record record = {.outcome = ATTEMPT_HTTP_ERROR,
                                          .status_after = DELIVERY_RETRYING,
                                          .http_status = 503,
                                          .next_attempt_ms = 5000};
    trace_put_state(&shard, &delivery, &record, BLOCK);

    struct delivery_row row = state();
    cr_expect(eq(int, (int)row.status, DELIVERY_RETRYING));
    cr_expect(eq(int, (int)row.last_outcome, ATTEMPT_HTTP_ERROR));
    cr_expect(eq(u16, row.last_http_status, 503));
    cr_expect(eq(u32, row.attempt_count, 3));
    cr_expect(eq(u64, row.next_attempt_ms, 5000));
    cr_expect(eq(u64, row.updated_ms, NOW_MS));
    cr_expect(eq(u32, row.block_count, 1));
    cr_expect(eq(u64, row.blocks[0], BLOCK));
}

Test(trace, goes_on_from_the_state_that_was_read_back)
{
    const struct attempt_record record = {.status_after = DELIVERY_DEAD};
    struct fetched_event fetched = {
        .row = {.status = DELIVERY_RETRYING, .block_count = 2, .blocks = {10, 11}}};
    delivery.fetched = &fetched;
    trace_put_state(&shard, &delivery, &record, BLOCK);

    struct delivery_row row = state();
    cr_expect(eq(int, (int)row.status, DELIVERY_DEAD));
    cr_expect(eq(u32, row.block_count, 3));
    cr_expect(eq(u64, row.blocks[0], 10));
    cr_expect(eq(u64, row.blocks[2], BLOCK));
    cr_expect(eq(u32, fetched.row.block_count, 2), "what was read is not written to");
}

Test(trace, remembers_the_latest_attempts_of_many)
{
    const struct attempt_record record = {.status_after = DELIVERY_RETRYING};
    struct fetched_event fetched = {.row = {.block_count = RECORD_ATTEMPTS_KEPT}};
    for (uint32_t i = 0; i < RECORD_ATTEMPTS_KEPT; i++)
        fetched.row.blocks[i] = i + 1;
    delivery.fetched = &fetched;
    trace_put_state(&shard, &delivery, &record, BLOCK);

    struct delivery_row row = state();
    cr_assert(eq(u32, row.block_count, RECORD_ATTEMPTS_KEPT));
    for (uint32_t i = 0; i < RECORD_ATTEMPTS_KEPT - 1; i++)
        cr_expect(eq(u64, row.blocks[i], i + 2));
    cr_expect(eq(u64, row.blocks[RECORD_ATTEMPTS_KEPT - 1], BLOCK));
}

/* ---- notes ---- */

static void expect_note(const struct attempt_record *note, enum delivery_status status)
{
    cr_assert(eq(u32, written.attempts, 1));
    cr_expect(id_equal(&note->event, &delivery.event));
    cr_expect(id_equal(&note->subscription, &endpoint.id));
    cr_expect(id_equal(&note->tenant, &endpoint.tenant));
    cr_expect(eq(u64, note->at_ms, NOW_MS));
    cr_expect(eq(int, (int)note->status_after, (int)status));
    cr_expect(zero(u32, note->number), "no attempt");
}

Test(trace, notes_whose_it_is_and_says_where)
{
    struct attempt_record note = {.status_after = DELIVERY_DEAD};
    cr_assert(eq(u64, trace_put_note(&shard, &endpoint, &delivery.event, &note), BLOCK));
    expect_note(&written.attempt, DELIVERY_DEAD);
}

Test(trace, notes_a_parking)
{
    trace_note_parked(&shard, &endpoint, &delivery.event);
    expect_note(&written.attempt, DELIVERY_PENDING);
}

Test(trace, parks_for_a_subscription_that_is_not_known_here)
{
    struct key key = key_row(ROW_PARKED, &endpoint.id, &delivery.event);
    struct block_share share = {0};
    struct event_record event = {.event = delivery.event, .tenant = endpoint.tenant};
    trace_park_unknown(&shard, &share, &event, &endpoint.id);

    cr_assert(eq(u32, written.begun, 1));
    cr_assert(eq(u32, written.settled, 1));
    cr_assert(eq(u32, share.unsettled, 1));
    cr_expect(same_key(&written.put, &key));
    expect_wait(0);
    expect_note(&written.attempt, DELIVERY_PENDING);
}
