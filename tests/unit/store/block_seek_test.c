/* Finding a block by its commit: over logs with any gaps between the numbers, the same as looking
 * at all blocks in turn. */
#include "store/block_seek.h"

#include "base/random.h"
#include "scratch.h"
#include "store/keys.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { BLOCKS = 60 };

static struct scratch scratch;
static struct random chance;
static uint64_t numbers[BLOCKS], commits[BLOCKS];
static const struct family attempts = {.kind = FAMILY_ATTEMPTS};

static void setup(void)
{
    scratch_open(&scratch, 1);
    random_init(&chance, 13);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(block_seek, .init = setup, .fini = teardown);

static void put_blocks(size_t count)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    uint64_t number = 0, commit = 10;
    for (size_t i = 0; i < count; i++) {
        char memory[128];
        struct block block;
        number += 1 + (random_below(&chance, 8) ? 0 : random_below(&chance, 100000));
        commit += 1 + random_below(&chance, 4);
        numbers[i] = number;
        commits[i] = commit;
        block_init(&block, BLOCK_ATTEMPTS, 0, number, memory, sizeof memory);
        cr_assert(block_append(&block, 1, 2 * commit) != NULL);
        block_seal(&block, commit, 0);
        struct key key = key_block(number);
        batch_put(batch, scratch.db, attempts, key_slice(&key), block_value(&block));
    }
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

static void check(size_t count, uint64_t value)
{
    size_t expected = 0;
    while (expected < count && commits[expected] < value)
        expected++;
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    cr_assert(zero(int, cursor_open(&cursor, scratch.db, attempts, all, all)));
    int error = block_seek(cursor, BLOCK_BY_COMMIT, value);
    cr_assert(eq(int, error, expected < count ? 0 : -ENOENT));
    uint64_t number;
    if (!error) {
        cr_assert(zero(int, key_parse_block(cursor_key(cursor), &number)));
        cr_assert(eq(u64, number, numbers[expected]));
        cr_assert(zero(int, block_seek(cursor, BLOCK_BY_FIRST_MS, 2 * value)));
        cr_assert(zero(int, key_parse_block(cursor_key(cursor), &number)));
        cr_assert(eq(u64, number, numbers[expected]));
    }
    cursor_close(cursor);
}

Test(block_seek, finds_what_looking_at_all_of_them_finds)
{
    put_blocks(BLOCKS);
    for (uint64_t value = 0; value < commits[BLOCKS - 1] + 5; value++)
        check(BLOCKS, value);
    check(BLOCKS, UINT64_MAX / 2);
}

Test(block_seek, finds_the_only_block)
{
    put_blocks(1);
    for (uint64_t value = 8; value < 20; value++)
        check(1, value);
}

Test(block_seek, finds_nothing_in_an_empty_log)
{
    check(0, 1);
}
