/* budget.h - what the engine's memory is spent on, and how much of each it may have.
 *
 *   half     the store: memtables and cache, less FIXED and each shard's ring, which come first,
 * and less what event types may take: a 32nd part of the memory, and a fourth of that half at most
 *   a fourth buffers of the shards: requests, events, bodies; to each a power of two
 *   a fourth pools of the shards: deliveries, and attempts with their connections
 *
 * In equal parts for the shards. What is not in it: connections of producers (1.5 KiB each, as many
 * as connections_max), TLS (some 30 KiB a connection), and configuration (1 KiB for an idle
 * subscription).
 */
#ifndef ENGINE_BUDGET_H
#define ENGINE_BUDGET_H

#include <stddef.h>
#include <stdint.h>

#define BUDGET_MEMORY_MIN (UINT64_C(128) << 20)

struct budget {
    uint64_t store_bytes;
    uint64_t catalogue_bytes; /* event types of all tenants: out of the store's half */
    /* Of each shard. */
    size_t arena_bytes;
    unsigned attempts; /* on their way */
    unsigned connections;
    unsigned deliveries, claims;
};

struct budget budget_of(uint64_t memory_bytes, unsigned shards);

/* The longest request that is sure to find room in an empty arena, as far as its events are small.
 */
size_t budget_batch(size_t arena_bytes);

/* The least memory with which so many shards can take in and deliver events of this size. */
uint64_t budget_least(uint64_t event_bytes_max, unsigned shards);

/* As many shards as there is memory for; at least 1. */
unsigned budget_shards(uint64_t memory_bytes, uint64_t event_bytes_max);

#endif
