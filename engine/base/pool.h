/* pool.h - a fixed number of objects of one size, taken at start. An empty pool is the signal to
 * push back: pool_take() then returns NULL, and never asks the system for more. One thread's.
 */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

struct pool {
    char *memory;
    size_t object_size, capacity, used;
    size_t touched;  /* how many were ever taken: those before it */
    uint32_t *given; /* the indices of those that came back, touched - used of them */
};

/* 0, or -ENOMEM. Neither number may be 0. Objects are aligned to 16 bytes. The memory is reserved,
 * zeroed, and touched only as objects are first taken. */
MUST_CHECK int pool_open(struct pool *pool, size_t object_size, size_t capacity);
void pool_close(struct pool *pool);

/* An object whose contents are whatever they were when it was last given (zero at first), or NULL.
 */
void *pool_take(struct pool *pool);
void pool_give(struct pool *pool, void *object);

#endif
