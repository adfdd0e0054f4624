/* world.h - a small engine for tests of what is read back: it takes events in, attempts their
 * deliveries and writes what an engine would, through the journal, one commit a step; and it knows
 * of each delivery what must come back.
 */
#ifndef TESTS_UNIT_STORE_WORLD_H
#define TESTS_UNIT_STORE_WORLD_H

#include "base/random.h"
#include "scratch.h"
#include "store/backlog.h"
#include "store/journal.h"
#include "store/keys.h"
#include "store/recovery.h"

enum {
    WORLD_SUBSCRIPTIONS = 7,
    WORLD_TENANTS = 2,
    WORLD_DELIVERIES_MAX = 20000,
    WORLD_EVENTS_MAX = 20000,
    WORLD_BLOCK_SIZE = 1 << 16,
};

struct world_event {
    struct id id;
    unsigned tenant, type; /* type: its number, "type-N" in text */
    bool duplicate;
};

struct world_delivery {
    struct id id;
    size_t event; /* in events */
    unsigned subscription;
    uint64_t block; /* of its event */
    bool touched;   /* an attempt or a note of it was logged */
    bool parked, has_row;
    enum delivery_status status;
    struct delivery_row row;
};

struct world {
    struct scratch scratch;
    struct journal *journal;
    struct random random;
    unsigned shards;
    uint64_t now_ms;
    uint64_t next_event_block[DB_SHARDS_MAX], next_attempt_block[DB_SHARDS_MAX];
    struct id subscriptions[WORLD_SUBSCRIPTIONS], tenants[WORLD_TENANTS];
    struct world_event events[WORLD_EVENTS_MAX];
    struct world_delivery deliveries[WORLD_DELIVERIES_MAX];
    size_t event_count, delivery_count;
    struct recovery_report report; /* of the last start */
    char memory[WORLD_BLOCK_SIZE], rows[WORLD_BLOCK_SIZE];
};

static inline void world_start(struct world *world)
{
    char why[RECOVERY_WHY_SIZE];
    int error = recovery_run(world->scratch.db, world->shards, &world->report, NULL, why);
    cr_assert_eq(error, 0, "%s", why);
    memcpy(world->next_event_block, world->report.next_event_block, sizeof world->next_event_block);
    memcpy(world->next_attempt_block, world->report.next_attempt_block,
           sizeof world->next_attempt_block);
    struct journal_options options = {.sync = false};
    error = journal_open(&world->journal, world->scratch.db, 3600 * 1000, &options);
    cr_assert_eq(error, 0);
}

static inline void world_open(struct world *world, unsigned shards, uint64_t seed)
{
    memset(world, 0, sizeof *world);
    random_init(&world->random, seed);
    world->now_ms = UINT64_C(1700000000000);
    world->shards = shards;
    scratch_open(&world->scratch, shards);
    for (size_t i = 0; i < WORLD_SUBSCRIPTIONS; i++)
        world->subscriptions[i] = id_new(world->now_ms, &world->random);
    for (size_t i = 0; i < WORLD_TENANTS; i++)
        world->tenants[i] = id_new(world->now_ms, &world->random);
    world_start(world);
}

static inline void world_close(struct world *world)
{
    journal_close(world->journal);
    scratch_close(&world->scratch);
}

/* Stops without finishing anything, and starts with so many shards. What nothing was logged of has
 * to be parked now. */
static inline void world_restart(struct world *world, unsigned shards)
{
    journal_close(world->journal);
    world->shards = shards;
    world->scratch.options.shards = shards;
    scratch_reopen(&world->scratch);
    world_start(world);
    for (size_t i = 0; i < world->delivery_count; i++) {
        struct world_delivery *delivery = &world->deliveries[i];
        if (!delivery->touched)
            delivery->touched = delivery->parked = true;
    }
}

static inline struct world_event *world_event_of(struct world *world,
                                                 const struct world_delivery *delivery)
{
    return &world->events[delivery->event];
}

/* The first block of the shard with a delivery that nothing was logged of; else the next one. */
static inline uint64_t world_mark(const struct world *world, unsigned shard)
{
    uint64_t mark = world->next_event_block[shard];
    for (size_t i = 0; i < world->delivery_count; i++) {
        const struct world_delivery *delivery = &world->deliveries[i];
        if (!delivery->touched && place_of(&delivery->id).shard == shard && delivery->block < mark)
            mark = delivery->block;
    }
    return mark;
}

