/* pairs.c - open addressing, at most three quarters full. A slot whose event is all zero is free:
 * no event has that id, since a UUIDv7 has its version in it. */
#include "store/pairs.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_ROOM = 256 };

struct pair_slot {
    struct id event, subscription;
    uint64_t number;
};

void pairs_init(struct pairs *pairs, size_t count_max)
{
    *pairs = (struct pairs){.count_max = count_max};
}

void pairs_close(struct pairs *pairs)
{
    free(pairs->slots);
    pairs_init(pairs, pairs->count_max);
}

/* The pair's slot, or the free one where it belongs. */
static struct pair_slot *find_slot(const struct pairs *pairs, const struct id *event,
                                   const struct id *subscription)
{
    uint64_t hash = id_hash(event) ^ (id_hash(subscription) << 1 | 1);
    for (size_t i = hash & (pairs->room - 1);; i = (i + 1) & (pairs->room - 1)) {
        struct pair_slot *slot = &pairs->slots[i];
        if (id_is_zero(&slot->event) ||
            (id_equal(&slot->event, event) && id_equal(&slot->subscription, subscription)))
            return slot;
    }
}

static int grow(struct pairs *pairs)
{
    struct pairs grown = *pairs;
    grown.room = pairs->room ? 2 * pairs->room : FIRST_ROOM;
    grown.slots = calloc(grown.room, sizeof *grown.slots);
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < pairs->room; i++) {
        const struct pair_slot *slot = &pairs->slots[i];
        if (!id_is_zero(&slot->event))
            *find_slot(&grown, &slot->event, &slot->subscription) = *slot;
    }
    free(pairs->slots);
    *pairs = grown;
    return 0;
}

int pairs_put(struct pairs *pairs, const struct id *event, const struct id *subscription,
              uint64_t number)
{
    must(!id_is_zero(event));
    if (pairs->count + 1 > pairs->room / 4 * 3) {
        int error = grow(pairs);
        if (error)
            return error;
    }
    struct pair_slot *slot = find_slot(pairs, event, subscription);
    if (id_is_zero(&slot->event)) {
        if (pairs->count == pairs->count_max)
            return -ENOBUFS;
        *slot = (struct pair_slot){.event = *event, .subscription = *subscription};
        pairs->count++;
    }
    slot->number = number;
    return 0;
}

uint64_t *pairs_find(const struct pairs *pairs, const struct id *event,
                     const struct id *subscription)
{
    if (pairs->room == 0)
        return NULL;
    struct pair_slot *slot = find_slot(pairs, event, subscription);
    return id_is_zero(&slot->event) ? NULL : &slot->number;
}
