/* Pages of events and deliveries against a small engine's own lists: whatever the filter and the
 * size of the page, all pages together are the list, newest first, each entry once. */
#include "store/history.h"

#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

static struct world world;

static void setup(void)
{
    world_open(&world, 3, 23);
}

static void teardown(void)
{
    world_close(&world);
}

TestSuite(history, .init = setup, .fini = teardown);

static int by_id_descending(const void *a, const void *b)
{
    return memcmp(b, a, sizeof(struct id));
}

/* What was expected and how far it was seen. The id comes first in what is sorted. */
static struct expected {
    struct id id;
    const struct world_event *event;
    const struct world_delivery *delivery;
} expected[WORLD_DELIVERIES_MAX];
static size_t expected_count, seen;

static void expect(struct id id, const struct world_event *event,
                   const struct world_delivery *delivery)
{
    expected[expected_count++] = (struct expected){id, event, delivery};
}

static bool event_passes(const struct history_filter *filter, const struct world_event *event)
{
    char type[16];
    snprintf(type, sizeof type, "type-%u", event->type);
    uint64_t time_ms = id_time_ms(&event->id);
    return (!filter->tenant || id_equal(filter->tenant, &world.tenants[event->tenant])) &&
           (!filter->event || id_equal(filter->event, &event->id)) &&
           (!filter->type.size || slice_equal(filter->type, slice_str(type))) &&
           (!filter->since_ms || time_ms >= filter->since_ms) &&
           (!filter->until_ms || time_ms < filter->until_ms);
}

static int see_delivery(void *context, const struct delivery_view *view)
{
    (void)context;
    cr_assert(lt(sz, seen, expected_count));
    const struct expected *next = &expected[seen++];
    const struct world_delivery *delivery = next->delivery;
    cr_assert(id_equal(&view->delivery, &delivery->id));
    cr_assert(id_equal(&view->event, &next->event->id));
    cr_assert(id_equal(&view->subscription, &world.subscriptions[delivery->subscription]));
    cr_assert(id_equal(&view->tenant, &world.tenants[next->event->tenant]));
    cr_assert(eq(u64, view->event_type.size, 6));
    cr_assert(eq(u64, view->created_ms, id_time_ms(&next->event->id)));
    cr_assert(eq(int, (int)view->status, (int)delivery->status));
    cr_assert(eq(u32, view->attempt_count, delivery->row.attempt_count));
    cr_assert(eq(u64, view->next_attempt_ms, delivery->row.next_attempt_ms));
    cr_assert(eq(int, view->has_last, delivery->row.attempt_count > 0));
    if (view->has_last) {
        cr_assert(eq(u32, view->last.number, delivery->row.attempt_count));
        cr_assert(eq(u64, view->last.at_ms, delivery->row.updated_ms));
        cr_assert(id_equal(&view->last.event, &view->event));
    }
    return 0;
}

static int see_event(void *context, const struct event_record *event)
{
    (void)context;
    cr_assert(lt(sz, seen, expected_count));
    cr_assert(id_equal(&event->event, &expected[seen++].id));
    return 0;
}

static void check_deliveries(const struct history_filter *filter, unsigned limit)
{
    expected_count = seen = 0;
    for (size_t i = 0; i < world.delivery_count; i++) {
        const struct world_delivery *delivery = &world.deliveries[i];
        const struct world_event *event = &world.events[delivery->event];
        const struct id *subscription = &world.subscriptions[delivery->subscription];
        if (event_passes(filter, event) &&
            (!filter->subscription || id_equal(filter->subscription, subscription)) &&
            (!filter->statuses || (filter->statuses >> delivery->status & 1)))
            expect(delivery->id, event, delivery);
    }
    qsort(expected, expected_count, sizeof expected[0], by_id_descending);

    struct history_page page = {.limit = limit, .more = true};
    for (; page.more; page.before = &page.last) {
        size_t seen_before = seen;
        struct id before_this = page.last;
        cr_assert(zero(int, history_deliveries(world.scratch.db, world.shards, filter, &page,
                                               see_delivery, NULL)));
        cr_assert(le(sz, seen - seen_before, limit));
        if (page.more && !filter->work_max)
            cr_assert(eq(sz, seen - seen_before, limit), "the budget is not used up here");
        if (page.more && page.before)
            cr_assert(lt(int, memcmp(&page.last, &before_this, sizeof before_this), 0),
                      "it goes on");
    }
    cr_assert(eq(sz, seen, expected_count));
}

