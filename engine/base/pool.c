/* pool.c - objects of one size, side by side in one mapping.
 *
 * The mapping holds the objects, then a stack of the indices of those that were given back. An
 * object is touched only by its user, so its contents outlive a give; and those that were never
 * taken cost no memory. The last given is the first taken, while it is still in the cache.
 *
 * Under AddressSanitizer an object that is not taken is poisoned.
 */
#include "base/pool.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 16 };

static size_t mapping_size(const struct pool *pool)
{
    return pool->capacity * (pool->object_size + sizeof *pool->given);
}

int pool_open(struct pool *pool, size_t object_size, size_t capacity)
{
    memset(pool, 0, sizeof *pool);
    must(object_size > 0 && capacity > 0);
    must(capacity <= UINT32_MAX);

    size_t size;
    object_size = (object_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (__builtin_mul_overflow(object_size + sizeof *pool->given, capacity, &size))
        return -ENOMEM;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;

    pool->memory = memory;
    pool->object_size = object_size;
    pool->capacity = capacity;
    pool->given = (uint32_t *)(void *)(pool->memory + object_size * capacity);
    return 0;
}

void pool_close(struct pool *pool)
{
    if (pool->memory) {
        ASAN_UNPOISON_MEMORY_REGION(pool->memory, pool->touched * pool->object_size);
        munmap(pool->memory, mapping_size(pool));
    }
    memset(pool, 0, sizeof *pool);
}

void *pool_take(struct pool *pool)
{
    if (pool->used == pool->capacity)
        return NULL;

    size_t given_count = pool->touched - pool->used;
    size_t index = given_count ? pool->given[given_count - 1] : pool->touched++;
    pool->used++;
    void *object = pool->memory + index * pool->object_size;
    ASAN_UNPOISON_MEMORY_REGION(object, pool->object_size);
    return object;
}

void pool_give(struct pool *pool, void *object)
{
    size_t offset = (size_t)((char *)object - pool->memory);
    must(pool->used > 0);
    must(offset < pool->touched * pool->object_size);
    must(offset % pool->object_size == 0);

    pool->given[pool->touched - pool->used] = (uint32_t)(offset / pool->object_size);
    pool->used--;
    ASAN_POISON_MEMORY_REGION(object, pool->object_size);
}
