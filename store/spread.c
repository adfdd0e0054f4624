/* spread.c - encoded: sum, max, how many buckets are not empty, then for each the empty ones before
 * it and its count; all varints. The count of all is the sum of theirs. */
#include "store/spread.h"

#include "store/varint.h"

enum { SUB = 1 << SPREAD_SUB_BITS };

static unsigned bucket_of(uint64_t value)
{
    if (value > UINT32_MAX)
        value = UINT32_MAX;
    if (value < SUB)
        return (unsigned)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = power - SPREAD_SUB_BITS;
    return ((shift + 1) << SPREAD_SUB_BITS) + (unsigned)((value >> shift) & (SUB - 1));
}

/* The highest value that counts in it. */
static uint64_t bucket_top(unsigned bucket)
{
    if (bucket < SUB)
        return bucket;
    unsigned shift = (bucket >> SPREAD_SUB_BITS) - 1;
    uint64_t lowest = (uint64_t)(SUB + (bucket & (SUB - 1))) << shift;
    return lowest + (UINT64_C(1) << shift) - 1;
}

void spread_add(struct spread *spread, uint64_t value)
{
    spread->count++;
    spread->sum += value;
    if (value > spread->max)
        spread->max = value;
    spread->buckets[bucket_of(value)]++;
}

void spread_merge(struct spread *into, const struct spread *from)
{
    into->count += from->count;
    into->sum += from->sum;
    if (from->max > into->max)
        into->max = from->max;
    for (unsigned i = 0; i < SPREAD_BUCKETS; i++)
        into->buckets[i] += from->buckets[i];
}

uint64_t spread_quantile(const struct spread *spread, unsigned per_mille)
{
    /* The rank, without overflow at any count. */
    uint64_t wanted =
        spread->count / 1000 * per_mille + (spread->count % 1000 * per_mille + 999) / 1000;
    uint64_t seen = 0;
    if (wanted == 0)
        wanted = 1;
    for (unsigned i = 0; i < SPREAD_BUCKETS && spread->count > 0; i++) {
        seen += spread->buckets[i];
        if (seen >= wanted) {
            bool is_last = i == SPREAD_BUCKETS - 1;
            return is_last || bucket_top(i) > spread->max ? spread->max : bucket_top(i);
        }
    }
    return 0;
}

uint64_t spread_at_most(const struct spread *spread, uint64_t value)
{
    uint64_t count = 0;
    for (unsigned i = 0; i <= bucket_of(value); i++)
        count += spread->buckets[i];
    return count;
}

size_t spread_encode(const struct spread *spread, char *out)
{
    unsigned used = 0, last = 0;
    for (unsigned i = 0; i < SPREAD_BUCKETS; i++)
        used += spread->buckets[i] > 0;
    size_t size = varint_put(out, spread->sum);
    size += varint_put(out + size, spread->max);
    size += varint_put(out + size, used);
    for (unsigned i = 0; i < SPREAD_BUCKETS; i++) {
        if (spread->buckets[i] == 0)
            continue;
        size += varint_put(out + size, i - last);
        size += varint_put(out + size, spread->buckets[i]);
        last = i + 1;
    }
    return size;
}

int spread_decode(struct slice *bytes, struct spread *spread)
{
    uint64_t used, at = 0;
    *spread = (struct spread){0};
    if (varint_take(bytes, &spread->sum) || varint_take(bytes, &spread->max) ||
        varint_take(bytes, &used))
        return -EBADMSG;
    for (; used > 0; used--) {
        uint64_t gap, count;
        if (varint_take(bytes, &gap) || varint_take(bytes, &count))
            return -EBADMSG;
        if (gap >= SPREAD_BUCKETS - at)
            return -EBADMSG;
        at += gap;
        spread->buckets[at++] = count;
        spread->count += count;
    }
    return 0;
}