static inline uint32_t world_add_event(struct world *world, struct block *block,
                                       uint32_t first_delivery, struct id *subscriptions)
{
    struct world_event *event = &world->events[world->event_count];
    *event = (struct world_event){
        .tenant = (unsigned)random_below(&world->random, WORLD_TENANTS),
        .type = (unsigned)random_below(&world->random, 3),
        .duplicate = random_below(&world->random, 10) == 0,
    };
    world->now_ms += random_below(&world->random, 3);
    struct place place = {block->shard, block->number, block->count};
    event->id = place_id(world->now_ms, place);
    uint32_t count = 0;
    uint64_t one_in = 1 + random_below(&world->random, 6);
    for (unsigned i = 0; i < WORLD_SUBSCRIPTIONS; i++) {
        if (one_in == 6 || random_below(&world->random, one_in))
            continue;
        subscriptions[count] = world->subscriptions[i];
        place.index = first_delivery + count++;
        if (!event->duplicate)
            world->deliveries[world->delivery_count++] = (struct world_delivery){
                .id = place_id(world->now_ms, place),
                .event = world->event_count,
                .subscription = i,
                .block = block->number,
                .status = DELIVERY_PENDING,
            };
    }
    char type[16];
    snprintf(type, sizeof type, "type-%u", event->type);
    struct event_record record = {
        .event = event->id,
        .tenant = world->tenants[event->tenant],
        .duplicate = event->duplicate,
        .first_delivery = first_delivery,
        .type = slice_str(type),
        .payload = SLICE("{\"a\":1}"),
        .subscriptions = subscriptions,
        .subscription_count = count,
    };
    char *at = block_append(block, event_record_size(&record), world->now_ms);
    cr_assert_not_null(at);
    event_record_encode(&record, at);
    world->event_count++;
    return count;
}

static inline void world_commit(struct world *world)
{
    cr_assert_eq(journal_commit(world->journal), 0);
}

/* Takes a block of one to four events in. */
static inline void world_take_events(struct world *world)
{
    unsigned shard = (unsigned)random_below(&world->random, world->shards);
    struct journal_events events = {.mark = world_mark(world, shard)};
    block_init(&events.block, BLOCK_EVENTS, shard, world->next_event_block[shard]++, world->memory,
               sizeof world->memory);
    struct id subscriptions[WORLD_SUBSCRIPTIONS];
    uint32_t first = 0;
    for (uint64_t i = 1 + random_below(&world->random, 4); i > 0; i--)
        first += world_add_event(world, &events.block, first, subscriptions);
    cr_assert_eq(journal_add_events(world->journal, &events), 0);
    world_commit(world);
}

static inline void world_put_row(struct row_log *rows, struct key key, struct slice value)
{
    cr_assert(row_log_put(rows, &key, value));
}

static inline void world_drop_row(struct row_log *rows, struct key key)
{
    cr_assert(row_log_drop(rows, &key));
}

/* Writes the rows that a delivery has after an attempt or a note, and drops those it had. */
static inline void world_move_rows(struct world *world, struct row_log *rows,
                                   struct world_delivery *delivery, bool parked,
                                   const struct delivery_row *row)
{
    const struct id *event = &world_event_of(world, delivery)->id;
    const struct id *subscription = &world->subscriptions[delivery->subscription];
    char wait[WAIT_ROW_SIZE], encoded[DELIVERY_ROW_SIZE_MAX];
    struct slice wait_value = slice_of(wait, sizeof wait);
    wait_row_encode(&(struct wait_row){.attempt_count = row->attempt_count}, wait);
    if (delivery->parked)
        world_drop_row(rows, key_row(ROW_PARKED, subscription, event));
    if (delivery->has_row && delivery->row.status == DELIVERY_RETRYING)
        world_drop_row(rows, key_retry(delivery->row.next_attempt_ms, subscription, event));
    if (parked) {
        world_put_row(rows, key_row(ROW_PARKED, subscription, event), wait_value);
        return;
    }
    if (row->status == DELIVERY_RETRYING)
        world_put_row(rows, key_retry(row->next_attempt_ms, subscription, event), wait_value);
    if (row->status == DELIVERY_DEAD)
        world_put_row(rows, key_row(ROW_DEAD, subscription, event), wait_value);
    world_put_row(rows, key_row(ROW_DELIVERY, subscription, event),
                  slice_of(encoded, delivery_row_encode(row, encoded)));
}

