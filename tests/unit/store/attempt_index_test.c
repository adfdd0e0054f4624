/* Which blocks of attempts tell of the events of a block: against a table of all pairs. */
#include "store/attempt_index.h"

#include "base/random.h"
#include "scratch.h"
#include "store/keys.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SEED = 20261125, SHARDS = 3, EVENT_BLOCKS = 50, BLOCKS = 40, ATTEMPTS_MAX = 200 };

static struct scratch scratch;
static struct random chance;
static char memory[256 * 1024];

/* tells[K][b][k][n]: whether block n of attempts-k ends a delivery of an event in block b of
 * events-K.
 */
static bool tells[SHARDS][EVENT_BLOCKS][SHARDS][BLOCKS];

static void setup(void)
{
    random_init(&chance, SEED);
    scratch_open(&scratch, SHARDS);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(attempt_index, .init = setup, .fini = teardown);

static struct id event_in(unsigned shard, unsigned block)
{
    return place_id(1000, (struct place){shard, block, (uint32_t)random_below(&chance, 1000)});
}

static void add_attempt(struct block *block, const struct id *event, enum delivery_status status)
{
    const struct attempt_record attempt = {
        .event = *event,
        .outcome = status == DELIVERY_DELIVERED ? ATTEMPT_DELIVERED : ATTEMPT_NONE,
        .status_after = status};
    char *at = block_append(block, attempt_record_size(&attempt), 1000);
    cr_assert(at != NULL);
    attempt_record_encode(&attempt, at);
}

static void put(const struct block *block)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    attempt_index_put(scratch.db, batch, block);
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

static bool leaves_no_row(enum delivery_status status)
{
    return status == DELIVERY_DELIVERED || status == DELIVERY_CANCELLED;
}

static void write_block(unsigned shard, unsigned number)
{
    static const enum delivery_status statuses[] = {
        DELIVERY_PENDING, DELIVERY_RETRYING, DELIVERY_DELIVERED, DELIVERY_DEAD, DELIVERY_CANCELLED};
    struct block block;
    block_init(&block, BLOCK_ATTEMPTS, shard, number, memory, sizeof memory);
    for (uint64_t i = 1 + random_below(&chance, ATTEMPTS_MAX); i > 0; i--) {
        unsigned events_shard = (unsigned)random_below(&chance, SHARDS);
        unsigned events_block = (unsigned)random_below(&chance, EVENT_BLOCKS);
        enum delivery_status status = statuses[random_below(&chance, 5)];
        struct id event = event_in(events_shard, events_block);
        add_attempt(&block, &event, status);
        tells[events_shard][events_block][shard][number] |= leaves_no_row(status);
    }
    put(&block);
}

/* All pairs of one block of events, in order. */
static void expect_as_known(struct attempt_index *index, unsigned shard, unsigned block)
{
    struct attempts_place found;
    struct id event = event_in(shard, block);
    int error = attempt_index_first(index, &event, &found);
    for (unsigned i = 0; i < SHARDS * BLOCKS; i++) {
        unsigned attempts_shard = i / BLOCKS, number = i % BLOCKS;
        if (!tells[shard][block][attempts_shard][number])
            continue;
        cr_assert(zero(int, error), "seed %d", SEED);
        cr_assert(eq(u32, found.shard, attempts_shard), "seed %d", SEED);
        cr_assert(eq(u64, found.block, number), "seed %d", SEED);
        error = attempt_index_next(index, &found);
    }
    cr_assert(eq(int, error, -ENOENT), "seed %d", SEED);
}

Test(attempt_index, leads_from_events_to_all_that_ended_their_deliveries)
{
    struct attempt_index *index;
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned number = 0; number < BLOCKS; number++)
            write_block(shard, number);
    cr_assert(zero(int, attempt_index_open(&index, scratch.db)));
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned block = 0; block < EVENT_BLOCKS; block++)
            expect_as_known(index, shard, block);
    attempt_index_close(index);
}

static size_t rows_of(const struct block *block)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    attempt_index_put(scratch.db, batch, block);
    size_t count = batch_count(batch);
    batch_close(batch);
    return count;
}

Test(attempt_index, has_one_row_for_many_attempts_of_the_same_events)
{
    struct block block;
    block_init(&block, BLOCK_ATTEMPTS, 0, 7, memory, sizeof memory);
    for (unsigned i = 0; i < 300; i++) {
        struct id event = event_in(i % 2, 5);
        add_attempt(&block, &event, DELIVERY_DELIVERED);
    }
    cr_expect(eq(sz, rows_of(&block), 2));
}

static bool covers(uint64_t commit)
{
    struct attempt_index *index;
    cr_assert(zero(int, attempt_index_open(&index, scratch.db)));
    bool result = attempt_index_covers(index, commit);
    attempt_index_close(index);
    return result;
}

static void begin(uint64_t commit)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    cr_assert(zero(int, attempt_index_begin(scratch.db, batch, commit)));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

Test(attempt_index, covers_what_came_after_its_beginning)
{
    cr_expect(not(covers(UINT64_MAX - 1)));
    begin(100);
    cr_expect(not(covers(99)));
    cr_expect(covers(100));
    begin(200);
    cr_expect(covers(100), "it has one beginning");
}

/* Puts `value` where it says since when it is kept. */
static void say_since(struct slice value)
{
    struct batch *batch;
    struct key key = key_index_since();
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, (struct family){.kind = FAMILY_STATS}, key_slice(&key), value);
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

Test(attempt_index, believes_no_beginning_that_it_did_not_write)
{
    struct attempt_index *index;
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    const struct slice bad[] = {SLICE(""), SLICE("\1short"), SLICE("\2 a later")};
    for (unsigned i = 0; i < 3; i++) {
        say_since(bad[i]);
        cr_expect(eq(int, attempt_index_open(&index, scratch.db), -EBADMSG));
        cr_expect(eq(int, attempt_index_begin(scratch.db, batch, 1), -EBADMSG));
    }
    batch_close(batch);
}
