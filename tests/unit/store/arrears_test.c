/* What is open, against what a small engine knows of its own deliveries. */
#include "store/arrears.h"

#include "world.h"

#include <criterion/new/assert.h>

static struct world world;

static void setup(void)
{
    world_open(&world, 2, 47);
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(arrears, .init = setup, .fini = teardown);

static bool is_open(const struct world_delivery *delivery)
{
    return delivery->parked || (delivery->has_row && delivery->status == DELIVERY_RETRYING);
}

Test(arrears, are_what_is_parked_or_waits_for_a_retry)
{
    world_live(&world, 800);
    for (unsigned s = 0; s < WORLD_SUBSCRIPTIONS; s++) {
        struct arrears found, known = {0};
        for (size_t i = 0; i < world.delivery_count; i++) {
            const struct world_delivery *delivery = &world.deliveries[i];
            const struct id *event = &world_event_of(&world, delivery)->id;
            if (delivery->subscription != s || !is_open(delivery))
                continue;
            known.retrying += !delivery->parked;
            if (id_is_zero(&known.oldest) || memcmp(event, &known.oldest, sizeof *event) < 0)
                known.oldest = *event;
        }
        cr_assert(lt(u32, 0, known.retrying));
        cr_assert(zero(int, arrears_read(world.scratch.db,
                                         keys_home(&world.subscriptions[s], world.shards),
                                         &world.subscriptions[s], &found)));
        cr_expect(eq(u32, found.retrying, known.retrying));
        cr_expect(id_equal(&found.oldest, &known.oldest));
        cr_expect(not(found.is_at_least));
    }
}
