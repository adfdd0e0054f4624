/* table.h - a hash table of nodes embedded in the things it finds.
 *
 * Buckets are doubled (by allocation) when there are more nodes than buckets; a table opened with
 * room for all that its pool can hold never allocates again. The caller compares keys: walk
 * table_first() / table_next() and test each.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

struct table_node {
    struct table_node *next;
    uint64_t hash;
};

struct table {
    struct table_node **buckets;
    size_t bucket_count, count; /* bucket_count is a power of two */
};

/* 0, or -ENOMEM. */
MUST_CHECK int table_open(struct table *table, size_t capacity);
void table_close(struct table *table);

/* Adds `node` under `hash`; equal keys are the caller's business. If buckets cannot be doubled for
 * want of memory, chains grow longer instead. */
void table_put(struct table *table, struct table_node *node, uint64_t hash);

/* Takes out a node that is in the table. */
void table_drop(struct table *table, struct table_node *node);

/* The first node with exactly this hash, and the one after `node` with the same hash; NULL at the
 * end. */
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node);

/* Walks all nodes: start with NULL, ends with NULL. The node returned last may be dropped before
 * the next call only if the walk is started anew. */
struct table_node *table_walk(const struct table *table, const struct table_node *after);

/* XXH3 of `bytes`. */
uint64_t table_hash(const void *bytes, size_t size);

#endif
