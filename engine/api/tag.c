/* tag.c - see tag.h. No state. */
#include "tag.h"

#include <stdio.h>

struct slice tag_print(uint64_t revision, char out[static TAG_SIZE])
{
    int size = snprintf(out, TAG_SIZE, "\"%llx\"", (unsigned long long)revision);
    return slice_of(out, (size_t)size);
}

/* Tags of ours have no comma in them, so where another's is parted does not matter. */
bool tag_is_in(struct slice field, struct slice tag, bool weakly)
{
    if (slice_equal(slice_trim(field), SLICE("*")))
        return true;
    while (field.size) {
        struct slice next = slice_of(field.at, slice_find(field, ','));
        field = slice_skip(field, next.size + 1);
        next = slice_trim(next);
        if (weakly && slice_starts_with(next, SLICE("W/")))
            next = slice_skip(next, 2);
        if (slice_equal(next, tag))
            return true;
    }
    return false;
}
