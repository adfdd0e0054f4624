/* How deliveries stand, against what a small engine knows of its own: by their rows, by their
 * parked rows, by the attempts log, and by nothing at all. */
#include "store/standings.h"

#include "store/event_walk.h"
#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 3 };
enum { JOIN = 8, GET = 60 }; /* work for a row */

static struct world world;
static struct standings *standings;
static uint64_t work;

static void setup(void)
{
    world_open(&world, SHARDS, 43);
}

static void teardown(void)
{
    standings_close(standings);
    world_close(&world);
}

TestSuite(standings, .init = setup, .fini = teardown);

static void open_for(unsigned statuses)
{
    cr_assert(zero(int, standings_open(&standings, world.scratch.db, world.shards, statuses)));
}

/* Adds every delivery there is, as long as there is room, newest event first. */
static void add_all(void)
{
    struct event_walk *walk;
    struct event_record event;
    cr_assert(zero(int, event_walk_open(&walk, world.scratch.db, NULL, 0, 0)));
    while (event_walk_next(walk, &event) == 0)
        for (uint32_t i = 0; i < event.subscription_count; i++)
            if (standings_count(standings) < STANDINGS_MAX)
                standings_add(standings, &event, i, event_walk_commit(walk));
    event_walk_close(walk);
}

static const struct world_delivery *known(const struct id *delivery)
{
    for (size_t i = 0; i < world.delivery_count; i++)
        if (id_equal(&world.deliveries[i].id, delivery))
            return &world.deliveries[i];
    must(false); /* the id is of none */
}

static int check_view(void *context, const struct delivery_view *view)
{
    const struct world_delivery *delivery = known(&view->delivery);
    const struct world_event *event = world_event_of(&world, delivery);
    ++*(unsigned *)context;
    cr_assert(id_equal(&view->event, &event->id));
    cr_assert(id_equal(&view->subscription, &world.subscriptions[delivery->subscription]));
    cr_assert(id_equal(&view->tenant, &world.tenants[event->tenant]));
    cr_assert(eq(int, (int)view->status, (int)delivery->status));
    cr_assert(eq(u32, view->attempt_count, delivery->row.attempt_count));
    cr_assert(eq(u64, view->next_attempt_ms, delivery->row.next_attempt_ms));
    cr_assert(eq(int, view->has_last, delivery->row.attempt_count > 0));
    if (view->has_last)
        cr_assert(eq(u64, view->last.at_ms, delivery->row.updated_ms));
    return 0;
}

/* How many are shown, each as it is known to stand. */
/* Its number in the batch. */
static size_t index_of(const struct world_delivery *delivery)
{
    size_t i = 0;
    while (i < standings_count(standings) && known(standings_delivery(standings, i)) != delivery)
        i++;
    cr_assert(lt(sz, i, standings_count(standings)));
    return i;
}

static unsigned show_all(void)
{
    unsigned seen = 0, told = 0;
    cr_assert(zero(int, standings_settle(standings, &work)));
    for (size_t i = 0; i < standings_count(standings); i++) {
        bool shown;
        cr_assert(zero(int, standings_show(standings, i, check_view, &seen, &shown)));
        told += shown;
    }
    cr_assert(eq(u32, seen, told));
    return seen;
}

Test(standings, are_as_the_engine_knows_them)
{
    world_live(&world, 500);
    cr_assert(lt(sz, world.delivery_count, (size_t)STANDINGS_MAX));
    open_for(0);
    add_all();
    cr_expect(eq(u32, show_all(), (unsigned)world.delivery_count));
}

/* Rows have moved to other queues, and their attempts have not. */
Test(standings, are_so_still_with_another_number_of_shards)
{
    world_live(&world, 300);
    world_restart(&world, SHARDS - 1);
    world_live(&world, 200);
    open_for(0);
    add_all();
    cr_expect(eq(u32, show_all(), (unsigned)world.delivery_count));
}

