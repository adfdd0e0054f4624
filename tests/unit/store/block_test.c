/* Blocks: what is put in comes out in order, and no damage to the bytes goes unseen. */
#include "store/block.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { ROOM = 4096 };
static char memory[ROOM];
static struct block block;

static void setup(void)
{
    block_init(&block, BLOCK_EVENTS, 12, 345, memory, sizeof memory);
}

TestSuite(block, .init = setup);

static void append(const char *text, uint64_t wall_ms)
{
    char *at = block_append(&block, strlen(text), wall_ms);
    cr_assert(at != NULL);
    memcpy(at, text, strlen(text));
}

Test(block, gives_back_what_was_put_in)
{
    append("one", 70);
    append("", 60);
    append("three", 65);
    block_seal(&block, 99, 340);

    struct block_view view, peeked;
    cr_assert(zero(int, block_open(block_value(&block), &view)));
    cr_assert(zero(int, block_peek(block_value(&block), &peeked)));
    cr_assert(eq(u64, peeked.commit, view.commit));
    cr_assert(eq(int, (int)view.kind, BLOCK_EVENTS));
    cr_assert(eq(u32, view.shard, 12));
    cr_assert(eq(u32, view.count, 3));
    cr_assert(eq(u64, view.number, 345));
    cr_assert(eq(u64, view.commit, 99));
    cr_assert(eq(u64, view.mark, 340));
    cr_assert(eq(u64, view.first_ms, 60));
    cr_assert(eq(u64, view.last_ms, 70));

    struct slice rest = view.records, record;
    cr_assert(block_next(&rest, &record));
    cr_assert(slice_equal(record, SLICE("one")));
    cr_assert(block_next(&rest, &record));
    cr_assert(eq(sz, record.size, 0));
    cr_assert(block_next(&rest, &record));
    cr_assert(slice_equal(record, SLICE("three")));
    cr_assert(not(block_next(&rest, &record)));
}

Test(block, takes_no_more_than_its_room)
{
    size_t room = ROOM - BLOCK_HEAD_SIZE;
    cr_assert(zero(ptr, block_append(&block, room - BLOCK_RECORD_HEAD + 1, 1)));
    cr_assert(eq(u32, block.count, 0));
    cr_assert(block_append(&block, room - BLOCK_RECORD_HEAD, 1) != NULL);
    cr_assert(zero(ptr, block_append(&block, 0, 1)));
    cr_assert(eq(sz, block.size, ROOM));
}

Test(block, goes_back_to_what_it_was)
{
    append("kept", 10);
    struct block then = block;
    append("given up", 5);
    append("too", 90);
    block_rewind(&block, &then);
    append("last", 20);
    block_seal(&block, 1, 0);

    struct block_view view;
    cr_assert(zero(int, block_open(block_value(&block), &view)));
    cr_assert(eq(u32, view.count, 2));
    cr_assert(eq(u64, view.first_ms, 10));
    cr_assert(eq(u64, view.last_ms, 20));
}

Test(block, refuses_any_bit_that_was_turned)
{
    append("some record", 10);
    append("and another", 11);
    block_seal(&block, 1, 0);
    struct slice value = block_value(&block);
    struct block_view view;
    for (size_t bit = 0; bit < 8 * value.size; bit++) {
        memory[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, block_open(value, &view), -EBADMSG));
        memory[bit / 8] ^= (char)(1 << bit % 8);
    }
    cr_assert(zero(int, block_open(value, &view)));
}

Test(block, refuses_any_other_length)
{
    append("some record", 10);
    block_seal(&block, 1, 0);
    struct block_view view;
    for (size_t size = 0; size < ROOM; size++)
        if (size != block.size)
            cr_assert(eq(int, block_open(slice_of(memory, size), &view), -EBADMSG));
}

Test(block, refuses_records_that_do_not_add_up_even_with_the_right_checksum)
{
    append("some record", 10);
    append("and another", 11);
    block.count++;
    block_seal(&block, 1, 0);
    struct block_view view;
    cr_assert(eq(int, block_open(block_value(&block), &view), -EBADMSG));
    block.count -= 2;
    block_seal(&block, 1, 0);
    cr_assert(eq(int, block_open(block_value(&block), &view), -EBADMSG));
    block.count++;
    memory[BLOCK_HEAD_SIZE]++;
    block_seal(&block, 1, 0);
    cr_assert(eq(int, block_open(block_value(&block), &view), -EBADMSG));
}

Test(block, survives_random_rubbish)
{
    struct random chance;
    random_init(&chance, 5);
    char *rubbish = malloc(512);
    for (unsigned i = 0; i < 20000; i++) {
        size_t size = random_below(&chance, 512);
        for (size_t k = 0; k < size; k++)
            rubbish[k] = (char)random_u64(&chance);
        struct block_view view;
        cr_assert(eq(int, block_open(slice_of(rubbish, size), &view), -EBADMSG));
    }
    free(rubbish);
}
