/* block_seek.c - a binary search over numbers. Numbers have gaps, so each probe looks at the first
 * block at or after its number. */
#include "store/block_seek.h"

#include "store/keys.h"

#include <errno.h>

/* The number, and what is searched by, of the block that the cursor stands on. */
static int read_head(const struct cursor *cursor, enum block_order order, uint64_t *number,
                     uint64_t *value)
{
    struct block_view view;
    int error = key_parse_block(cursor_key(cursor), number);
    if (!error)
        error = block_peek(cursor_value(cursor), &view);
    if (!error)
        *value = order == BLOCK_BY_COMMIT ? view.commit : view.first_ms;
    return error;
}

static int end_of(const struct cursor *cursor)
{
    int error = cursor_error(cursor);
    return error ? error : -ENOENT;
}

/* All blocks before number `low` are too early; the block `high` is not. */
static int search(struct cursor *cursor, enum block_order order, uint64_t value, uint64_t low,
                  uint64_t high)
{
    int error = 0;
    while (!error && low < high) {
        uint64_t middle = low + (high - low) / 2, number, found;
        struct key key = key_block(middle);
        if (!cursor_seek(cursor, key_slice(&key)))
            return end_of(cursor);
        error = read_head(cursor, order, &number, &found);
        if (!error && found >= value)
            high = middle;
        else
            low = number + 1;
    }
    if (error)
        return error;
    struct key key = key_block(high);
    return cursor_seek(cursor, key_slice(&key)) ? 0 : end_of(cursor);
}

/* The last block, which has to be late enough. */
static int find_high(struct cursor *cursor, enum block_order order, uint64_t value, uint64_t *high)
{
    uint64_t found;
    if (!cursor_last(cursor))
        return end_of(cursor);
    int error = read_head(cursor, order, high, &found);
    return !error && found < value ? -ENOENT : error;
}

int block_seek(struct cursor *cursor, enum block_order order, uint64_t value)
{
    uint64_t low, high;
    int error = find_high(cursor, order, value, &high);
    if (error)
        return error;
    if (!cursor_first(cursor))
        return end_of(cursor);
    error = key_parse_block(cursor_key(cursor), &low);
    return error ? error : search(cursor, order, value, low, high);
}

int block_seek_on(struct cursor *cursor, enum block_order order, uint64_t value)
{
    uint64_t number, found, low = 0;
    int error = read_head(cursor, order, &number, &found);
    for (uint64_t step = 1; !error && found < value; step *= 2) {
        low = number + 1;
        struct key key = key_block(number + step);
        if (!cursor_seek(cursor, key_slice(&key))) {
            error = find_high(cursor, order, value, &number);
            return error ? error : search(cursor, order, value, low, number);
        }
        error = read_head(cursor, order, &number, &found);
    }
    if (error)
        return error;
    return low ? search(cursor, order, value, low, number) : 0;
}
