/* Rows of dead letters in the queues of several shards, against all of them in a list. */
#include "store/dead_walk.h"

#include "base/random.h"
#include "scratch.h"
#include "store/keys.h"
#include "store/row.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 3, SUBSCRIPTIONS = 40, EVENTS = 200, TIME_MS = 1000 };

static struct scratch scratch;
static struct random chance;
static struct id subscriptions[SUBSCRIPTIONS], events[EVENTS]; /* events ascend */
static bool is_dead[SUBSCRIPTIONS][EVENTS], is_owned[SUBSCRIPTIONS];

static void put(struct batch *batch, enum row_kind kind, const struct id *subscription,
                const struct id *event)
{
    char value[WAIT_ROW_SIZE];
    struct key key = key_row(kind, subscription, event);
    struct family queue = {FAMILY_QUEUE, keys_home(subscription, SHARDS)};
    wait_row_encode(&(struct wait_row){.attempt_count = 1}, value);
    batch_put(batch, scratch.db, queue, key_slice(&key), slice_of(value, sizeof value));
}

static void write_rows(void)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    for (size_t s = 0; s < SUBSCRIPTIONS; s++)
        for (size_t e = 0; e < EVENTS; e++) {
            put(batch, ROW_PARKED, &subscriptions[s],
                &events[e]); /* neighbours that do not count */
            put(batch, ROW_DELIVERY, &subscriptions[s], &events[e]);
            if (is_dead[s][e])
                put(batch, ROW_DEAD, &subscriptions[s], &events[e]);
        }
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

static void setup(void)
{
    random_init(&chance, 11);
    scratch_open(&scratch, SHARDS);
    for (size_t s = 0; s < SUBSCRIPTIONS; s++) {
        subscriptions[s] = id_new(TIME_MS, &chance);
        is_owned[s] = random_below(&chance, 2);
        uint64_t one_in = 1 + random_below(&chance, 100);
        for (size_t e = 0; e < EVENTS && s % 4; e++)
            is_dead[s][e] = random_below(&chance, one_in) == 0;
    }
    for (size_t e = 0; e < EVENTS; e++)
        events[e] = id_pack(TIME_MS + e / 2, 0, e); /* two of a millisecond */
    write_rows();
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(dead_walk, .init = setup, .fini = teardown);

static bool owns(void *context, const struct id *subscription)
{
    (void)context;
    for (size_t s = 0; s < SUBSCRIPTIONS; s++)
        if (id_equal(&subscriptions[s], subscription))
            return is_owned[s];
    return false;
}

static bool is_expected(const struct dead_walk_range *range, size_t e)
{
    if (memcmp(&events[e], &range->last, sizeof range->last) > 0 ||
        id_time_ms(&events[e]) < range->since_ms)
        return false;
    for (size_t s = 0; s < SUBSCRIPTIONS; s++) {
        bool counts = range->subscription ? id_equal(range->subscription, &subscriptions[s])
                                          : !range->owns || is_owned[s];
        if (counts && is_dead[s][e])
            return true;
    }
    return false;
}

static void check(const struct dead_walk_range *range)
{
    struct dead_walk *walk;
    struct id event;
    cr_assert(zero(int, dead_walk_open(&walk, scratch.db, SHARDS, range)));
    for (size_t e = EVENTS; e-- > 0;) {
        if (!is_expected(range, e))
            continue;
        cr_assert(zero(int, dead_walk_next(walk, &event)));
        cr_assert(id_equal(&event, &events[e]));
    }
    cr_assert(eq(int, dead_walk_next(walk, &event), -ENOENT));
    cr_assert(lt(u64, 0, dead_walk_work(walk)));
    dead_walk_close(walk);
}

Test(dead_walk, agrees_with_a_simple_model)
{
    for (unsigned round = 0; round < 300; round++) {
        struct dead_walk_range range = {.last = events[random_below(&chance, EVENTS)]};
        if (random_below(&chance, 3) == 0)
            range.subscription = &subscriptions[random_below(&chance, SUBSCRIPTIONS)];
        if (random_below(&chance, 2))
            range.owns = owns;
        if (random_below(&chance, 3) == 0)
            range.since_ms = TIME_MS + random_below(&chance, EVENTS / 2);
        if (random_below(&chance, 4) == 0)
            memset(&range.last, 0xff, sizeof range.last);
        check(&range);
    }
}

Test(dead_walk, is_not_for_more_subscriptions_than_can_be_merged)
{
    struct dead_walk *walk;
    struct batch *batch;
    struct dead_walk_range range = {.owns = owns};
    memset(&range.last, 0xff, sizeof range.last);
    cr_assert(zero(int, batch_open(&batch)));
    for (unsigned i = 0; i < DEAD_WALK_SUBSCRIPTIONS; i++) {
        struct id subscription = id_new(TIME_MS, &chance);
        put(batch, ROW_DEAD, &subscription, &events[0]);
    }
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
    cr_assert(eq(int, dead_walk_open(&walk, scratch.db, SHARDS, &range), -E2BIG));
    range.subscription = &subscriptions[1];
    check(&range);
}

Test(dead_walk, breaks_off_where_many_were_dropped)
{
    struct dead_walk *walk;
    struct batch *batch;
    struct id event, newest = id_pack(2 * TIME_MS + 1, 0, 0);
    struct family queue = {FAMILY_QUEUE, keys_home(&subscriptions[0], SHARDS)};
    struct dead_walk_range range = {.subscription = &subscriptions[0], .last = newest};
    cr_assert(zero(int, batch_open(&batch)));
    for (uint64_t i = 0; i <= DB_DROPPED_MAX; i++) {
        event = id_pack(2 * TIME_MS, 0, i);
        struct key key = key_row(ROW_DEAD, &subscriptions[0], &event);
        put(batch, ROW_DEAD, &subscriptions[0], &event);
        batch_drop(batch, scratch.db, queue, key_slice(&key));
    }
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    cr_assert(eq(int, dead_walk_open(&walk, scratch.db, SHARDS, &range), -EAGAIN));

    put(batch, ROW_DEAD, &subscriptions[0], &newest);
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    cr_assert(zero(int, dead_walk_open(&walk, scratch.db, SHARDS, &range)));
    cr_assert(eq(int, dead_walk_next(walk, &event), -EAGAIN));
    dead_walk_close(walk);
    batch_close(batch);
}
