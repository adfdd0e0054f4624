/* budget.c - see budget.h. No state; any thread. */
#include "budget.h"

#include "limits.h"

#define MIB (UINT64_C(1) << 20)

enum {
    ARENA_PART = 4,      /* of the memory, one part in this is for arenas; and for pools */
    CATALOGUE_PART = 32, /* and for event types, or of the store's half: */
    CATALOGUE_LEAST = 4,
    BATCH_PART = 6, /* a batch: its buffer is a power of two, and twice as much is its blocks */

    /* An event in an arena: twice while it arrives; then the request and the block, plain and
     * sealed; then the block and a body made of it, base64 and compressed at the worst. */
    EVENT_COPIES = 4,
    EVENT_BESIDES = 64 * 1024, /* head, type, names; subscriptions are counted in EVENT_MIN */
    EVENT_MIN = 2 * 1024 * 1024,

    /* An attempt: itself, its connection and a fourth of an idle one, its outcome. */
    ATTEMPT_COST = 16 * 1024 + 18 * 1024 * 5 / 4 + 6 * 1024,
    /* A delivery: itself, its lane, its places in two tables, a claim. */
    DELIVERY_COST = 256 + 88 + 32 + 96,
    CLAIMS_MIN = LIMIT_BATCH_EVENTS + LIMIT_BATCH_EVENTS / 2, /* a whole batch with keys */
};

/* The program and its libraries, control, what RocksDB has in hand for flushes and compactions. */
#define FIXED (36 * MIB)
#define RING  (4 * MIB) /* receive buffers of a shard */

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The next power of two. */
static uint64_t round_up(uint64_t size)
{
    uint64_t power = 1;
    while (power < size)
        power *= 2;
    return power;
}

/* What an arena needs to be of use. */
static uint64_t arena_least(uint64_t event_bytes_max)
{
    uint64_t whole = round_up(event_bytes_max + EVENT_BESIDES);
    return EVENT_COPIES * (whole > EVENT_MIN ? whole : EVENT_MIN);
}

struct budget budget_of(uint64_t memory_bytes, unsigned shards)
{
    uint64_t part = memory_bytes / shards / ARENA_PART;
    uint64_t attempts = part / 4 * 3 / ATTEMPT_COST, deliveries = part / 4 / DELIVERY_COST;
    uint64_t first = FIXED + shards * RING, half = memory_bytes / 2;
    uint64_t left = half > first ? half - first : half / 2;
    uint64_t catalogue = least_of(memory_bytes / CATALOGUE_PART, left / CATALOGUE_LEAST);
    struct budget budget = {
        .store_bytes = left - catalogue,
        .catalogue_bytes = catalogue,
        .arena_bytes = round_up(part / 2 + 1),
        .attempts = (unsigned)least_of(attempts, LIMIT_ATTEMPTS),
        .deliveries = (unsigned)least_of(deliveries, LIMIT_DELIVERIES),
    };
    budget.connections = budget.attempts + budget.attempts / 4;
    budget.claims = budget.deliveries > CLAIMS_MIN ? budget.deliveries : CLAIMS_MIN;
    return budget;
}

size_t budget_batch(size_t arena_bytes)
{
    return arena_bytes / BATCH_PART;
}

uint64_t budget_least(uint64_t event_bytes_max, unsigned shards)
{
    uint64_t least = arena_least(event_bytes_max) * ARENA_PART * shards;
    return least > BUDGET_MEMORY_MIN ? least : BUDGET_MEMORY_MIN;
}

unsigned budget_shards(uint64_t memory_bytes, uint64_t event_bytes_max)
{
    uint64_t shards = memory_bytes / (arena_least(event_bytes_max) * ARENA_PART);
    return shards > 0 ? (unsigned)shards : 1;
}
