/* paging_stage.h - a shard whose deliveries are in a model that knows of each where it is. It
 * stands in for the files around paging.c: rows are written in batches, and the reader answers in
 * order.
 */
#ifndef TESTS_UNIT_ENGINE_PAGING_STAGE_H
#define TESTS_UNIT_ENGINE_PAGING_STAGE_H

#include "arrival.h"
#include "shard.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ITEMS = 20000, /* deliveries that ever are; ids count up */
    ENDPOINTS = 3,
    WINDOW = 40,       /* deliveries that an endpoint holds */
    WAITING_ROOM = 20, /* retries in memory: the rest of the room is taken */
    READY_LOW = 8,     /* an endpoint with fewer is hungry */
    WRITES_MAX = 4096,
    ANSWERS_MAX = 512,
};

struct row {
    uint8_t kind; /* enum row_kind, 0: none */
    uint64_t due_ms;
};

static struct item {
    struct row row;            /* its latest, on disk or on the way there */
    struct row disk;           /* what the reader sees */
    struct delivery *delivery; /* NULL: not in memory */
    unsigned ghosts;
} items[ITEMS];

static struct {
    unsigned item;
    uint64_t sequence;
    struct row row;
} writes[WRITES_MAX]; /* a ring: those that are not on disk */
static size_t write_first, write_end;

static struct mail_fetch *answers[ANSWERS_MAX]; /* a ring: answers on their way back */
static size_t answer_first, answer_end;

static struct crew crew;
static struct shard shard;
static struct endpoint endpoints[ENDPOINTS];
static const struct subscription unordered;
static struct random dice;
static uint64_t wall_ms = 1000000;
static unsigned made, live, events_out;
static bool is_fair; /* nothing fails any more */

static bool chance(unsigned one_in)
{
    return random_below(&dice, one_in) == 0;
}

/* ---- ids ---- */

static struct id event_id(unsigned item)
{
    return (struct id){{0, 0, (uint8_t)(item >> 8), (uint8_t)item, 1}};
}

static unsigned item_of(const struct id *event)
{
    return (unsigned)event->bytes[2] << 8 | event->bytes[3];
}

static struct endpoint *endpoint_of(unsigned item)
{
    return &endpoints[item % ENDPOINTS];
}

/* ---- in place of clock.c, outcomes.c and redelivery.c ---- */

static bool batch_is_open;

uint64_t clock_wall_ms(void)
{
    return wall_ms;
}

uint64_t clock_monotonic_ns(void)
{
    return shard.now_ms * 1000000;
}

bool outcomes_have_room(const struct shard *asker)
{
    (void)asker;
    return is_fair || !chance(10);
}

void outcomes_begin(struct shard *writer)
{
    writer->outcomes.sequence += !batch_is_open;
    batch_is_open = true;
}

void redelivery_hurried(struct shard *taker, struct mail_redeliver *mail, bool is_here)
{
    (void)taker, (void)mail, (void)is_here;
    cr_assert(false, "nobody hurries");
}

void outcomes_flush(struct shard *writer, bool now)
{
    (void)writer;
    cr_assert(now);
    batch_is_open = false;
}

void outcomes_drop(struct shard *writer, const struct key *key)
{
    (void)writer;
    (void)key;
    cr_assert(false, "there are no orphans here");
}

/* The delivery's row is this now. */
static void write_row(unsigned item, struct row row)
{
    outcomes_begin(&shard);
    cr_assert(lt(sz, write_end - write_first, WRITES_MAX));
    size_t at = write_end++ % WRITES_MAX;
    writes[at].item = item;
    writes[at].sequence = shard.outcomes.sequence;
    writes[at].row = row;
    live += (row.kind != 0) - (items[item].row.kind != 0);
    items[item].row = row;
}

/* One batch comes to the disk. */
static void commit(void)
{
    struct outcomes *outcomes = &shard.outcomes;
    if (outcomes->committed == outcomes->sequence - batch_is_open)
        return;
    outcomes->committed++;
    for (; write_first < write_end; write_first++) {
        size_t at = write_first % WRITES_MAX;
        if (writes[at].sequence > outcomes->committed)
            break;
        items[writes[at].item].disk = writes[at].row;
    }
    paging_lay_ghosts(&shard);
}

/* ---- in place of outage.c and endpoint.c ---- */

void outage_restore(struct shard *of, struct endpoint *endpoint, const struct outage_row *row)
{
    (void)of, (void)endpoint, (void)row;
}

bool lane_ends_page(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    (void)endpoint;
    return false;
}