static void check_events(const struct history_filter *filter, unsigned limit)
{
    expected_count = seen = 0;
    for (size_t i = 0; i < world.event_count; i++) {
        const struct world_event *event = &world.events[i];
        bool names = !filter->subscription;
        for (size_t k = 0; k < world.delivery_count && !names; k++)
            names = world.deliveries[k].event == i &&
                    id_equal(filter->subscription,
                             &world.subscriptions[world.deliveries[k].subscription]);
        if (names && !event->duplicate && event_passes(filter, event))
            expect(event->id, event, NULL);
    }
    qsort(expected, expected_count, sizeof expected[0], by_id_descending);

    struct history_page page = {.limit = limit, .more = true};
    for (; page.more; page.before = &page.last) {
        size_t seen_before = seen;
        cr_assert(zero(int, history_events(world.scratch.db, filter, &page, see_event, NULL)));
        cr_assert(le(sz, seen - seen_before, limit));
    }
    cr_assert(eq(sz, seen, expected_count));
}

static bool chance(unsigned one_in)
{
    return random_below(&world.random, one_in) == 0;
}

static struct history_filter random_filter(void)
{
    static const char *const types[] = {"type-0", "type-1", "type-2", "type-9"};
    struct history_filter filter = {.tenant = NULL};
    if (chance(3))
        filter.tenant = &world.tenants[random_below(&world.random, WORLD_TENANTS)];
    if (chance(3))
        filter.subscription =
            &world.subscriptions[random_below(&world.random, WORLD_SUBSCRIPTIONS)];
    if (chance(8))
        filter.event = &world.events[random_below(&world.random, world.event_count)].id;
    if (chance(4))
        filter.type = slice_str(types[random_below(&world.random, 4)]);
    if (chance(2))
        filter.statuses =
            (unsigned)random_below(&world.random, 1u << (DELIVERY_CANCELLED + 1)) & ~1u;
    if (chance(3))
        filter.statuses = 1u << DELIVERY_DEAD | (chance(2) ? 1u << DELIVERY_RETRYING : 0);
    if (chance(2))
        filter.work_max = 1 + random_below(&world.random, chance(2) ? 20 : 5000);
    size_t middle = random_below(&world.random, world.event_count);
    uint64_t time_ms = id_time_ms(&world.events[middle].id);
    if (chance(4))
        filter.since_ms = time_ms;
    if (chance(4))
        filter.until_ms = time_ms + random_below(&world.random, 100);
    return filter;
}

static void check_anything(unsigned rounds)
{
    for (; rounds > 0; rounds--) {
        struct history_filter filter = random_filter();
        unsigned limit = 1 + (unsigned)random_below(&world.random, 60);
        check_deliveries(&filter, limit);
        check_events(&filter, limit);
    }
}

Test(history, of_nothing_is_empty)
{
    struct history_filter filter = {.tenant = NULL};
    check_deliveries(&filter, 10);
    check_events(&filter, 10);
}

Test(history, agrees_with_a_simple_model, .timeout = 60)
{
    world_live(&world, 700);
    check_anything(60);
}

Test(history, agrees_with_it_over_restarts_with_other_numbers_of_shards, .timeout = 60)
{
    static const unsigned shards[] = {3, 5, 2};
    for (size_t i = 0; i < sizeof shards / sizeof shards[0]; i++) {
        world_live(&world, 200);
        world_restart(&world, shards[i]);
        check_anything(15);
    }
}

static int take_delivery(void *context, const struct delivery_view *view)
{
    struct id *deliveries = context;
    deliveries[seen++] = view->delivery;
    return 0;
}

