/* pairs.h - a map from (event, subscription), which names a delivery, to a number. It only grows.
 */
#ifndef STORE_PAIRS_H
#define STORE_PAIRS_H

#include "base/id.h"

struct pair_slot;

struct pairs {
    struct pair_slot *slots;
    size_t room, count, count_max; /* room: a power of two, or 0 */
};

/* Empty; takes memory as it grows, up to count_max pairs. */
void pairs_init(struct pairs *pairs, size_t count_max);
void pairs_close(struct pairs *pairs);

/* Puts a pair, or gives it another number. 0; -ENOMEM; -ENOBUFS: count_max is reached. */
MUST_CHECK int pairs_put(struct pairs *pairs, const struct id *event, const struct id *subscription,
                         uint64_t number);

/* The pair's number, which may be changed; NULL if it was never put. Stays until the next put. */
uint64_t *pairs_find(const struct pairs *pairs, const struct id *event,
                     const struct id *subscription);

#endif
