/* buddy.h - buffers of any size out of one arena that is taken at start (Knowlton's buddy system).
 *
 * Sizes are rounded up to a power of two, from BUDDY_MIN to the arena's own size. Taking and giving
 * cost at most one step per power. One thread's: a buffer that another thread is done with goes
 * back by mailbox.
 */
#ifndef BASE_BUDDY_H
#define BASE_BUDDY_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

enum {
    BUDDY_MIN_BITS = 9, /* 512 bytes */
    BUDDY_ORDERS = 26,  /* up to 16 GiB */
};

struct buddy {
    char *arena;
    uint8_t *orders; /* of each smallest unit: what begins here, and whether it is free */
    size_t arena_size, used;
    struct buddy_node *free[BUDDY_ORDERS];
};

/* `arena_size` is rounded down to a power of two, at least 1 MiB. 0, or -ENOMEM (also if
 * it is over 16 GiB). */
MUST_CHECK int buddy_open(struct buddy *buddy, size_t arena_size);
void buddy_close(struct buddy *buddy);

/* A buffer of at least `size` bytes, or NULL if none is free. Its real size: buddy_size(). */
void *buddy_take(struct buddy *buddy, size_t size);

/* NULL is allowed. */
void buddy_give(struct buddy *buddy, void *buffer);

/* The real size of a taken buffer. */
size_t buddy_size(const struct buddy *buddy, const void *buffer);

#endif
