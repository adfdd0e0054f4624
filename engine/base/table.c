/* table.c - chains in an array of buckets, whose number is a power of two.
 *
 * A bucket is chosen by the upper bits of the hash times the golden ratio (Fibonacci hashing), so
 * hashes that agree in some bits still spread: a shard holds only keys whose hashes chose it.
 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BUCKETS_MIN = 16 };

static size_t bucket_of(const struct table *table, uint64_t hash)
{
    unsigned bits = (unsigned)__builtin_ctzl(table->bucket_count);
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

int table_open(struct table *table, size_t capacity)
{
    memset(table, 0, sizeof *table);

    size_t bucket_count = BUCKETS_MIN;
    while (bucket_count < capacity)
        if (__builtin_mul_overflow(bucket_count, 2, &bucket_count))
            return -ENOMEM;
    table->buckets = calloc(bucket_count, sizeof(void *));
    if (!table->buckets)
        return -ENOMEM;
    table->bucket_count = bucket_count;
    return 0;
}

void table_close(struct table *table)
{
    free(table->buckets);
    memset(table, 0, sizeof *table);
}

static void push(struct table *table, struct table_node *node)
{
    struct table_node **bucket = &table->buckets[bucket_of(table, node->hash)];
    node->next = *bucket;
    *bucket = node;
}

static void double_buckets(struct table *table)
{
    struct table old = *table;
    struct table_node **buckets = calloc(old.bucket_count * 2, sizeof(void *));
    if (!buckets)
        return;

    table->buckets = buckets;
    table->bucket_count = old.bucket_count * 2;
    for (size_t i = 0; i < old.bucket_count; i++) {
        for (struct table_node *node = old.buckets[i], *next; node; node = next) {
            next = node->next;
            push(table, node);
        }
    }
    free(old.buckets);
}

void table_put(struct table *table, struct table_node *node, uint64_t hash)
{
    if (table->count == table->bucket_count)
        double_buckets(table);
    node->hash = hash;
    push(table, node);
    table->count++;
}

void table_drop(struct table *table, struct table_node *node)
{
    struct table_node **link = &table->buckets[bucket_of(table, node->hash)];
    while (*link && *link != node)
        link = &(*link)->next;
    must(*link == node);
    *link = node->next;
    node->next = NULL;
    table->count--;
}

static struct table_node *first_equal(struct table_node *node, uint64_t hash)
{
    while (node && node->hash != hash)
        node = node->next;
    return node;
}

struct table_node *table_first(const struct table *table, uint64_t hash)
{
    return first_equal(table->buckets[bucket_of(table, hash)], hash);
}

struct table_node *table_next(const struct table_node *node)
{
    return first_equal(node->next, node->hash);
}

struct table_node *table_walk(const struct table *table, const struct table_node *after)
{
    if (after && after->next)
        return after->next;
    for (size_t i = after ? bucket_of(table, after->hash) + 1 : 0; i < table->bucket_count; i++)
        if (table->buckets[i])
            return table->buckets[i];
    return NULL;
}

uint64_t table_hash(const void *bytes, size_t size)
{
    return XXH3_64bits(bytes, size);
}