/* Rows that say something else are walked over, and cost as well. */
Test(history, ends_a_page_without_an_entry_when_its_budget_is_used_up)
{
    while (world.delivery_count < 300)
        world_take_events(&world);
    struct world_delivery *sought = NULL;
    size_t rows = 0;
    for (size_t i = 0; i < world.delivery_count; i++) {
        struct world_delivery *delivery = &world.deliveries[i];
        if (delivery->subscription != 0)
            continue;
        world_settle(&world, delivery, sought ? DELIVERY_DEAD : DELIVERY_RETRYING);
        sought = sought ? sought : delivery;
        rows++;
    }
    cr_assert(lt(sz, 10, rows));

    struct history_filter filter = {.subscription = &world.subscriptions[0],
                                    .statuses = 1u << DELIVERY_RETRYING,
                                    .work_max = 1};
    struct id found[1];
    struct history_page page = {.limit = 5, .more = true};
    size_t pages = 0;
    seen = 0;
    for (; page.more; page.before = &page.last) {
        cr_assert(lt(sz, pages, 2 * world.delivery_count), "it goes on");
        cr_assert(zero(int, history_deliveries(world.scratch.db, world.shards, &filter, &page,
                                               take_delivery, found)));
        pages++;
    }
    cr_assert(eq(sz, seen, 1));
    cr_assert(id_equal(&found[0], &sought->id));
    cr_assert(ge(sz, pages, rows), "a row a page");
}

/* A delivery that was delivered at once costs some 170 here: its row is looked for in two places,
 * and its attempt is in a block of its own. */
Test(history, looks_no_further_for_what_is_rare_than_its_budget_pays_for)
{
    enum { BUDGET = 20000 };
    while (world.delivery_count < 500)
        world_take_events(&world);
    for (size_t i = 0; i < world.delivery_count; i++)
        world_settle(&world, &world.deliveries[i], DELIVERY_DELIVERED);
    struct history_filter filter = {.statuses = 1u << DELIVERY_PENDING, .work_max = BUDGET};
    struct history_page page = {.limit = 50};
    size_t passed = 0;
    seen = 0;
    cr_assert(zero(int, history_deliveries(world.scratch.db, world.shards, &filter, &page,
                                           take_delivery, NULL)));
    for (size_t i = 0; i < world.delivery_count; i++)
        passed += memcmp(&world.deliveries[i].id, &page.last, sizeof page.last) >= 0;
    cr_expect(page.more);
    cr_expect(lt(sz, 80, passed));
    cr_expect(lt(sz, passed, 160));
}

/* So many dead letters of the first subscription, of `time_ms`, that were there a moment ago. */
static void drop_many(uint64_t time_ms)
{
    const struct id *subscription = &world.subscriptions[0];
    struct family queue = {FAMILY_QUEUE, keys_home(subscription, world.shards)};
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    for (uint64_t i = 0; i < 2 * (DB_DROPPED_MAX + 1); i++) {
        struct id event = id_pack(time_ms, (1u << PLACE_SHARD_BITS) - 1, i / 2);
        struct key key = key_row(ROW_DEAD, subscription, &event);
        if (i % 2 == 0)
            batch_put(batch, world.scratch.db, queue, key_slice(&key), SLICE("x"));
        else
            batch_drop(batch, world.scratch.db, queue, key_slice(&key));
    }
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
}

static void check_dead(void)
{
    struct history_filter filter = {.statuses = 1u << DELIVERY_DEAD};
    check_deliveries(&filter, 7);
    filter.subscription = &world.subscriptions[0];
    check_deliveries(&filter, 7);
}

Test(history, finds_dead_letters_behind_many_that_are_not_there_any_more)
{
    world_live(&world, 700);
    drop_many(id_time_ms(&world.events[world.event_count / 2].id)); /* within a page */
    check_dead();
    drop_many(world.now_ms + 1); /* before the first */
    check_dead();
}

static uint32_t attempts_seen;

static int see_attempt(void *context, const struct attempt_record *attempt)
{
    const struct world_delivery *delivery = context;
    attempts_seen++;
    cr_assert(id_equal(&attempt->event, &world.events[delivery->event].id));
    cr_assert(id_equal(&attempt->subscription, &world.subscriptions[delivery->subscription]));
    cr_assert(eq(u32, attempt->number, attempts_seen));
    return 0;
}