static inline void world_log_attempt(struct world *world, struct block *block,
                                     const struct world_delivery *delivery,
                                     enum attempt_outcome outcome, const struct delivery_row *row)
{
    const struct world_event *event = world_event_of(world, delivery);
    struct attempt_record record = {
        .event = event->id,
        .subscription = world->subscriptions[delivery->subscription],
        .tenant = world->tenants[event->tenant],
        .outcome = outcome,
        .status_after = row->status,
        .number = outcome == ATTEMPT_NONE ? 0 : row->attempt_count,
        .at_ms = world->now_ms,
        .next_attempt_ms = row->next_attempt_ms,
    };
    char *at = block_append(block, attempt_record_size(&record), world->now_ms);
    cr_assert_not_null(at);
    attempt_record_encode(&record, at);
}

/* What comes of a delivery: delivered, to be retried, dead; or without an attempt DELIVERY_PENDING,
 * it is parked, or cancelled. */
static inline void world_settle(struct world *world, struct world_delivery *delivery,
                                enum delivery_status status)
{
    const struct id *subscription = &world->subscriptions[delivery->subscription];
    unsigned home = keys_home(subscription, world->shards);
    struct journal_outcomes outcomes = {.shard = home};
    block_init(&outcomes.attempts, BLOCK_ATTEMPTS, home, world->next_attempt_block[home]++,
               world->memory, sizeof world->memory);
    row_log_init(&outcomes.rows, world->rows, sizeof world->rows);
    world->now_ms += random_below(&world->random, 3);

    bool parked = status == DELIVERY_PENDING;
    bool attempted = !parked && status != DELIVERY_CANCELLED;
    struct delivery_row row = delivery->row;
    row.status = status;
    row.attempt_count += attempted;
    row.next_attempt_ms = status == DELIVERY_RETRYING ? world->now_ms + 5000 : 0;
    if (attempted)
        row.updated_ms = world->now_ms;
    if (attempted) {
        if (row.block_count == RECORD_ATTEMPTS_KEPT)
            memmove(row.blocks, row.blocks + 1, sizeof row.blocks[0] * --row.block_count);
        row.blocks[row.block_count++] =
            attempts_place_keep((struct attempts_place){home, outcomes.attempts.number});
    }
    enum attempt_outcome outcome = !attempted                     ? ATTEMPT_NONE
                                   : status == DELIVERY_DELIVERED ? ATTEMPT_DELIVERED
                                                                  : ATTEMPT_HTTP_ERROR;
    world_log_attempt(world, &outcomes.attempts, delivery, outcome, &row);
    bool straight =
        !delivery->touched && (status == DELIVERY_DELIVERED || status == DELIVERY_CANCELLED);
    if (!straight)
        world_move_rows(world, &outcomes.rows, delivery, parked, &row);
    journal_add_outcomes(world->journal, &outcomes);
    world_commit(world);

    delivery->touched = true;
    delivery->parked = parked;
    delivery->status = status;
    delivery->row = row;
    delivery->has_row = !straight && !parked;
}

/* One thing that happens to a delivery that is not finished, if the one that is picked is not. */
static inline void world_attempt_one(struct world *world)
{
    static const enum delivery_status outcomes[] = {
        DELIVERY_DELIVERED, DELIVERY_DELIVERED, DELIVERY_DELIVERED, DELIVERY_RETRYING,
        DELIVERY_DEAD,      DELIVERY_PENDING,   DELIVERY_CANCELLED,
    };
    if (world->delivery_count == 0)
        return;
    struct world_delivery *delivery =
        &world->deliveries[random_below(&world->random, world->delivery_count)];
    if (delivery->status != DELIVERY_PENDING && delivery->status != DELIVERY_RETRYING)
        return;
    enum delivery_status status =
        outcomes[random_below(&world->random, sizeof outcomes / sizeof outcomes[0])];
    if (status == DELIVERY_PENDING && delivery->touched)
        status = DELIVERY_DELIVERED;
    world_settle(world, delivery, status);
}

static inline void world_live(struct world *world, unsigned steps)
{
    for (; steps > 0; steps--) {
        if (random_below(&world->random, 5) == 0)
            world_take_events(world);
        else
            world_attempt_one(world);
    }
}

#endif
