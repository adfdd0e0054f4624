/* buffer.h - bytes that wait in a queue: added at the end, taken from the front.
 *
 * Grows by doubling up to the limit given with each addition, and gives its memory back when it is
 * emptied after having been large, so that an idle connection holds little. A zeroed one is empty.
 */
#ifndef NET_BUFFER_H
#define NET_BUFFER_H

#include "base/must.h"
#include "base/slice.h"

struct buffer {
    char *at;
    size_t start, end, room; /* holds at[start] to at[end - 1] */
};

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->at ? buffer->at + buffer->start : NULL, buffer->end - buffer->start);
}

/* False, and nothing is added, if it would then hold more than `max` bytes or memory is short. May
 * move what is held. */
MUST_CHECK bool buffer_add(struct buffer *buffer, struct slice bytes, size_t max);

/* Drops `size` bytes, which it must hold, from the front. Does not move the rest. */
void buffer_skip(struct buffer *buffer, size_t size);

void buffer_free(struct buffer *buffer);

#endif
