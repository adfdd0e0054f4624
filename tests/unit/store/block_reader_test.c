/* Blocks and records of one log by number: found, checked, and kept while few others are read. */
#include "store/block_reader.h"

#include "base/random.h"
#include "scratch.h"
#include "store/keys.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 2, BLOCKS = 3 * BLOCK_READER_KEPT, RECORDS_MAX = 6, RECORD_SIZE = 8 };

static struct scratch scratch;
static struct block_reader *reader;

static void setup(void)
{
    scratch_open(&scratch, SHARDS);
    cr_assert(zero(int, block_reader_open(&reader, scratch.db, FAMILY_ATTEMPTS)));
}

static void teardown(void)
{
    block_reader_close(reader);
    scratch_close(&scratch);
}

TestSuite(block_reader, .init = setup, .fini = teardown);

static void put(unsigned shard, uint64_t number, struct slice value)
{
    struct batch *batch;
    struct key key = key_block(number);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, (struct family){FAMILY_ATTEMPTS, shard}, key_slice(&key), value);
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

/* Each record says where it is. */
static void print_record(char out[static RECORD_SIZE + 1], unsigned shard, uint64_t number,
                         uint32_t index)
{
    snprintf(out, RECORD_SIZE + 1, "%02u-%02u-%02u", shard, (unsigned)number, index);
}

static struct slice make_block(unsigned shard, uint64_t number, uint32_t count)
{
    static char memory[BLOCK_HEAD_SIZE + RECORDS_MAX * (BLOCK_RECORD_HEAD + RECORD_SIZE) + 64];
    struct block block;
    block_init(&block, BLOCK_ATTEMPTS, shard, number, memory, sizeof memory);
    for (uint32_t i = 0; i < count; i++) {
        char text[RECORD_SIZE + 1], *at = block_append(&block, RECORD_SIZE, 0);
        cr_assert(at != NULL);
        print_record(text, shard, number, i);
        memcpy(at, text, RECORD_SIZE);
    }
    block_seal(&block, number, 0);
    return block_value(&block);
}

static void put_block(unsigned shard, uint64_t number, uint32_t count)
{
    put(shard, number, make_block(shard, number, count));
}

static int get(unsigned shard, uint64_t number)
{
    struct block_view view;
    return block_reader_get(reader, shard, number, &view);
}

static void expect_record(unsigned shard, uint64_t number, uint32_t index)
{
    char text[RECORD_SIZE + 1];
    struct slice record;
    print_record(text, shard, number, index);
    cr_assert(zero(int, block_reader_record(reader, shard, number, index, &record)), "%s", text);
    cr_assert(slice_equal(record, slice_str(text)), "%.*s is not %s", SLICE_ARGS(record), text);
}

Test(block_reader, finds_a_block_of_one_shard_by_its_number)
{
    struct block_view view;
    put_block(0, 7, 1);
    put_block(1, 7, 2);
    put_block(1, 8, 3);
    cr_assert(zero(int, block_reader_get(reader, 1, 7, &view)));
    cr_expect(eq(u64, view.number, 7));
    cr_expect(eq(u32, view.shard, 1));
    cr_expect(eq(u32, view.count, 2));
    cr_assert(zero(int, block_reader_get(reader, 0, 7, &view)));
    cr_expect(eq(u32, view.count, 1));
}

Test(block_reader, finds_nothing_where_there_is_nothing)
{
    put_block(0, 7, 1);
    cr_expect(eq(int, get(0, 6), -ENOENT));
    cr_expect(eq(int, get(1, 7), -ENOENT));
    cr_expect(eq(int, get(SHARDS, 7), -ENOENT), "there is no such shard");
    put_block(0, 6, 1);
    cr_expect(zero(int, get(0, 6)), "what is written later is found");
}

Test(block_reader, finds_records_forwards_and_backwards)
{
    put_block(0, 1, 4);
    for (uint32_t i = 0; i < 4; i++)
        expect_record(0, 1, i);
    expect_record(0, 1, 3);
    for (uint32_t i = 4; i > 0; i--)
        expect_record(0, 1, i - 1);
}

Test(block_reader, finds_no_record_beyond_the_last)
{
    struct slice record;
    put_block(0, 1, 2);
    cr_expect(eq(int, block_reader_record(reader, 0, 1, 2, &record), -ENOENT));
    expect_record(0, 1, 1);
    cr_expect(eq(int, block_reader_record(reader, 0, 1, UINT32_MAX, &record), -ENOENT));
    expect_record(0, 1, 1);
}

Test(block_reader, refuses_what_is_no_block)
{
    put(0, 1, SLICE("not a block"));
    cr_expect(eq(int, get(0, 1), -EBADMSG));
    cr_expect(eq(int, get(0, 1), -EBADMSG), "and does not keep it");
}

Test(block_reader, refuses_a_block_that_is_another)
{
    put(0, 1, make_block(0, 2, 1));
    cr_expect(eq(int, get(0, 1), -EBADMSG));
    put(0, 3, make_block(1, 3, 1));
    cr_expect(eq(int, get(0, 3), -EBADMSG));
}

/* It is read no more: one that was changed behind its back comes as it was. */
Test(block_reader, keeps_a_block_while_fewer_than_so_many_others_are_read)
{
    struct slice record;
    struct block_view view;
    put_block(0, 0, 1);
    cr_assert(zero(int, block_reader_record(reader, 0, 0, 0, &record)));
    put_block(0, 0, 2);
    for (unsigned i = 1; i < BLOCK_READER_KEPT; i++) {
        put_block(0, i, 1);
        expect_record(0, i, 0);
    }
    cr_expect(slice_equal(record, SLICE("00-00-00")), "its bytes stay");
    cr_assert(zero(int, block_reader_get(reader, 0, 0, &view)));
    cr_expect(eq(u32, view.count, 1));
}

Test(block_reader, gives_up_the_block_used_longest_ago)
{
    struct block_view view;
    for (unsigned i = 0; i < BLOCK_READER_KEPT; i++) {
        put_block(0, i, 1);
        cr_assert(zero(int, get(0, i)));
        put_block(0, i, 2);
    }
    cr_assert(zero(int, get(0, 0)), "used again");
    put_block(0, 99, 1);
    cr_assert(zero(int, get(0, 99)));
    cr_assert(zero(int, block_reader_get(reader, 0, 0, &view)));
    cr_expect(eq(u32, view.count, 1), "is still the one from before");
    cr_assert(zero(int, block_reader_get(reader, 0, 1, &view)));
    cr_expect(eq(u32, view.count, 2), "was read anew");
}

/* Any records in any order, the same as by their names. */
Test(block_reader, finds_what_was_put_in_any_order)
{
    struct random chance;
    uint32_t counts[SHARDS][BLOCKS];
    random_init(&chance, 17);
    for (unsigned shard = 0; shard < SHARDS; shard++)
        for (unsigned i = 0; i < BLOCKS; i++) {
            counts[shard][i] = (uint32_t)random_below(&chance, RECORDS_MAX);
            put_block(shard, i, counts[shard][i]);
        }
    for (unsigned step = 0; step < 5000; step++) {
        unsigned shard = (unsigned)random_below(&chance, SHARDS);
        unsigned number = (unsigned)random_below(&chance, step % 3 ? BLOCK_READER_KEPT : BLOCKS);
        uint32_t index = (uint32_t)random_below(&chance, RECORDS_MAX);
        struct slice record;
        if (index < counts[shard][number])
            expect_record(shard, number, index);
        else
            cr_assert(eq(int, block_reader_record(reader, shard, number, index, &record), -ENOENT));
    }
}
