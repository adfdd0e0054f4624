/* Recovery against a small engine that stops in the middle of things: afterwards exactly the
 * deliveries that nothing was logged of are parked anew, once, and every row is at its home. */
#include "store/recovery.h"

#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

static struct world world;

static void setup(void)
{
    world_open(&world, 3, 11);
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(recovery, .init = setup, .fini = teardown);

static struct world_delivery *find_delivery(const struct id *event, const struct id *subscription)
{
    for (size_t i = 0; i < world.delivery_count; i++) {
        struct world_delivery *delivery = &world.deliveries[i];
        if (id_equal(&world.events[delivery->event].id, event) &&
            id_equal(&world.subscriptions[delivery->subscription], subscription))
            return delivery;
    }
    return NULL;
}

/* Rows of a family that begin with `kind`; checks that each is at its home. */
static size_t count_rows(unsigned shard, enum row_kind kind)
{
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    struct family queue = {FAMILY_QUEUE, shard};
    cr_assert(zero(int, cursor_open(&cursor, world.scratch.db, queue, all, all)));
    size_t count = 0;
    for (bool found = cursor_first(cursor); found; found = cursor_next(cursor)) {
        struct slice key = cursor_key(cursor);
        if (key.at[0] != (char)kind)
            continue;
        struct id subscription, event;
        enum row_kind parsed;
        uint64_t due_ms;
        int error = kind == ROW_RETRY ? key_parse_retry(key, &due_ms, &subscription, &event)
                                      : key_parse_row(key, &parsed, &subscription, &event);
        cr_assert(zero(int, error));
        cr_assert(eq(u32, keys_home(&subscription, world.shards), shard));
        const struct world_delivery *delivery = find_delivery(&event, &subscription);
        cr_assert(delivery != NULL);
        if (kind == ROW_PARKED)
            cr_assert(delivery->parked);
        count++;
    }
    cursor_close(cursor);
    return count;
}

static size_t count_all_rows(enum row_kind kind)
{
    size_t count = 0;
    for (unsigned shard = 0; shard < db_shards(world.scratch.db); shard++)
        count += count_rows(shard, kind);
    return count;
}

static void check_rows(void)
{
    size_t parked = 0, retries = 0, dead = 0, rows = 0;
    for (size_t i = 0; i < world.delivery_count; i++) {
        const struct world_delivery *delivery = &world.deliveries[i];
        parked += delivery->parked;
        rows += delivery->has_row;
        retries += delivery->has_row && delivery->status == DELIVERY_RETRYING;
        dead += delivery->has_row && delivery->status == DELIVERY_DEAD;
    }
    cr_assert(eq(sz, count_all_rows(ROW_PARKED), parked));
    cr_assert(eq(sz, count_all_rows(ROW_RETRY), retries));
    cr_assert(eq(sz, count_all_rows(ROW_DEAD), dead));
    cr_assert(eq(sz, count_all_rows(ROW_DELIVERY), rows));
}

Test(recovery, of_an_empty_database_begins_after_the_gap)
{
    cr_assert(eq(u64, world.report.deliveries_parked, 0));
    cr_assert(eq(u64, world.report.next_event_block[0], 65537));
    cr_assert(eq(u64, world.report.next_attempt_block[2], 1025));
}

Test(recovery, never_gives_a_block_number_twice)
{
    for (int i = 0; i < 5; i++) {
        uint64_t before = world.next_event_block[0], attempts_before = world.next_attempt_block[0];
        world_live(&world, 50);
        cr_assert(lt(u64, attempts_before, world.next_attempt_block[0]));
        attempts_before = world.next_attempt_block[0];
        world_restart(&world, 3);
        cr_assert(ge(u64, world.next_event_block[0], before));
        cr_assert(lt(u64, attempts_before, world.next_attempt_block[0]));
    }
}

static size_t count_untouched(void)
{
    size_t count = 0;
    for (size_t i = 0; i < world.delivery_count; i++)
        count += !world.deliveries[i].touched;
    return count;
}

Test(recovery, parks_exactly_what_nothing_was_logged_of)
{
    for (int round = 0; round < 12; round++) {
        world_live(&world, 1 + (unsigned)random_below(&world.random, 150));
        size_t untouched = count_untouched();
        world_restart(&world, 3);
        cr_assert(eq(u64, world.report.deliveries_parked, untouched));
        check_rows();
    }
}

Test(recovery, of_what_is_recovered_does_nothing)
{
    world_live(&world, 200);
    world_restart(&world, 3);
    cr_assert(lt(u64, 0, world.report.deliveries_parked));
    world_restart(&world, 3);
    cr_assert(eq(u64, world.report.deliveries_parked, 0));
    cr_assert(eq(u64, world.report.blocks_read, 0));
    check_rows();
}

Test(recovery, moves_rows_to_their_new_homes)
{
    static const unsigned shards[] = {5, 1, 4, 2, 8, 8, 3};
    for (size_t i = 0; i < sizeof shards / sizeof shards[0]; i++) {
        world_live(&world, 150);
        world_restart(&world, shards[i]);
        check_rows();
    }
}

Test(recovery, keeps_the_places_of_attempts_over_a_move)
{
    world.shards = 3;
    while (world.delivery_count == 0)
        world_take_events(&world);
    struct world_delivery *delivery = &world.deliveries[0];
    world_settle(&world, delivery, DELIVERY_RETRYING);
    unsigned home = keys_home(&world.subscriptions[delivery->subscription], 3);
    /* As an engine keeps it: the number alone. */
    struct journal_outcomes outcomes = {.shard = home};
    struct delivery_row row = delivery->row;
    row.blocks[0] = attempts_place(row.blocks[0], 0).block;
    row_log_init(&outcomes.rows, world.rows, sizeof world.rows);
    world_move_rows(&world, &outcomes.rows, delivery, false, &row);
    journal_add_outcomes(world.journal, &outcomes);
    world_commit(&world);

    for (unsigned shards = 1; shards < 9; shards++) {
        world_restart(&world, shards);
        unsigned now = keys_home(&world.subscriptions[delivery->subscription], shards);
        struct delivery_row moved;
        cr_assert(zero(int, backlog_delivery(world.scratch.db, now,
                                             &world.subscriptions[delivery->subscription],
                                             &world_event_of(&world, delivery)->id, &moved)));
        struct attempts_place place = attempts_place(moved.blocks[0], now);
        cr_assert(eq(u32, place.shard, home));
        cr_assert(eq(u64, place.block, row.blocks[0]));
    }
}

Test(recovery, says_which_block_is_damaged)
{
    world_take_events(&world);
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    struct key key = key_block(1u << 20);
    batch_put(batch, world.scratch.db, (struct family){FAMILY_EVENTS, 1}, key_slice(&key),
              SLICE("rubbish"));
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
    char why[RECOVERY_WHY_SIZE];
    struct recovery_report report;
    cr_assert(eq(int, recovery_run(world.scratch.db, 3, &report, NULL, why), -EBADMSG));
    cr_assert_str_eq(why, "events-1: block 1048576 is damaged");
}
