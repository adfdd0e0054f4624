/* What is dropped from the attempt index: all that leads from blocks of events that are gone, and
 * nothing else. */
#include "store/index_trim.h"

#include "scratch.h"
#include "store/block.h"
#include "store/keys.h"

#include <criterion/new/assert.h>

enum { SHARDS = 3, BLOCKS = 40, FIRST = 20 };

static const struct family stats = {.kind = FAMILY_STATS};
static struct scratch scratch;
static struct batch *batch;

static void setup(void)
{
    scratch_open(&scratch, SHARDS);
    cr_assert(zero(int, batch_open(&batch)));
    for (unsigned i = 0; i < SHARDS * BLOCKS; i++) {
        struct key key = key_index(&(struct index_place){
            .events_shard = i / BLOCKS, .events_block = i % BLOCKS, .attempts_block = 7});
        batch_put(batch, scratch.db, stats, key_slice(&key), SLICE(""));
    }
    struct key since = key_index_since();
    batch_put(batch, scratch.db, stats, key_slice(&since), SLICE("1"));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
}

static void teardown(void)
{
    batch_close(batch);
    scratch_close(&scratch);
}

TestSuite(index_trim, .init = setup, .fini = teardown);

static void write_events(unsigned shard, uint64_t number)
{
    static char memory[1024];
    struct block block;
    struct key key = key_block(number);
    block_init(&block, BLOCK_EVENTS, shard, number, memory, sizeof memory);
    block_seal(&block, 1, 1);
    batch_put(batch, scratch.db, (struct family){FAMILY_EVENTS, shard}, key_slice(&key),
              block_value(&block));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
}

static void trim_all(void)
{
    struct index_trim trim = {.is_over = false};
    for (unsigned steps = 0; steps < SHARDS; steps++) {
        cr_assert(not(trim.is_over));
        cr_assert(zero(int, index_trim_step(&trim, scratch.db)));
    }
    cr_assert(trim.is_over);
}

static bool is_there(const struct key *key)
{
    struct db_value value;
    if (db_get(scratch.db, stats, key_slice(key), &value))
        return false;
    db_value_give(&value);
    return true;
}

/* The rows of a shard that lead from blocks before `first` are gone, and no others. */
static void expect(unsigned shard, unsigned first)
{
    for (unsigned block = 0; block < BLOCKS; block++) {
        struct key key = key_index(&(struct index_place){
            .events_shard = shard, .events_block = block, .attempts_block = 7});
        cr_expect(eq(int, is_there(&key), block >= first), "%u of shard %u", block, shard);
    }
}

Test(index_trim, drops_what_leads_from_blocks_that_are_gone)
{
    write_events(0, 0);
    write_events(1, FIRST);
    write_events(1, FIRST + 5);
    for (unsigned times = 0; times < 2; times++) {
        trim_all();
        expect(0, 0);
        expect(1, FIRST);
        expect(2, 0); /* none has come, or all are gone */
    }
    struct key since = key_index_since();
    cr_expect(is_there(&since));
}

Test(index_trim, goes_on_with_what_is_gone_later)
{
    write_events(1, FIRST);
    trim_all();
    struct key gone = key_block(FIRST);
    batch_drop(batch, scratch.db, (struct family){FAMILY_EVENTS, 1}, key_slice(&gone));
    write_events(1, BLOCKS);
    trim_all();
    expect(1, BLOCKS);
    expect(0, 0);
}
