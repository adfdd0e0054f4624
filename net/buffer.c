/* buffer.c - bytes that wait in a queue.
 *
 * Ownership: the memory is the buffer's. Threads: none.
 */
#include "net/buffer.h"

#include <stdlib.h>

enum {
    ROOM_MIN = 1024,
    ROOM_KEPT = 4096, /* an empty buffer with more is freed */
};

static void move_to_front(struct buffer *buffer)
{
    if (buffer->start == 0)
        return;
    memmove(buffer->at, buffer->at + buffer->start, buffer->end - buffer->start);
    buffer->end -= buffer->start;
    buffer->start = 0;
}

static bool grow(struct buffer *buffer, size_t needed)
{
    size_t room = buffer->room ? buffer->room : ROOM_MIN;
    while (room < needed)
        room *= 2;
    char *at = realloc(buffer->at, room);
    if (!at)
        return false;
    buffer->at = at;
    buffer->room = room;
    return true;
}

bool buffer_add(struct buffer *buffer, struct slice bytes, size_t max)
{
    size_t held = buffer->end - buffer->start;
    if (bytes.size == 0)
        return true;
    if (bytes.size > max || held > max - bytes.size)
        return false;

    if (bytes.size > buffer->room - buffer->end)
        move_to_front(buffer);
    if (bytes.size > buffer->room - buffer->end && !grow(buffer, held + bytes.size))
        return false;
    memcpy(buffer->at + buffer->end, bytes.at, bytes.size);
    buffer->end += bytes.size;
    return true;
}

void buffer_skip(struct buffer *buffer, size_t size)
{
    must(size <= buffer->end - buffer->start);
    buffer->start += size;
    if (buffer->start < buffer->end)
        return;

    buffer->start = buffer->end = 0;
    if (buffer->room > ROOM_KEPT)
        buffer_free(buffer);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){0};
}
