/* What the attempts logs say of deliveries without a row: what a small engine knows of them, and
 * without reading more of the logs than can tell of them; by the index, and without one. */
#include "store/attempt_search.h"

#include "store/attempt_index.h"

#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 3, WINDOW_MS = 150 * 1000, BLOCK = 100 /* work to look one up */ };

static struct world world;
static struct attempt_wanted wanted[WORLD_DELIVERIES_MAX];
static const struct world_delivery *which[WORLD_DELIVERIES_MAX];
static size_t count;
static struct attempt_search search;
static bool has_index;

static void setup(void)
{
    world_open(&world, SHARDS, 41);
}

static void setup_with_index(void)
{
    setup();
    has_index = true;
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(attempt_search, .init = setup, .fini = teardown);
TestSuite(attempt_search_by_index, .init = setup_with_index, .fini = teardown);

/* The commit of its event's block. */
static uint64_t commit_of(const struct world_delivery *delivery)
{
    struct event_reader *reader;
    uint64_t commit;
    cr_assert(zero(int, event_reader_open(&reader, world.scratch.db)));
    cr_assert(
        zero(int, event_reader_commit(reader, &world_event_of(&world, delivery)->id, &commit)));
    event_reader_close(reader);
    return commit;
}

static void want(const struct world_delivery *delivery)
{
    which[count] = delivery;
    wanted[count++] = (struct attempt_wanted){
        .event = world_event_of(&world, delivery)->id,
        .subscription = world.subscriptions[delivery->subscription],
        .commit = has_index ? commit_of(delivery) : 0,
        .found = true, /* it is asked anew */
    };
}

static void want_all_without_a_row(void)
{
    count = 0;
    for (size_t i = 0; i < world.delivery_count; i++)
        if (!world.deliveries[i].has_row)
            want(&world.deliveries[i]);
    cr_assert(lt(sz, 0, count));
}

/* As an earlier version left it: drops the row that says since when there is an index, and all that
 * it has, if `all`. */
static void forget_index(bool all)
{
    static const struct family stats = {.kind = FAMILY_STATS};
    struct key since = key_index_since(), below = key_after(&since);
    struct batch *batch;
    struct cursor *cursor;
    cr_assert(zero(int, batch_open(&batch)));
    batch_drop(batch, world.scratch.db, stats, key_slice(&since));
    cr_assert(zero(
        int, cursor_open(&cursor, world.scratch.db, stats, key_slice(&since), key_slice(&below))));
    for (bool found = cursor_first(cursor); found && all; found = cursor_next(cursor))
        batch_drop(batch, world.scratch.db, stats, cursor_key(cursor));
    cursor_close(cursor);
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
}

static void run(void)
{
    search.home_shards = world.shards;
    if (search.work_max == 0)
        search.work_max = UINT64_MAX;
    if (!has_index)
        forget_index(false);
    struct block_reader *blocks;
    cr_assert(zero(int, block_reader_open(&blocks, world.scratch.db, FAMILY_ATTEMPTS)));
    cr_assert(zero(int, attempt_search_run(&search, world.scratch.db, blocks, wanted, count)));
    block_reader_close(blocks);
}

static bool is_over(const struct world_delivery *delivery)
{
    return delivery->status == DELIVERY_DELIVERED || delivery->status == DELIVERY_CANCELLED;
}

/* The attempt at a found one's place is its own. */
static void expect_place(const struct attempt_wanted *found)
{
    struct db_value value;
    struct block_view view;
    struct attempt_record attempt;
    struct slice record;
    struct key key = key_block(found->place.block);
    cr_assert(
        zero(int, db_get(world.scratch.db, (struct family){FAMILY_ATTEMPTS, found->place.shard},
                         key_slice(&key), &value)));
    cr_assert(zero(int, block_open(value.bytes, &view)));
    for (uint32_t i = 0; i <= found->index; i++)
        cr_assert(block_next(&view.records, &record));
    cr_assert(zero(int, attempt_record_decode(record, &attempt)));
    cr_assert(id_equal(&attempt.event, &found->event));
    cr_assert(id_equal(&attempt.subscription, &found->subscription));
    db_value_give(&value);
}

static void expect_as_known(void)
{
    for (size_t i = 0; i < count; i++) {
        cr_assert(eq(int, wanted[i].found, is_over(which[i])), "%zu", i);
        if (!wanted[i].found)
            continue;
        cr_assert(eq(int, (int)wanted[i].status, (int)which[i]->status));
        expect_place(&wanted[i]);
    }
}

/* Takes one event in, of which at least one delivery is made; the last of them. */
static struct world_delivery *take_one(void)
{
    size_t before = world.delivery_count;
    while (world.delivery_count == before)
        world_take_events(&world);
    return &world.deliveries[world.delivery_count - 1];
}

Test(attempt_search, of_nothing_reads_nothing)
{
    world_settle(&world, take_one(), DELIVERY_DELIVERED);
    run();
    cr_expect(zero(u64, search.work));
}

Test(attempt_search, finds_what_went_through_at_the_first_attempt)
{
    world_live(&world, 600);
    want_all_without_a_row();
    run();
    expect_as_known();
}

/* The home of a subscription may be another shard now. */
Test(attempt_search, finds_it_in_the_logs_of_other_homes)
{
    world_live(&world, 300);
    world_restart(&world, SHARDS + 2);
    world_live(&world, 300);
    want_all_without_a_row();
    run();
    expect_as_known();
}

/* A note says that there is a row. */
Test(attempt_search, passes_over_notes_but_for_the_end)
{
    struct world_delivery *parked = take_one();
    world_settle(&world, parked, DELIVERY_PENDING);
    struct world_delivery *cancelled = take_one();
    world_settle(&world, cancelled, DELIVERY_CANCELLED);
    want(parked);
    want(cancelled);
    run();
    cr_expect(not(wanted[0].found));
    cr_assert(wanted[1].found);
    cr_expect(eq(int, (int)wanted[1].status, DELIVERY_CANCELLED));
}

Test(attempt_search, begins_with_the_commit_of_the_event)
{
    struct world_delivery *old = take_one();
    world_settle(&world, old, DELIVERY_DELIVERED);
    want(old);
    wanted[0].commit = UINT64_MAX / 2;
    run();
    cr_expect(not(wanted[0].found));
    cr_expect(zero(u64, search.work));
}

/* The log has one block, of an attempt of another delivery, at about `at_ms`: is it read? */
static bool is_read_at(uint64_t at_ms)
{
    struct world_delivery *pending = take_one();
    uint64_t accepted_ms = id_time_ms(&world_event_of(&world, pending)->id);
    want(pending);
    struct world_delivery *other = take_one();
    world.now_ms = accepted_ms + at_ms;
    world_settle(&world, other, DELIVERY_DELIVERED); /* up to 2 ms later */
    run();
    cr_expect(not(wanted[0].found));
    return search.work > 0;
}

Test(attempt_search, goes_on_as_long_as_a_first_attempt_may_take)
{
    cr_expect(is_read_at(WINDOW_MS - 2));
}

Test(attempt_search, ends_where_no_first_attempt_can_be)
{
    cr_expect(not(is_read_at(WINDOW_MS + 1)));
}

Test(attempt_search, ends_when_all_is_found)
{
    struct world_delivery *first = take_one();
    world_settle(&world, first, DELIVERY_DELIVERED);
    want(first);
    for (unsigned i = 0; i < 50; i++)
        world_settle(&world, take_one(), DELIVERY_DELIVERED);
    run();
    cr_expect(wanted[0].found);
    cr_expect(eq(u64, search.work, 1));
}

/* Events that are far apart: what lies between them is not read. */
Test(attempt_search, goes_on_where_the_next_one_can_be)
{
    enum { FAR = 40 };
    for (unsigned i = 0; i < 3 * FAR; i++) {
        struct world_delivery *delivery = take_one();
        world_settle(&world, delivery, DELIVERY_DELIVERED);
        if (i % FAR == 0) {
            want(delivery);
            wanted[count - 1].commit = commit_of(delivery);
        }
    }
    run();
    for (size_t i = 0; i < count; i++)
        cr_expect(wanted[i].found);
    cr_expect(eq(u64, search.work, count), "one attempt a block, and no other block");
}

/* It is not there: those behind it are found all the same. */
Test(attempt_search, does_not_wait_for_one_for_ever)
{
    struct world_delivery *pending = take_one();
    want(pending);
    wanted[0].commit = commit_of(pending);
    world.now_ms += WINDOW_MS + 1000;
    for (unsigned i = 0; i < 50; i++)
        world_settle(&world, take_one(), DELIVERY_DELIVERED);
    struct world_delivery *last = take_one();
    world_settle(&world, last, DELIVERY_DELIVERED);
    want(last);
    wanted[1].commit = commit_of(last);
    run();
    cr_expect(not(wanted[0].found));
    cr_expect(wanted[1].found);
    cr_expect(eq(u64, search.work, 1));
}

/* Writes a block with an attempt of each, in the log of their common home. */
static void write_attempts(const struct world_delivery *const deliveries[], unsigned attempts)
{
    static const struct delivery_row row = {.status = DELIVERY_DELIVERED, .attempt_count = 1};
    unsigned home = keys_home(&world.subscriptions[deliveries[0]->subscription], SHARDS);
    struct journal_outcomes outcomes = {.shard = home};
    block_init(&outcomes.attempts, BLOCK_ATTEMPTS, home, world.next_attempt_block[home]++,
               world.memory, sizeof world.memory);
    row_log_init(&outcomes.rows, world.rows, sizeof world.rows);
    for (unsigned i = 0; i < attempts; i++)
        world_log_attempt(&world, &outcomes.attempts, deliveries[i], ATTEMPT_DELIVERED, &row);
    journal_add_outcomes(world.journal, &outcomes);
    world_commit(&world);
}

Test(attempt_search, takes_the_last_attempt_and_goes_on_for_the_others)
{
    struct world_delivery *one = take_one(), *two = take_one();
    two->subscription = one->subscription;
    const struct world_delivery *const twice[] = {one, one}, *const once[] = {two};
    write_attempts(twice, 2);
    write_attempts(once, 1);
    want(one);
    want(two);
    run();
    cr_assert(wanted[0].found);
    cr_expect(eq(u32, wanted[0].index, 1));
    cr_assert(wanted[1].found);
    cr_expect(zero(u32, wanted[1].index));
    cr_expect(eq(u64, search.work, 3));
    run();
    cr_expect(eq(u64, search.work, 3), "of each search");
}

Test(attempt_search, gives_up_when_its_work_is_used_up)
{
    for (unsigned i = 0; i < 50; i++)
        world_settle(&world, take_one(), DELIVERY_DELIVERED);
    struct world_delivery *last = take_one();
    world_settle(&world, last, DELIVERY_DELIVERED);
    want(last);
    search.work_max = 3;
    run();
    cr_expect(not(wanted[0].found));
    cr_expect(eq(u64, search.work, 3), "a block has one attempt here");
    search.work_max = 0; /* no limit */
    run();
    cr_expect(wanted[0].found);
}

Test(attempt_search, says_that_a_block_is_broken)
{
    struct batch *batch;
    struct world_delivery *pending = take_one();
    want(pending);
    struct key key = key_block(1000);
    unsigned home = keys_home(&wanted[0].subscription, SHARDS);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, world.scratch.db, (struct family){FAMILY_ATTEMPTS, home}, key_slice(&key),
              SLICE("not a block"));
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
    search.home_shards = SHARDS;
    search.work_max = UINT64_MAX;
    struct block_reader *blocks;
    cr_assert(zero(int, block_reader_open(&blocks, world.scratch.db, FAMILY_ATTEMPTS)));
    cr_expect(
        eq(int, attempt_search_run(&search, world.scratch.db, blocks, wanted, count), -EBADMSG));
    block_reader_close(blocks);
}

