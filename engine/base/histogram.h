/* histogram.h - a log-linear histogram (HDR): values 0 to 2^40, every bucket within 1/64 of its
 * value.
 *
 * 64 linear buckets for each power of two; 18 KiB. Adding two histograms is exact. No locks: each
 * belongs to a thread, and is copied to be read.
 */
#ifndef BASE_HISTOGRAM_H
#define BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_SUB_BITS = 6,
    HISTOGRAM_BUCKETS = (40 - HISTOGRAM_SUB_BITS + 1) << HISTOGRAM_SUB_BITS,
};

struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_init(struct histogram *histogram);

/* A value over 2^40 counts in the last bucket (and as itself in `sum` and `max`). */
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);

/* The smallest value v such that at least `fraction` (0 to 1) of what was added is <= v, to within
 * a bucket, rounded up to the bucket's highest value (never over `max`). 0 if empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double fraction);

/* How many of what was added are at most `value`, to within a bucket. */
uint64_t histogram_at_most(const struct histogram *histogram, uint64_t value);

#endif
