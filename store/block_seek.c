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

int block_seek(struct cursor *cursor, enum block_order order, uint64_t value)
{
    uint64_t low, high, number, found;
    if (!cursor_last(cursor))
        return end_of(cursor);
    int error = read_head(cursor, order, &high, &found);
    if (error || found < value)
        return error ? error : -ENOENT;
    if (!cursor_first(cursor))
        return end_of(cursor);
    error = key_parse_block(cursor_key(cursor), &low);
    /* All blocks before `low` are too early; the block `high` is not. */
    while (!error && low < high) {
        uint64_t middle = low + (high - low) / 2;
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