/* ---- by the index ---- */

Test(attempt_search_by_index, finds_what_went_through_at_the_first_attempt)
{
    world_live(&world, 600);
    want_all_without_a_row();
    run();
    expect_as_known();
}

Test(attempt_search_by_index, finds_it_in_the_logs_of_other_homes)
{
    world_live(&world, 300);
    world_restart(&world, SHARDS + 2);
    world_live(&world, 300);
    want_all_without_a_row();
    run();
    expect_as_known();
}

/* What an earlier version wrote is read without it. */
Test(attempt_search_by_index, finds_what_is_older_than_the_index)
{
    world_live(&world, 300);
    forget_index(true);
    world_restart(&world, SHARDS);
    world_live(&world, 300);
    want_all_without_a_row();
    run();
    expect_as_known();
}

Test(attempt_search_by_index, reads_nothing_of_what_came_of_others_meanwhile)
{
    struct world_delivery *first = take_one(), *pending = take_one();
    for (unsigned i = 0; i < 50; i++)
        world_settle(&world, take_one(), DELIVERY_DELIVERED);
    world_settle(&world, first, DELIVERY_DELIVERED);
    want(first);
    want(pending);
    run();
    cr_expect(wanted[0].found);
    cr_expect(not(wanted[1].found));
    cr_expect(eq(u64, search.work, BLOCK + 1), "a block has one attempt here");
}