Test(standings, are_shown_when_they_are_asked_for)
{
    static const enum delivery_status all[] = {
        DELIVERY_PENDING, DELIVERY_RETRYING, DELIVERY_DELIVERED, DELIVERY_DEAD, DELIVERY_CANCELLED};
    world_live(&world, 500);
    for (unsigned s = 0; s < sizeof all / sizeof all[0]; s++) {
        unsigned expected = 0;
        for (size_t i = 0; i < world.delivery_count; i++)
            expected += world.deliveries[i].status == all[s];
        cr_assert(lt(u32, 0, expected));
        open_for(1u << all[s]);
        add_all();
        cr_expect(eq(u32, show_all(), expected), "%d", (int)all[s]);
        standings_close(standings);
    }
    standings = NULL;
}

/* Their rows tell all, so no log is searched for those that have none. */
Test(standings, of_rows_alone_need_no_search)
{
    world_live(&world, 300);
    open_for(1u << DELIVERY_RETRYING | 1u << DELIVERY_DEAD);
    add_all();
    show_all();
    cr_expect(eq(u64, work, JOIN * world.delivery_count));
}

Test(standings, of_what_is_parked_need_none_either)
{
    while (world.delivery_count == 0)
        world_take_events(&world);
    for (size_t i = 0; i < world.delivery_count; i++)
        world_settle(&world, &world.deliveries[i], DELIVERY_PENDING);
    open_for(0);
    add_all();
    cr_expect(eq(u32, show_all(), (unsigned)world.delivery_count));
    cr_expect(eq(u64, work, (JOIN + GET) * world.delivery_count));
}

Test(standings, of_what_has_no_row_are_searched_for_once)
{
    world_live(&world, 100);
    open_for(1u << DELIVERY_DELIVERED);
    add_all();
    work = 1000; /* of others */
    show_all();
    cr_expect(lt(u64, 1000, work));
    uint64_t rows = (JOIN + GET) * world.delivery_count;
    cr_expect(le(u64, work, 1000 + rows + 2 * world.delivery_count * RECORD_ATTEMPTS_KEPT));
}

static int check_attempt(void *context, const struct attempt_record *attempt)
{
    uint32_t *number = context;
    cr_assert(eq(u32, attempt->number, *number + 1), "first to last");
    *number = attempt->number;
    return 0;
}

Test(standings, have_all_their_attempts_first_to_last)
{
    world_live(&world, 600);
    open_for(0);
    add_all();
    cr_assert(zero(int, standings_settle(standings, &work)));
    uint32_t most = 0;
    for (size_t i = 0; i < standings_count(standings); i++) {
        const struct world_delivery *delivery = known(standings_delivery(standings, i));
        uint32_t number = 0;
        cr_assert(zero(int, standings_attempts(standings, i, check_attempt, &number)));
        cr_assert(eq(u32, number, delivery->row.attempt_count));
        most = number > most ? number : most;
    }
    cr_expect(lt(u32, 1, most), "some were tried again");
}

/* Two deliveries of one event. */
static struct world_delivery *take_two(void)
{
    for (size_t i = 0;; i++) {
        while (world.delivery_count < i + 2)
            world_take_events(&world);
        if (world.deliveries[i].event == world.deliveries[i + 1].event)
            return &world.deliveries[i];
    }
}

