/* buddy.c - Knowlton's buddy system.
 *
 * The arena is a whole of 2^n units of BUDDY_MIN_BITS. A block of order k is 2^k units and begins
 * at a multiple of its size, so the one it can merge with (its buddy) differs from it in one bit of
 * the unit number. `orders` has a byte for each unit:
 *
 *   0               no block begins here: it is inside another
 *   k + 1           a taken block of order k begins here
 *   k + 1 | IS_FREE a free one, which is on the list free[k]
 *
 * So that giving a buffer twice, or one that was never taken, is seen at once. Free blocks hold
 * their own list links. Under AddressSanitizer all else in a block that was given back is poisoned.
 *
 * Invariant: two free buddies never lie side by side; they have been merged.
 */
#include "base/buddy.h"

#include <errno.h>
#include <sanitizer/asan_interface.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

struct buddy_node {
    struct buddy_node *prev, *next; /* NULL at either end */
};

enum { IS_FREE = 0x80 };

static const size_t arena_min = (size_t)1 << 20;
static const size_t arena_max = (size_t)1 << (BUDDY_MIN_BITS + BUDDY_ORDERS - 1);

static size_t block_size(unsigned order)
{
    return (size_t)1 << (order + BUDDY_MIN_BITS);
}

static unsigned order_for(size_t size)
{
    if (size <= block_size(0))
        return 0;
    return 64u - (unsigned)__builtin_clzl(size - 1) - BUDDY_MIN_BITS;
}

static char *address_of(const struct buddy *buddy, size_t unit)
{
    return buddy->arena + (unit << BUDDY_MIN_BITS);
}

static size_t unit_of(const struct buddy *buddy, const void *address)
{
    return (size_t)((const char *)address - buddy->arena) >> BUDDY_MIN_BITS;
}

static void push_free(struct buddy *buddy, size_t unit, unsigned order)
{
    struct buddy_node *node = (struct buddy_node *)(void *)address_of(buddy, unit);
    ASAN_UNPOISON_MEMORY_REGION(node, sizeof *node);
    *node = (struct buddy_node){.prev = NULL, .next = buddy->free[order]};
    if (node->next)
        node->next->prev = node;
    buddy->free[order] = node;
    buddy->orders[unit] = (uint8_t)((order + 1) | IS_FREE);
}

static void remove_free(struct buddy *buddy, size_t unit, unsigned order)
{
    struct buddy_node *node = (struct buddy_node *)(void *)address_of(buddy, unit);
    if (node->prev)
        node->prev->next = node->next;
    else
        buddy->free[order] = node->next;
    if (node->next)
        node->next->prev = node->prev;
    buddy->orders[unit] = 0;
}

static void *map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int buddy_open(struct buddy *buddy, size_t arena_size)
{
    memset(buddy, 0, sizeof *buddy);
    if (arena_size < arena_min)
        arena_size = arena_min;
    if (arena_size > arena_max)
        return -ENOMEM;

    buddy->arena_size = (size_t)1 << (63 - __builtin_clzl(arena_size));
    buddy->arena = map(buddy->arena_size);
    buddy->orders = map(buddy->arena_size >> BUDDY_MIN_BITS);
    if (!buddy->arena || !buddy->orders) {
        buddy_close(buddy);
        return -ENOMEM;
    }
    push_free(buddy, 0, order_for(buddy->arena_size));
    return 0;
}

void buddy_close(struct buddy *buddy)
{
    if (buddy->arena) {
        ASAN_UNPOISON_MEMORY_REGION(buddy->arena, buddy->arena_size);
        munmap(buddy->arena, buddy->arena_size);
    }
    if (buddy->orders)
        munmap(buddy->orders, buddy->arena_size >> BUDDY_MIN_BITS);
    memset(buddy, 0, sizeof *buddy);
}

void *buddy_take(struct buddy *buddy, size_t size)
{
    if (size > buddy->arena_size)
        return NULL;
    unsigned wanted = order_for(size), order = wanted;
    while (order < BUDDY_ORDERS && !buddy->free[order])
        order++;
    if (order == BUDDY_ORDERS)
        return NULL;

    size_t unit = unit_of(buddy, buddy->free[order]);
    remove_free(buddy, unit, order);
    while (order > wanted) {
        order--;
        push_free(buddy, unit + ((size_t)1 << order), order);
    }
    buddy->orders[unit] = (uint8_t)(wanted + 1);
    buddy->used += block_size(wanted);
    ASAN_UNPOISON_MEMORY_REGION(address_of(buddy, unit), block_size(wanted));
    return address_of(buddy, unit);
}

/* The order of a taken buffer; stops the process if it is not one. */
static unsigned order_of_taken(const struct buddy *buddy, const void *buffer)
{
    size_t offset = (size_t)((const char *)buffer - buddy->arena);
    must(offset < buddy->arena_size);
    must(offset % block_size(0) == 0);
    uint8_t mark = buddy->orders[offset >> BUDDY_MIN_BITS];
    must(mark != 0 && !(mark & IS_FREE));
    return mark - 1u;
}

void buddy_give(struct buddy *buddy, void *buffer)
{
    if (!buffer)
        return;
    unsigned order = order_of_taken(buddy, buffer);
    size_t unit = unit_of(buddy, buffer);
    buddy->used -= block_size(order);
    buddy->orders[unit] = 0;
    ASAN_POISON_MEMORY_REGION(buffer, block_size(order));

    for (; block_size(order) < buddy->arena_size; order++) {
        size_t other = unit ^ (size_t)1 << order;
        if (buddy->orders[other] != ((order + 1) | IS_FREE))
            break;
        remove_free(buddy, other, order);
        unit &= ~((size_t)1 << order);
    }
    push_free(buddy, unit, order);
}

size_t buddy_size(const struct buddy *buddy, const void *buffer)
{
    return block_size(order_of_taken(buddy, buffer));
}
