/* Bringing back from disk what is due, against a model that knows of each delivery where it is:
 * random failures, parkings and ends; commits and answers that come late; pages that end early, and
 * reads that fail. What must hold:
 *
 *   1. Nothing twice: what is taken in is on disk alone, and that row is its latest.
 *   2. Nothing missed: no retry that is due before window_ms is on disk alone.
 *   3. Nothing forgotten: when all goes well again, every delivery comes to its end.
 */
#include "paging_stage.h"

enum {
    SEED = 5,
    STORMS = 40,
    STEPS = 2000, /* of each */
    LIVE_MAX = 300,
};

/* ---- what happens to deliveries ---- */

/* One in memory at random, or -1. */
static int any_in_memory(void)
{
    for (unsigned i = 0; i < 30 && made > 0; i++) {
        unsigned item = (unsigned)random_below(&dice, made);
        if (items[item].delivery && items[item].delivery->state != STATE_LOADING)
            return (int)item;
    }
    return -1;
}

static void fail(unsigned item)
{
    struct row row = {ROW_RETRY, wall_ms + random_below(&dice, 2 * LIMIT_RETRY_WINDOW_MS)};
    struct delivery *delivery = items[item].delivery;
    bool had_row = delivery && delivery->row;
    write_row(item, row);
    if (!paging_wants(&shard, row.due_ms)) {
        if (delivery)
            let_go(item, had_row);
        return;
    }
    if (!delivery) {
        hold(item, STATE_WAITING);
        return;
    }
    if (delivery->state == STATE_READY) {
        delivery->endpoint->ready_count--;
        shard.deliveries.waiting++;
    }
    delivery->row = ROW_RETRY;
    delivery->state = STATE_WAITING;
    if (delivery->fetched)
        paging_give_back(&shard, delivery->fetched);
    delivery->fetched = NULL;
}

static void park(unsigned item)
{
    struct delivery *delivery = items[item].delivery;
    struct id event = event_id(item);
    bool is_parked = delivery && delivery->row == ROW_PARKED;
    if (!is_parked)
        write_row(item, (struct row){.kind = ROW_PARKED});
    if (delivery)
        let_go(item, !is_parked && delivery->row);
    note_parked(endpoint_of(item), &event);
}

static void end(unsigned item)
{
    write_row(item, (struct row){0});
    let_go(item, true);
}

static void fall_due(void)
{
    for (unsigned item = 0; item < made; item++) {
        struct delivery *delivery = items[item].delivery;
        if (delivery && delivery->state == STATE_WAITING && items[item].row.due_ms <= wall_ms &&
            paging_load(&shard, delivery))
            delivery->state = STATE_LOADING;
    }
}

/* ---- the test ---- */

/* The second promise. */
static void check(void)
{
    for (unsigned item = 0; item < made; item++)
        if (items[item].row.kind == ROW_RETRY && !items[item].delivery)
            cr_assert(items[item].row.due_ms >= shard.paging.window_ms, "delivery %u was missed",
                      item);
}

static void open_shard(void)
{
    crew_init(&crew, 1);
    shard.crew = &crew;
    shard.memory.arena_size = 1 << 20;
    shard.deliveries.waiting_max = WAITING_ROOM;
    list_init(&shard.endpoints.hungry);
    for (uint8_t i = 0; i < ENDPOINTS; i++) {
        endpoints[i].id.bytes[0] = i;
        endpoints[i].subscription = &unordered;
        list_init(&endpoints[i].hungry);
    }
    cr_assert(zero(int, paging_open(&shard.paging)));
    paging_start(&shard);
}

static void pass_time(uint64_t ms)
{
    wall_ms += ms;
    shard.now_ms += ms;
    fall_due();
    uint64_t next_ms = paging_tick(&shard);
    cr_assert(next_ms > shard.now_ms);
}

static void something_new(void)
{
    if (made == ITEMS || live >= LIVE_MAX)
        return;
    unsigned item = made++;
    if (chance(2))
        park(item);
    else
        fail(item);
}

static void something_happens(void)
{
    int item = any_in_memory();
    if (item < 0)
        return;
    uint64_t what = random_below(&dice, 4);
    if (what == 0)
        fail((unsigned)item);
    else if (what == 1)
        park((unsigned)item);
    else
        end((unsigned)item);
}

static bool is_over(void)
{
    return live == 0 && events_out == 0 && shard.paging.fetches.used == 0 &&
           !list_is_linked(&shard.paging.ghosts);
}

/* Everything that can come to its end does. */
static void calm_down(void)
{
    is_fair = true;
    for (unsigned round = 0; round < 1000 && !is_over(); round++) {
        pass_time(1000);
        while (shard.outcomes.committed < shard.outcomes.sequence - batch_is_open)
            commit();
        for (unsigned i = 0; i < 2 * ANSWERS_MAX; i++) {
            reader_turn();
            deliver_answer();
        }
        for (unsigned item = 0; item < made; item++)
            if (items[item].delivery && items[item].delivery->state == STATE_READY)
                end(item);
        batch_is_open = false;
    }
}

static void pass_some_time(void)
{
    pass_time(random_below(&dice, 400));
}

static void send_off(void)
{
    batch_is_open &= !chance(4);
}

static void storm(void)
{
    static void (*const acts[])(void) = {something_new,  something_happens, commit,
                                         pass_some_time, send_off,          reader_turn,
                                         reader_turn,    deliver_answer};
    is_fair = false;
    for (unsigned step = 0; step < STEPS; step++) {
        acts[random_below(&dice, sizeof acts / sizeof acts[0])]();
        check();
    }
}

Test(paging, agrees_with_a_model_that_knows_where_everything_is)
{
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : SEED;
    random_init(&dice, seed);
    fprintf(stderr, "seed %llu (SEED=N takes another)\n", (unsigned long long)seed);
    open_shard();
    for (unsigned i = 0; i < STORMS; i++) {
        storm();
        calm_down();
        cr_assert(zero(u32, live), "after storm %u: %u deliveries are forgotten", i, live);
        cr_assert(not(list_is_linked(&shard.paging.ghosts)));
        cr_assert(zero(sz, shard.paging.fetches.used));
        cr_assert(zero(u32, events_out));
    }
    cr_assert(lt(u32, 1000, made));
    paging_close(&shard.paging);
}
