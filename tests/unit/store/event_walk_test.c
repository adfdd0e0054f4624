/* The events of all shards, newest first: the same as a list of them that is sorted. */
#include "store/event_walk.h"

#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 3 };

static struct world world;
static struct id sorted[WORLD_EVENTS_MAX]; /* that are no duplicates, newest first */
static size_t count;

static int by_id_descending(const void *a, const void *b)
{
    return memcmp(b, a, sizeof(struct id));
}

static void setup(void)
{
    world_open(&world, SHARDS, 31);
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(event_walk, .init = setup, .fini = teardown);

static void make_events(unsigned blocks)
{
    while (blocks-- > 0)
        world_take_events(&world);
    for (size_t i = 0; i < world.event_count; i++)
        if (!world.events[i].duplicate)
            sorted[count++] = world.events[i].id;
    qsort(sorted, count, sizeof sorted[0], by_id_descending);
}

static struct event_walk *open_walk(const struct id *before, uint64_t since_ms, uint64_t until_ms)
{
    struct event_walk *walk;
    cr_assert(zero(int, event_walk_open(&walk, world.scratch.db, before, since_ms, until_ms)));
    return walk;
}

/* It begins with the event of sorted[i] or a newer one, and from there on has each, down to
 * sorted[end - 1] at least. */
static void expect_from(struct event_walk *walk, size_t i, size_t end)
{
    struct event_record event;
    int error;
    do
        error = event_walk_next(walk, &event);
    while (error == 0 && i < end && memcmp(&event.event, &sorted[i], sizeof sorted[i]) > 0);
    for (; i < end; i++) {
        cr_assert(zero(int, error));
        cr_assert(id_equal(&event.event, &sorted[i]));
        error = event_walk_next(walk, &event);
    }
    event_walk_close(walk);
}

Test(event_walk, is_over_at_once_when_there_is_nothing)
{
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, 0, 0);
    cr_expect(eq(int, event_walk_next(walk, &event), -ENOENT));
    cr_expect(eq(int, event_walk_next(walk, &event), -ENOENT), "and stays so");
    event_walk_close(walk);
}

Test(event_walk, has_all_events_newest_first_and_no_duplicates)
{
    make_events(200);
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, 0, 0);
    for (size_t i = 0; i < count; i++) {
        cr_assert(zero(int, event_walk_next(walk, &event)));
        cr_assert(id_equal(&event.event, &sorted[i]));
        cr_assert(slice_equal(event.payload, SLICE("{\"a\":1}")));
    }
    cr_expect(eq(int, event_walk_next(walk, &event), -ENOENT));
    event_walk_close(walk);
}

Test(event_walk, goes_on_after_any_event)
{
    make_events(100);
    for (size_t i = 0; i < count; i++)
        expect_from(open_walk(&sorted[i], 0, 0), i + 1, count);
}

Test(event_walk, has_what_is_before_a_time)
{
    make_events(100);
    for (size_t i = 1; i < count; i++) {
        uint64_t until_ms = id_time_ms(&sorted[i - 1]);
        if (id_time_ms(&sorted[i]) < until_ms)
            expect_from(open_walk(NULL, 0, until_ms), i, count);
    }
}

/* The caller skips no more than what is of the same millisecond. */
Test(event_walk, begins_near_what_was_asked_for)
{
    make_events(200);
    const struct id *middle = &sorted[count / 2];
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, 0, id_time_ms(middle));
    cr_assert(zero(int, event_walk_next(walk, &event)));
    cr_expect(lt(u64, id_time_ms(&event.event), id_time_ms(middle)));
    event_walk_close(walk);
    walk = open_walk(middle, 0, 0);
    cr_assert(zero(int, event_walk_next(walk, &event)));
    cr_expect(eq(u64, id_time_ms(&event.event), id_time_ms(middle)));
    event_walk_close(walk);
}

Test(event_walk, ends_with_the_blocks_that_reach_to_a_time)
{
    make_events(200);
    size_t oldest = count / 3;
    uint64_t since_ms = id_time_ms(&sorted[oldest]);
    expect_from(open_walk(NULL, since_ms, 0), 0, oldest + 1);
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, since_ms, 0);
    size_t seen = 0;
    while (event_walk_next(walk, &event) == 0)
        seen++;
    cr_expect(lt(sz, seen, oldest + 50), "and does not go on to the first event");
    event_walk_close(walk);
}

static uint64_t commit_of_block(const struct id *event)
{
    struct db_value value;
    struct block_view view;
    struct place place = place_of(event);
    struct key key = key_block(place.block);
    cr_assert(zero(int, db_get(world.scratch.db, (struct family){FAMILY_EVENTS, place.shard},
                               key_slice(&key), &value)));
    cr_assert(zero(int, block_open(value.bytes, &view)));
    db_value_give(&value);
    return view.commit;
}

Test(event_walk, tells_the_commit_of_each_events_block)
{
    make_events(50);
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, 0, 0);
    while (event_walk_next(walk, &event) == 0)
        cr_assert(eq(u64, event_walk_commit(walk), commit_of_block(&event.event)));
    event_walk_close(walk);
}

Test(event_walk, counts_the_records_it_reads_and_not_those_it_starts_with)
{
    make_events(100);
    struct event_record event;
    struct event_walk *walk = open_walk(NULL, 0, 0);
    cr_expect(zero(u64, event_walk_work(walk)));
    while (event_walk_next(walk, &event) == 0)
        ;
    cr_expect(le(u64, event_walk_work(walk), world.event_count));
    cr_expect(ge(u64, event_walk_work(walk) + SHARDS * 4, world.event_count), "duplicates too");
    event_walk_close(walk);
}

Test(event_walk, says_that_a_block_is_broken)
{
    struct event_walk *walk;
    struct batch *batch;
    make_events(3);
    struct key key = key_block(world.next_event_block[1]);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, world.scratch.db, (struct family){FAMILY_EVENTS, 1}, key_slice(&key),
              SLICE("not a block"));
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
    cr_expect(eq(int, event_walk_open(&walk, world.scratch.db, NULL, 0, 0), -EBADMSG));
}
