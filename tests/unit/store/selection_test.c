/* What has ended, found again in steps: against a small engine that knows of each delivery. */
#include "store/selection.h"

#include "world.h"

#include <criterion/new/assert.h>

enum { SHARDS = 3 };

static struct world world;

static void setup(void)
{
    world_open(&world, SHARDS, 20240811);
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(selection, .init = setup, .fini = teardown);

static bool is_type_1(const void *context, const struct event_record *event)
{
    (void)context;
    return slice_equal(event->type, SLICE("type-1"));
}

static bool is_expected(const struct world_delivery *delivery,
                        const struct selection_filter *filter)
{
    const struct world_event *event = &world.events[delivery->event];
    uint64_t accepted_ms = id_time_ms(&event->id);
    return id_equal(&world.subscriptions[delivery->subscription], &filter->subscription) &&
           accepted_ms >= filter->since_ms &&
           (!filter->until_ms || accepted_ms < filter->until_ms) &&
           (!filter->event || id_equal(filter->event, &event->id)) &&
           (!filter->wants || event->type == 1);
}

static const struct world_delivery *delivery_of(const struct id *event,
                                                const struct id *subscription)
{
    for (size_t i = 0; i < world.delivery_count; i++) {
        const struct world_delivery *delivery = &world.deliveries[i];
        if (id_equal(&world.events[delivery->event].id, event) &&
            id_equal(&world.subscriptions[delivery->subscription], subscription))
            return delivery;
    }
    return NULL;
}

static void check_one(const struct ended_delivery *ended, const struct selection_filter *filter)
{
    const struct world_delivery *delivery = delivery_of(&ended->event, &filter->subscription);
    cr_assert(delivery != NULL);
    cr_assert(is_expected(delivery, filter));
    cr_assert(filter->statuses >> delivery->status & 1);
    cr_assert(eq(int, (int)ended->row.status, (int)delivery->status));
    cr_assert(eq(u32, ended->row.attempt_count, delivery->row.attempt_count));
    cr_assert(eq(u32, ended->row.block_count, delivery->row.block_count));
    unsigned home = keys_home(&filter->subscription, world.shards);
    for (uint32_t i = 0; i < ended->row.block_count; i++) {
        struct attempts_place a = attempts_place(ended->row.blocks[i], home);
        struct attempts_place b = attempts_place(delivery->row.blocks[i], home);
        cr_assert(a.shard == b.shard && a.block == b.block);
    }
}

/* Goes through all of it, each step with nothing remembered but the place. */
static void check(const struct selection_filter *filter)
{
    static struct selection selection;
    struct id reached[SHARDS] = {0}, last = {0};
    struct selection_place place = {.reached = reached};
    size_t found = 0, live = 0, wanted = 0, wanted_live = 0;
    bool is_by_rows = filter->statuses == 1u << DELIVERY_DEAD && !filter->event;
    do {
        cr_assert(
            zero(int, selection_step(&selection, world.scratch.db, world.shards, filter, &place)));
        for (unsigned i = 0; i < selection.count; i++) {
            check_one(&selection.list[i], filter);
            cr_assert(memcmp(&last, &selection.list[i].event, sizeof last) < 0, "in order, once");
            last = selection.list[i].event;
        }
        found += selection.count;
        live += selection.live;
    } while (!selection.ended);
    for (size_t i = 0; i < world.delivery_count; i++) {
        const struct world_delivery *delivery = &world.deliveries[i];
        if (!is_expected(delivery, filter))
            continue;
        wanted += filter->statuses >> delivery->status & 1;
        wanted_live +=
            delivery->status == DELIVERY_PENDING || delivery->status == DELIVERY_RETRYING;
    }
    cr_assert(eq(sz, found, wanted));
    cr_assert(eq(sz, live, is_by_rows ? 0 : wanted_live));
}

static void check_some(void)
{
    static const unsigned asked[] = {
        1u << DELIVERY_DEAD,
        1u << DELIVERY_DELIVERED,
        1u << DELIVERY_DELIVERED | 1u << DELIVERY_DEAD | 1u << DELIVERY_CANCELLED,
    };
    for (unsigned i = 0; i < WORLD_SUBSCRIPTIONS * 3; i++) {
        uint64_t begin_ms = UINT64_C(1700000000000), span_ms = world.now_ms - begin_ms;
        struct selection_filter filter = {.subscription = world.subscriptions[i / 3],
                                          .statuses = asked[i % 3],
                                          .now_ms = world.now_ms};
        check(&filter);
        filter.wants = is_type_1;
        check(&filter);
        filter.since_ms = begin_ms + random_below(&world.random, span_ms);
        filter.until_ms = filter.since_ms + random_below(&world.random, span_ms);
        check(&filter);
        filter.wants = NULL;
        check(&filter);
    }
}

Test(selection, of_nothing_has_ended_at_once)
{
    struct selection_filter filter = {.subscription = world.subscriptions[0], .statuses = ~0u};
    check(&filter);
}

Test(selection, agrees_with_a_simple_model, .timeout = 60)
{
    world_live(&world, 6000);
    check_some();
}

Test(selection, agrees_with_it_over_restarts_with_other_numbers_of_shards, .timeout = 60)
{
    world_live(&world, 1500);
    world_restart(&world, 1);
    world_live(&world, 1500);
    world_restart(&world, SHARDS);
    world_live(&world, 500);
    check_some();
}

Test(selection, of_one_event_is_that_alone)
{
    world_live(&world, 1000);
    for (size_t i = 0; i < world.event_count; i += 7) {
        if (world.events[i].duplicate)
            continue;
        struct selection_filter filter = {.subscription = world.subscriptions[i % 7],
                                          .statuses =
                                              1u << DELIVERY_DEAD | 1u << DELIVERY_DELIVERED,
                                          .now_ms = world.now_ms,
                                          .event = &world.events[i].id};
        check(&filter);
    }
}

Test(selection, takes_what_outlived_its_record_for_delivered)
{
    static struct selection selection;
    world_take_events(&world);
    while (world.delivery_count == 0)
        world_take_events(&world);
    const struct world_delivery *delivery = &world.deliveries[0];
    struct id reached[SHARDS] = {0};
    struct selection_place place = {.reached = reached};
    struct selection_filter filter = {.subscription = world.subscriptions[delivery->subscription],
                                      .statuses = 1u << DELIVERY_DELIVERED,
                                      .now_ms = world.now_ms + 60 * 60000};
    cr_assert(zero(int, selection_step(&selection, world.scratch.db, SHARDS, &filter, &place)));
    cr_assert(ge(u32, selection.count, 1));
    cr_assert(eq(u32, selection.list[0].row.attempt_count, 1));
    world_restart(&world, SHARDS); /* parked now: it is on its way, however old */
    memset(reached, 0, sizeof reached);
    cr_assert(zero(int, selection_step(&selection, world.scratch.db, SHARDS, &filter, &place)));
    cr_assert(zero(u32, selection.count));
    cr_assert(ge(u32, selection.live, 1));
}