/* Takes an event in, delivers it, with a block for each attempt, and wants all of its deliveries.
 */
static void deliver_one_event(void)
{
    struct world_delivery *last;
    size_t first;
    do {
        last = take_one();
        for (first = world.delivery_count; world.deliveries[first - 1].event == last->event;)
            first--;
    } while (world.delivery_count - first < 3);
    for (size_t i = first; i < world.delivery_count; i++) {
        world_settle(&world, &world.deliveries[i], DELIVERY_DELIVERED);
        want(&world.deliveries[i]);
    }
}

/* Of those that were found, the one whose attempt is the first in the index. */
static const struct attempt_wanted *first_in_index(void)
{
    const struct attempt_wanted *first = &wanted[0];
    for (size_t i = 0; i < count; i++) {
        struct attempts_place place = wanted[i].place;
        bool is_earlier = place.shard == first->place.shard ? place.block < first->place.block
                                                            : place.shard < first->place.shard;
        cr_assert(wanted[i].found);
        if (is_earlier)
            first = &wanted[i];
    }
    return first;
}

Test(attempt_search_by_index, gives_up_when_its_work_is_used_up)
{
    deliver_one_event();
    search.work_max = 1;
    run();
    cr_expect(eq(u64, search.work, BLOCK + 1));
    search.work_max = 0; /* no limit */
    run();
    cr_expect(eq(u64, search.work, (BLOCK + 1) * count));
    first_in_index();
}

Test(attempt_search_by_index, ends_when_all_is_found)
{
    deliver_one_event();
    run();
    wanted[0] = *first_in_index();
    count = 1;
    run();
    cr_expect(wanted[0].found);
    cr_expect(eq(u64, search.work, BLOCK + 1));
}

Test(attempt_search_by_index, goes_on_behind_a_block_that_is_gone)
{
    struct batch *batch;
    deliver_one_event();
    run();
    const struct attempt_wanted *first = first_in_index();
    struct key key = key_block(first->place.block);
    cr_assert(zero(int, batch_open(&batch)));
    batch_drop(batch, world.scratch.db, (struct family){FAMILY_ATTEMPTS, first->place.shard},
               key_slice(&key));
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
    run();
    for (size_t i = 0; i < count; i++)
        cr_expect(eq(int, wanted[i].found, &wanted[i] != first));
}