Test(history, tells_each_delivery_and_its_attempts)
{
    world_live(&world, 300);
    world_restart(&world, 4);
    world_live(&world, 300);
    for (size_t i = 0; i < world.delivery_count; i++) {
        struct world_delivery *delivery = &world.deliveries[i];
        expected_count = seen = 0;
        expect(delivery->id, &world.events[delivery->event], delivery);
        cr_assert(zero(int, history_delivery(world.scratch.db, world.shards, &delivery->id,
                                             see_delivery, NULL)));
        cr_assert(eq(sz, seen, 1));
        attempts_seen = 0;
        cr_assert(zero(int, history_attempts(world.scratch.db, world.shards, &delivery->id,
                                             see_attempt, delivery)));
        cr_assert(eq(u32, attempts_seen, delivery->row.attempt_count));
    }
}

Test(history, knows_no_delivery_that_never_was)
{
    world_live(&world, 100);
    struct place place = place_of(&world.deliveries[0].id);
    struct id id = place_id(id_time_ms(&world.deliveries[0].id) + 1, place);
    cr_assert(eq(int, history_delivery(world.scratch.db, 3, &id, see_delivery, NULL), -ENOENT));
    place.index = 1000;
    id = place_id(id_time_ms(&world.deliveries[0].id), place);
    cr_assert(eq(int, history_delivery(world.scratch.db, 3, &id, see_delivery, NULL), -ENOENT));
    place.shard = 4000;
    id = place_id(id_time_ms(&world.deliveries[0].id), place);
    cr_assert(eq(int, history_attempts(world.scratch.db, 3, &id, see_attempt, NULL), -ENOENT));
}

static int refuse(void *context, const struct delivery_view *view)
{
    (void)context, (void)view;
    return -ECANCELED;
}

Test(history, ends_with_the_error_of_the_callback)
{
    world_live(&world, 100);
    struct history_filter filter = {.tenant = NULL};
    struct history_page page = {.limit = 10};
    cr_assert(
        eq(int, history_deliveries(world.scratch.db, 3, &filter, &page, refuse, NULL), -ECANCELED));
    cr_assert(not(page.more));
}

/* Events of one millisecond in one block, the first of which have no deliveries: then indexes of
 * deliveries run behind indexes of events. */
Test(history, pages_through_events_of_one_millisecond)
{
    enum { EVENTS = 6, WITHOUT = 3 };
    struct journal_events events = {.mark = 0};
    uint64_t number = world.next_event_block[0]++;
    block_init(&events.block, BLOCK_EVENTS, 0, number, world.memory, sizeof world.memory);
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct id id = place_id(world.now_ms, (struct place){0, number, i});
        struct event_record record = {
            .event = id,
            .type = SLICE("type-0"),
            .first_delivery = i < WITHOUT ? 0 : i - WITHOUT,
            .subscriptions = world.subscriptions,
            .subscription_count = i >= WITHOUT,
        };
        world.events[i] = (struct world_event){.id = id};
        size_t size = event_record_size(&record);
        event_record_encode(&record, block_append(&events.block, size, world.now_ms));
    }
    cr_assert(zero(int, journal_add_events(world.journal, &events)));
    world_commit(&world);
    for (size_t i = WITHOUT; i < EVENTS; i++) {
        world.deliveries[i] = (struct world_delivery){.event = i, .status = DELIVERY_PENDING};
        world_settle(&world, &world.deliveries[i], DELIVERY_DEAD);
    }

    struct history_filter filter = {.subscription = &world.subscriptions[0],
                                    .statuses = 1u << DELIVERY_DEAD};
    struct id found[EVENTS];
    struct history_page page = {.limit = 1, .more = true};
    seen = 0;
    for (; page.more; page.before = &page.last)
        cr_assert(zero(int, history_deliveries(world.scratch.db, world.shards, &filter, &page,
                                               take_delivery, found)));
    cr_assert(eq(sz, seen, EVENTS - WITHOUT));
    for (uint32_t i = 0; i < seen; i++)
        cr_assert(eq(u32, place_of(&found[i]).index, EVENTS - WITHOUT - 1 - i));
}