struct endpoint *endpoint_find(const struct shard *asker, const struct id *subscription)
{
    (void)asker;
    return &endpoints[subscription->bytes[0]];
}

bool endpoint_has_window(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    return endpoint->in_memory < WINDOW;
}

bool endpoint_is_shut(const struct shard *asker, const struct endpoint *endpoint)
{
    (void)asker;
    return endpoint->deleted;
}

bool endpoint_free_if_over(struct shard *owner, struct endpoint *endpoint)
{
    (void)owner;
    (void)endpoint;
    return false;
}

void endpoint_update_turn(struct shard *owner, struct endpoint *endpoint)
{
    if (endpoint->has_parked && !endpoint->fetching && endpoint->ready_count < READY_LOW &&
        !list_is_linked(&endpoint->hungry))
        list_push_back(&owner->endpoints.hungry, &endpoint->hungry);
}

static void note_parked(struct endpoint *endpoint, const struct id *event)
{
    endpoint->has_parked = true;
    endpoint->parked_epoch++;
    if (id_is_zero(&endpoint->parked_low) ||
        memcmp(event, &endpoint->parked_low, sizeof *event) < 0)
        endpoint->parked_low = *event;
    endpoint_update_turn(&shard, endpoint);
}

/* ---- in place of delivery.c ---- */

static struct delivery *hold(unsigned item, enum delivery_state state)
{
    struct delivery *delivery = calloc(1, sizeof *delivery);
    delivery->endpoint = endpoint_of(item);
    delivery->event = event_id(item);
    delivery->subscription = delivery->endpoint->id;
    delivery->state = (uint8_t)state;
    delivery->row = items[item].row.kind;
    list_init(&delivery->link);
    delivery->endpoint->in_memory++;
    if (state == STATE_READY)
        delivery->endpoint->ready_count++;
    else
        shard.deliveries.waiting++;
    items[item].delivery = delivery;
    return delivery;
}

/* It leaves memory; as a ghost, if a row of it may still be read. */
static void let_go(unsigned item, bool as_ghost)
{
    struct delivery *delivery = items[item].delivery;
    struct endpoint *endpoint = delivery->endpoint;
    items[item].delivery = NULL;
    endpoint->in_memory--;
    if (delivery->state == STATE_READY)
        endpoint->ready_count--;
    else
        shard.deliveries.waiting--;
    endpoint_update_turn(&shard, endpoint);
    if (delivery->fetched)
        paging_give_back(&shard, delivery->fetched);
    delivery->fetched = NULL;
    if (!as_ghost) {
        free(delivery);
        return;
    }
    delivery->state = STATE_GHOST;
    items[item].ghosts++;
    paging_haunt(&shard, delivery);
}

void delivery_lay(struct shard *owner, struct delivery *ghost)
{
    cr_assert(owner == &shard);
    items[item_of(&ghost->event)].ghosts--;
    free(ghost);
}

/* The first promise. */
static enum load_result judge(const struct backlog_row *row, enum row_kind kind)
{
    struct item *item = &items[item_of(&row->event)];
    if (item->delivery || item->ghosts > 0)
        return LOAD_KNOWN;
    cr_assert(eq(int, item->row.kind, (int)kind), "%u comes twice", item_of(&row->event));
    cr_assert(eq(u64, item->row.due_ms, row->due_ms), "%u comes twice", item_of(&row->event));
    return !is_fair && chance(20) ? LOAD_NO_ROOM : LOAD_TAKEN;
}

enum load_result arrival_load_retry(struct shard *owner, struct endpoint *endpoint,
                                    const struct backlog_row *row)
{
    enum load_result result = judge(row, ROW_RETRY);
    cr_assert(owner == &shard);
    cr_assert(endpoint == endpoint_of(item_of(&row->event)));
    if (result == LOAD_TAKEN)
        hold(item_of(&row->event), STATE_WAITING);
    return result;
}

bool arrival_open_event(const struct shard *owner, struct fetched_event *opened)
{
    cr_assert(owner == &shard);
    return !opened->event.duplicate; /* here: that it does not open */
}

enum load_result arrival_load_parked(struct shard *owner, struct endpoint *endpoint,
                                     const struct backlog_row *row, struct fetched_event *event)
{
    enum load_result result = judge(row, ROW_PARKED);
    cr_assert(owner == &shard);
    cr_assert(endpoint == endpoint_of(item_of(&row->event)));
    if (result == LOAD_TAKEN)
        hold(item_of(&row->event), STATE_READY)->fetched = event;
    return result;
}