Test(standings, tell_the_attempts_of_one_from_all_else_in_their_block)
{
    const struct world_delivery *two = take_two();
    struct id subscription = world.subscriptions[two->subscription];
    unsigned home = keys_home(&subscription, SHARDS);
    uint64_t number = world.next_attempt_block[home];
    struct delivery_row row = {.status = DELIVERY_RETRYING, .attempt_count = 1};
    struct journal_outcomes outcomes = {.shard = home};
    block_init(&outcomes.attempts, BLOCK_ATTEMPTS, home, number, world.memory, sizeof world.memory);
    row_log_init(&outcomes.rows, world.rows, sizeof world.rows);
    world_log_attempt(&world, &outcomes.attempts, &two[0], ATTEMPT_HTTP_ERROR, &row);
    world_log_attempt(&world, &outcomes.attempts, &two[1], ATTEMPT_HTTP_ERROR, &row);
    row = (struct delivery_row){
        .status = DELIVERY_DEAD, .attempt_count = 2, .block_count = 2, .blocks = {number, number}};
    world_log_attempt(&world, &outcomes.attempts, &two[0], ATTEMPT_HTTP_ERROR, &row);
    world_log_attempt(&world, &outcomes.attempts, &two[0], ATTEMPT_NONE, &row);
    char value[DELIVERY_ROW_SIZE_MAX];
    world_put_row(&outcomes.rows,
                  key_row(ROW_DELIVERY, &subscription, &world_event_of(&world, two)->id),
                  slice_of(value, delivery_row_encode(&row, value)));
    journal_add_outcomes(world.journal, &outcomes);
    world_commit(&world);

    open_for(1u << DELIVERY_DEAD);
    add_all();
    cr_assert(zero(int, standings_settle(standings, &work)));
    uint32_t last = 0;
    cr_assert(zero(int, standings_attempts(standings, index_of(two), check_attempt, &last)));
    cr_expect(eq(u32, last, 2), "and no block is read twice");
}

static int stop(void *context, const struct attempt_record *attempt)
{
    (void)attempt;
    ++*(unsigned *)context;
    return -ECANCELED;
}

Test(standings, end_where_the_caller_wants_to)
{
    unsigned calls = 0;
    while (world.delivery_count == 0)
        world_take_events(&world);
    world_settle(&world, &world.deliveries[0], DELIVERY_RETRYING);
    world_settle(&world, &world.deliveries[0], DELIVERY_DEAD);
    open_for(1u << DELIVERY_DEAD);
    add_all();
    cr_assert(zero(int, standings_settle(standings, &work)));
    size_t first = index_of(&world.deliveries[0]);
    cr_expect(eq(int, standings_attempts(standings, first, stop, &calls), -ECANCELED));
    cr_expect(eq(u32, calls, 1));
}

Test(standings, begin_anew_when_they_are_cleared)
{
    world_live(&world, 100);
    open_for(0);
    add_all();
    unsigned first = show_all();
    standings_clear(standings);
    cr_expect(zero(sz, standings_count(standings)));
    world_live(&world, 50);
    add_all();
    cr_expect(ge(u32, show_all(), first));
}

Test(standings, of_an_event_that_is_gone_are_not_shown)
{
    struct batch *batch;
    while (world.delivery_count == 0)
        world_take_events(&world);
    const struct world_delivery *delivery = &world.deliveries[0];
    struct place place = place_of(&delivery->id);
    open_for(0);
    add_all();
    size_t before = standings_count(standings);
    struct key key = key_block(place.block);
    cr_assert(zero(int, batch_open(&batch)));
    batch_drop(batch, world.scratch.db, (struct family){FAMILY_EVENTS, place.shard},
               key_slice(&key));
    cr_assert(zero(int, db_write(world.scratch.db, batch, false)));
    batch_close(batch);
    cr_expect(lt(u32, show_all(), (unsigned)before));
}

/* The id says where the event is, and which of its deliveries it is. */
Test(standings, are_named_by_the_place_of_the_event)
{
    struct event_record event = {.event = place_id(1000, (struct place){2, 77, 5}),
                                 .first_delivery = 30};
    struct id id = standings_delivery_id(&event, 3);
    struct place place = place_of(&id);
    cr_expect(eq(u32, place.shard, 2));
    cr_expect(eq(u64, place.block, 77));
    cr_expect(eq(u32, place.index, 33));
    cr_expect(eq(u64, id_time_ms(&id), 1000));
}
