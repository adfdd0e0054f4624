/* What memory is spent on: that the parts are no more than the whole, and enough to be of use. */
#include "budget.h"

#include "attempt.h"
#include "delivery.h"
#include "limits.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#define MIB (UINT64_C(1) << 20)

static uint64_t whole_of(const struct budget *budget, unsigned shards)
{
    uint64_t attempts = budget->attempts * (sizeof(struct attempt) + 6 * 1024);
    uint64_t connections = budget->connections * UINT64_C(18) * 1024;
    uint64_t deliveries = budget->deliveries * (sizeof(struct delivery) + 88);
    return budget->store_bytes + budget->catalogue_bytes + 36 * MIB +
           shards * (4 * MIB + budget->arena_bytes + attempts + connections + deliveries);
}

Test(budget, spends_no_more_than_there_is)
{
    for (unsigned shards = 1; shards <= 256; shards++) {
        uint64_t least = budget_least(MIB, shards);
        for (uint64_t memory = least; memory < 64 * least; memory += memory / 3) {
            struct budget budget = budget_of(memory, shards);
            cr_assert(le(u64, whole_of(&budget, shards), memory), "%u shards, %lu MiB", shards,
                      memory / MIB);
        }
    }
}

Test(budget, is_what_it_was_measured_with_where_there_is_enough)
{
    struct budget budget = budget_of(1024 * MIB, 2);
    cr_expect(eq(u64, budget.store_bytes, (468 - 32) * MIB));
    cr_expect(eq(u64, budget.catalogue_bytes, 32 * MIB));
    cr_expect(eq(sz, budget.arena_bytes, 128 * MIB));
    cr_expect(eq(u32, budget.attempts, LIMIT_ATTEMPTS));
    cr_expect(eq(u32, budget.deliveries, LIMIT_DELIVERIES));
    cr_expect(eq(u32, budget.claims, LIMIT_DELIVERIES));
    cr_expect(ge(sz, budget_batch(budget.arena_bytes), 16 * MIB), "a batch of the usual size");
}

Test(budget, has_an_arena_for_four_of_the_largest_events)
{
    for (uint64_t event = 1024; event <= 64 * MIB; event += event / 5)
        for (unsigned shards = 1; shards <= 64; shards *= 2) {
            struct budget least = budget_of(budget_least(event, shards), shards);
            cr_assert(lt(sz, 4 * event, least.arena_bytes), "%lu bytes", event);
            cr_assert(eq(sz, least.arena_bytes & (least.arena_bytes - 1), 0));
        }
}

Test(budget, names_the_least_that_works_and_not_more)
{
    uint64_t least = budget_least(16 * MIB - 1, 2), event = 16 * MIB - 1 + 64 * 1024;
    cr_expect(eq(u64, least, 1024 * MIB));
    struct budget less = budget_of(least - 1, 2);
    cr_expect(lt(u64, less.arena_bytes, 4 * event));
    cr_expect(eq(u64, budget_least(1024, 1), 128 * MIB));
}

Test(budget, is_enough_for_as_many_shards_as_it_says)
{
    cr_expect(eq(u32, budget_shards(128 * MIB, MIB), 4));
    cr_expect(eq(u32, budget_shards(1024 * MIB, MIB), 32));
    cr_expect(eq(u32, budget_shards(128 * MIB, 64 * MIB), 1), "one at least");
    for (uint64_t memory = 128 * MIB; memory < 8192 * MIB; memory += 100 * MIB) {
        unsigned shards = budget_shards(memory, MIB);
        cr_assert(le(u64, budget_least(MIB, shards), memory));
        cr_assert(lt(u64, memory, budget_least(MIB, shards + 1)));
    }
}

Test(budget, leaves_something_of_everything_where_there_is_little)
{
    struct budget budget = budget_of(128 * MIB, 4);
    cr_expect(ge(u64, budget.store_bytes, 9 * MIB));
    cr_expect(ge(u64, budget.catalogue_bytes, 3 * MIB));
    cr_expect(ge(u32, budget.attempts, 64));
    cr_expect(ge(u32, budget.deliveries, 1024));
    cr_expect(ge(u32, budget.claims, LIMIT_BATCH_EVENTS), "a whole batch with keys");
}