void delivery_loaded(struct shard *owner, struct delivery *delivery, struct fetched_event *event)
{
    cr_assert(owner == &shard);
    cr_assert(eq(int, delivery->state, STATE_LOADING));
    delivery->state = STATE_READY;
    delivery->fetched = event;
    shard.deliveries.waiting--;
    delivery->endpoint->ready_count++;
}

void delivery_load_failed(struct shard *owner, struct delivery *delivery)
{
    cr_assert(owner == &shard);
    delivery->state = STATE_WAITING;
}

/* ---- the reader, which answers in order ---- */

static struct fetched_event *read_event(unsigned item)
{
    struct fetched_event *event = calloc(1, sizeof *event);
    event->event.event = event_id(item);
    events_out++;
    return event;
}

static bool goes_before(const struct mail_fetch *fetch, const struct backlog_row *a,
                        const struct backlog_row *b)
{
    if (fetch->kind == FETCH_RETRIES && a->due_ms != b->due_ms)
        return a->due_ms < b->due_ms;
    int order = fetch->kind == FETCH_RETRIES ? memcmp(&a->subscription, &b->subscription, 16) : 0;
    return order ? order < 0 : memcmp(&a->event, &b->event, 16) < 0;
}

static bool is_asked_for(const struct mail_fetch *fetch, const struct backlog_row *row,
                         uint8_t kind)
{
    struct backlog_row after = {.subscription = fetch->after_subscription,
                                .event = fetch->after_event,
                                .due_ms = fetch->from_ms};
    if (fetch->has_after && !goes_before(fetch, &after, row))
        return false;
    if (fetch->kind == FETCH_PARKED)
        return kind == ROW_PARKED && id_equal(&row->subscription, &fetch->subscription);
    return kind == ROW_RETRY && row->due_ms >= fetch->from_ms && row->due_ms < fetch->below_ms;
}

/* Puts it in its place among the first `max`. */
static void insert(struct mail_fetch *fetch, const struct backlog_row *row)
{
    int at = fetch->count;
    while (at > 0 && goes_before(fetch, row, &fetch->rows[at - 1]))
        at--;
    if (at == fetch->max)
        return;
    fetch->count += fetch->count < fetch->max;
    for (int i = fetch->count - 1; i > at; i--)
        fetch->rows[i] = fetch->rows[i - 1];
    fetch->rows[at] = *row;
}

static void read_rows(struct mail_fetch *fetch)
{
    fetch->count = 0;
    fetch->error = !is_fair && chance(20) ? -EIO : 0;
    if (fetch->error)
        return;
    for (unsigned item = 0; item < made; item++) {
        struct backlog_row row = {.subscription = endpoint_of(item)->id,
                                  .event = event_id(item),
                                  .due_ms = items[item].disk.due_ms};
        if (is_asked_for(fetch, &row, items[item].disk.kind))
            insert(fetch, &row);
    }
}

static void read_parked(struct mail_fetch *fetch)
{
    read_rows(fetch);
    fetch->more = fetch->count == fetch->max;
    if (chance(4) && fetch->count > 1) { /* heavy ones; or the next cannot be read */
        fetch->count = 1 + (int)random_below(&dice, (uint64_t)fetch->count - 1);
        fetch->more = true;
        fetch->error = !is_fair && chance(4) ? -EIO : 0;
    }
    for (int i = 0; i < fetch->count; i++)
        fetch->events[i] = read_event(item_of(&fetch->rows[i].event));
}

static void read_one(struct mail_fetch *fetch)
{
    fetch->error = !is_fair && chance(20) ? -EIO : 0;
    fetch->events[0] = fetch->error ? NULL : read_event(item_of(&fetch->rows[0].event));
}

static void reader_turn(void)
{
    struct mail *mail = mailbox_take(&crew.members[crew_reader(&crew)].mailbox);
    if (!mail)
        return;
    if (mail->kind == MAIL_GIVE_BACK) {
        free(container_of(mail, struct fetched_event, mail));
        events_out--;
        return;
    }
    struct mail_fetch *fetch = container_of(mail, struct mail_fetch, mail);
    switch (fetch->kind) {
    case FETCH_RETRIES:
        read_rows(fetch);
        break;
    case FETCH_PARKED:
        read_parked(fetch);
        break;
    case FETCH_EVENT:
        read_one(fetch);
        break;
    default:
        fetch->count = 0;
        break;
    }
    answers[answer_end++ % ANSWERS_MAX] = fetch;
}

static void deliver_answer(void)
{
    if (answer_first < answer_end)
        paging_fetched(&shard, answers[answer_first++ % ANSWERS_MAX]);
}

#endif
