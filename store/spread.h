/* spread.h - how often which duration came: a histogram small enough to be a part of a row.
 *
 * Eight buckets for each power of two, so each is within 1/8 of its value; a duration under 8 has
 * one of its own. Adding two spreads is exact. Encoded, only buckets that are not empty take room:
 * two or three bytes each.
 */
#ifndef STORE_SPREAD_H
#define STORE_SPREAD_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum {
    SPREAD_SUB_BITS = 3,
    SPREAD_BUCKETS = (32 - SPREAD_SUB_BITS + 1) << SPREAD_SUB_BITS,
    SPREAD_SIZE_MAX = 40 + SPREAD_BUCKETS * 12,
};

struct spread {
    uint64_t count, sum, max;
    uint64_t buckets[SPREAD_BUCKETS];
};

/* A value of 2^32 or more counts in the last bucket (and as itself in `sum` and `max`). */
void spread_add(struct spread *spread, uint64_t value);
void spread_merge(struct spread *into, const struct spread *from);

/* The smallest value v such that at least `per_mille` thousandths of what was added are <= v, to
 * within a bucket: its highest value, never over `max`. 0 if empty. */
uint64_t spread_quantile(const struct spread *spread, unsigned per_mille);

/* How many of what was added are at most `value`, to within a bucket: all of value's own count. */
uint64_t spread_at_most(const struct spread *spread, uint64_t value);

/* Returns the size; `out` has room for SPREAD_SIZE_MAX. */
size_t spread_encode(const struct spread *spread, char *out);

/* Takes an encoded spread off `bytes`. 0 or -EBADMSG. */
MUST_CHECK int spread_decode(struct slice *bytes, struct spread *spread);

#endif
