/* histogram.c - which bucket a value falls into, and back.
 *
 * A value below 64 has a bucket of its own. Any other has its highest bit (its power) and the six
 * bits after it choose its bucket, so bucket (power - 5) * 64 + those six is 2^(power - 6) wide.
 */
#include "base/histogram.h"

#include <string.h>

enum { SUBS = 1 << HISTOGRAM_SUB_BITS, LAST = HISTOGRAM_BUCKETS - 1 };

static unsigned bucket_of(uint64_t value)
{
    if (value < SUBS)
        return (unsigned)value;
    if (value >> 40)
        return LAST;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SUB_BITS;
    return (shift << HISTOGRAM_SUB_BITS) + (unsigned)(value >> shift);
}

static uint64_t highest_in(unsigned bucket)
{
    if (bucket < SUBS)
        return bucket;
    if (bucket == LAST)
        return UINT64_MAX;
    unsigned shift = bucket / SUBS - 1;
    return ((SUBS + bucket % SUBS + UINT64_C(1)) << shift) - 1;
}

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->buckets[bucket_of(value)]++;
    histogram->count++;
    histogram->sum += value;
    if (value > histogram->max)
        histogram->max = value;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
}

/* How many values "at least `fraction`" of them are: at least one, at most all. */
static uint64_t rank_of(const struct histogram *histogram, double fraction)
{
    double exact = fraction * (double)histogram->count;
    if (!(exact > 1)) /* also if it is not a number */
        return 1;
    if (exact >= (double)histogram->count)
        return histogram->count;
    uint64_t rank = (uint64_t)exact;
    return (double)rank < exact ? rank + 1 : rank;
}

uint64_t histogram_quantile(const struct histogram *histogram, double fraction)
{
    if (histogram->count == 0)
        return 0;

    uint64_t rank = rank_of(histogram, fraction);
    unsigned bucket = 0;
    for (uint64_t seen = histogram->buckets[0]; seen < rank && bucket < LAST;)
        seen += histogram->buckets[++bucket];
    uint64_t highest = highest_in(bucket);
    return highest < histogram->max ? highest : histogram->max;
}

uint64_t histogram_at_most(const struct histogram *histogram, uint64_t value)
{
    uint64_t count = 0;
    for (unsigned i = 0, last = bucket_of(value); i <= last; i++)
        count += histogram->buckets[i];
    return count;
}
