/* standings.c - deliveries are remembered by ids and places only; what is shown is read again from
 * the blocks, which the readers still have at hand, so a batch is small.
 *
 * Few deliveries have a row, so the batch is joined with the delivery rows of its subscriptions in
 * their order: one step of a cursor passes over all that have none. Parked rows are got one by one:
 * where a backlog was, a cursor would have to walk over all that were dropped.
 */
#include "store/standings.h"

#include "store/attempt_search.h"
#include "store/block_reader.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

enum {
    SEARCH_WORK_MAX = 1000 * 1000, /* records of attempts for one batch */
    WORK_JOIN = 8,                 /* per delivery */
    WORK_GET = 60,
};

/* Statuses that a delivery without a delivery row may have. */
static const unsigned without_row =
    1u << DELIVERY_PENDING | 1u << DELIVERY_DELIVERED | 1u << DELIVERY_CANCELLED;

#define NO_WANTED UINT32_MAX

struct standing {
    struct id delivery, event, subscription;
    unsigned home;   /* the shard whose queue has its rows */
    uint64_t commit; /* of the event's block */
    bool has_row;
    enum delivery_status status;
    uint32_t attempt_count;
    uint64_t next_attempt_ms;
    uint32_t wanted; /* in `wanted`, or NO_WANTED: a row told */
    uint32_t places_count;
    struct attempts_place places[RECORD_ATTEMPTS_KEPT]; /* of its row: oldest first */
};

struct standings {
    struct db *db;
    unsigned home_shards, statuses;
    struct event_reader *events;
    struct block_reader *attempts;
    struct attempt_search search;
    size_t count, wanted_count;
    struct standing all[STANDINGS_MAX];
    struct standing *sorted[STANDINGS_MAX]; /* as their rows are */
    struct attempt_wanted wanted[STANDINGS_MAX];
};

int standings_open(struct standings **result, struct db *db, unsigned home_shards,
                   unsigned statuses)
{
    struct standings *standings = calloc(1, sizeof *standings);
    if (!standings)
        return -ENOMEM;
    standings->db = db;
    standings->home_shards = home_shards;
    standings->statuses = statuses ? statuses : ~0u;
    int error = event_reader_open(&standings->events, db);
    if (!error)
        error = block_reader_open(&standings->attempts, db, FAMILY_ATTEMPTS);
    if (error) {
        standings_close(standings);
        return error;
    }
    standings_clear(standings);
    *result = standings;
    return 0;
}

void standings_close(struct standings *standings)
{
    if (!standings)
        return;
    event_reader_close(standings->events);
    block_reader_close(standings->attempts);
    free(standings);
}

void standings_clear(struct standings *standings)
{
    standings->count = standings->wanted_count = 0;
    standings->search = (struct attempt_search){
        .home_shards = standings->home_shards,
        .work_max = SEARCH_WORK_MAX,
    };
}

size_t standings_count(const struct standings *standings)
{
    return standings->count;
}

struct id standings_delivery_id(const struct event_record *event, uint32_t index)
{
    struct place place = place_of(&event->event);
    place.index = event->first_delivery + index;
    return place_id(id_time_ms(&event->event), place);
}

static bool is_asked_for(const struct standings *standings, enum delivery_status status)
{
    return standings->statuses >> status & 1;
}

void standings_add(struct standings *standings, const struct event_record *event, uint32_t index,
                   uint64_t commit)
{
    must(standings->count < STANDINGS_MAX && index < event->subscription_count);
    const struct id *subscription = &event->subscriptions[index];
    standings->all[standings->count++] = (struct standing){
        .delivery = standings_delivery_id(event, index),
        .event = event->event,
        .subscription = *subscription,
        .home = keys_home(subscription, standings->home_shards),
        .commit = commit,
        .status = DELIVERY_PENDING,
        .wanted = NO_WANTED,
    };
}

/* ---- delivery rows ---- */

static int compare_rows(const void *a, const void *b)
{
    const struct standing *left = *(const struct standing *const *)a;
    const struct standing *right = *(const struct standing *const *)b;
    if (left->home != right->home)
        return left->home < right->home ? -1 : 1;
    int order = memcmp(&left->subscription, &right->subscription, sizeof left->subscription);
    return order ? order : memcmp(&left->event, &right->event, sizeof left->event);
}

static int take_row(struct standing *standing, struct slice value)
{
    struct delivery_row row;
    int error = delivery_row_decode(value, &row);
    if (error)
        return error;
    standing->has_row = true;
    standing->status = row.status;
    standing->attempt_count = row.attempt_count;
    standing->next_attempt_ms = row.status == DELIVERY_RETRYING ? row.next_attempt_ms : 0;
    standing->places_count = row.block_count;
    for (uint32_t i = 0; i < row.block_count; i++)
        standing->places[i] = attempts_place(row.blocks[i], standing->home);
    return 0;
}

/* The cursor is on its first entry at or after the row of `standing`; *on: there is one. */
static int join_one(struct standing *standing, struct cursor *cursor, bool *on)
{
    struct key key = key_row(ROW_DELIVERY, &standing->subscription, &standing->event);
    int order = memcmp(cursor_key(cursor).at, key.bytes, key.size);
    if (order < 0) {
        *on = cursor_seek(cursor, key_slice(&key));
        if (!*on)
            return cursor_error(cursor);
        order = memcmp(cursor_key(cursor).at, key.bytes, key.size);
    }
    return order == 0 ? take_row(standing, cursor_value(cursor)) : 0;
}

/* All of one home, in order. */
static int join_home(struct standings *standings, struct standing *const *sorted, size_t count)
{
    const struct standing *first = sorted[0], *last = sorted[count - 1];
    struct family queue = {FAMILY_QUEUE, first->home};
    struct key from = key_row(ROW_DELIVERY, &first->subscription, &first->event);
    struct key end = key_row(ROW_DELIVERY, &last->subscription, &last->event);
    struct key below = key_after(&end);
    struct cursor *cursor;
    int error = cursor_open(&cursor, standings->db, queue, key_slice(&from), key_slice(&below));
    if (error)
        return error;
    bool on = cursor_first(cursor);
    error = cursor_error(cursor);
    for (size_t i = 0; i < count && on && !error; i++)
        error = join_one(sorted[i], cursor, &on);
    cursor_close(cursor);
    return error;
}

static int join(struct standings *standings)
{
    struct standing **sorted = standings->sorted;
    size_t count = standings->count;
    for (size_t i = 0; i < count; i++)
        sorted[i] = &standings->all[i];
    if (count)
        qsort((void *)sorted, count, sizeof(void *), compare_rows);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && sorted[to]->home == sorted[from]->home; to++)
            ;
        int error = join_home(standings, sorted + from, to - from);
        if (error)
            return error;
    }
    return 0;
}

/* ---- without one ---- */

/* 0, or -ENOENT if it has no parked row. */
static int read_parked(struct standings *standings, struct standing *standing)
{
    struct key key = key_row(ROW_PARKED, &standing->subscription, &standing->event);
    struct family queue = {FAMILY_QUEUE, standing->home};
    struct db_value value;
    int error = db_get(standings->db, queue, key_slice(&key), &value);
    if (error)
        return error;
    struct wait_row wait;
    error = wait_row_decode(value.bytes, &wait);
    db_value_give(&value);
    if (!error)
        standing->attempt_count = wait.attempt_count;
    return error;
}

/* Leaves it to the search. */
static void want(struct standings *standings, struct standing *standing)
{
    standing->wanted = (uint32_t)standings->wanted_count++;
    standings->wanted[standing->wanted] =
        (struct attempt_wanted){.event = standing->event,
                                .subscription = standing->subscription,
                                .commit = standing->commit};
}

static int search(struct standings *standings, uint64_t *work)
{
    for (size_t i = 0; i < standings->count; i++) {
        struct standing *standing = &standings->all[i];
        if (standing->has_row)
            continue;
        int error = read_parked(standings, standing);
        *work += WORK_GET;
        if (error == -ENOENT)
            want(standings, standing);
        else if (error)
            return error;
    }
    int error = attempt_search_run(&standings->search, standings->db, standings->attempts,
                                   standings->wanted, standings->wanted_count);
    *work += standings->search.work;
    for (size_t i = 0; i < standings->count && !error; i++) {
        struct standing *standing = &standings->all[i];
        if (standing->wanted != NO_WANTED && standings->wanted[standing->wanted].found)
            standing->status = standings->wanted[standing->wanted].status;
    }
    return error;
}

int standings_settle(struct standings *standings, uint64_t *work)
{
    *work += WORK_JOIN * standings->count;
    int error = join(standings);
    return error || !(standings->statuses & without_row) ? error : search(standings, work);
}

/* ---- showing ---- */

/* The attempt that the search found. -ENOENT: none, or gone since. */
static int read_found(struct standings *standings, const struct standing *standing,
                      struct attempt_record *attempt)
{
    if (standing->wanted == NO_WANTED || !standings->wanted[standing->wanted].found)
        return -ENOENT;
    const struct attempt_wanted *wanted = &standings->wanted[standing->wanted];
    struct slice record;
    int error = block_reader_record(standings->attempts, wanted->place.shard, wanted->place.block,
                                    wanted->index, &record);
    if (!error)
        error = attempt_record_decode(record, attempt);
    if (!error && attempt->outcome == ATTEMPT_NONE)
        return -ENOENT;
    return error;
}

/* The next attempt of this delivery in a block: 0, -ENOENT at its end, or -EBADMSG. */
static int next_attempt(struct slice *rest, const struct standing *standing,
                        struct attempt_record *attempt)
{
    struct slice record;
    while (block_next(rest, &record)) {
        int error = attempt_record_decode(record, attempt);
        if (error)
            return error;
        if (attempt->outcome != ATTEMPT_NONE && id_equal(&attempt->event, &standing->event) &&
            id_equal(&attempt->subscription, &standing->subscription))
            return 0;
    }
    return -ENOENT;
}

/* The last attempt in the last block that its row names. */
static int read_last(struct standings *standings, const struct standing *standing,
                     struct attempt_record *attempt)
{
    if (standing->places_count == 0)
        return read_found(standings, standing, attempt);
    struct attempts_place place = standing->places[standing->places_count - 1];
    struct block_view view;
    int error = block_reader_get(standings->attempts, place.shard, place.block, &view);
    if (error)
        return error;
    int result = -ENOENT;
    struct attempt_record next;
    struct slice rest = view.records;
    while ((error = next_attempt(&rest, standing, &next)) == 0) {
        *attempt = next;
        result = 0;
    }
    return error == -ENOENT ? result : error;
}

/* Of one that was settled by its first attempt, which left no row. */
static int make_row(struct standings *standings, const struct standing *standing,
                    struct delivery_row *row)
{
    struct attempt_record attempt;
    int error = read_found(standings, standing, &attempt);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct attempts_place place = standings->wanted[standing->wanted].place;
    bool is_home = place.shard == keys_home(&standing->subscription, standings->home_shards);
    row->last_outcome = attempt.outcome;
    row->last_http_status = attempt.http_status;
    row->attempt_count = attempt.number;
    row->updated_ms = attempt.at_ms + attempt.duration_ms;
    row->blocks[row->block_count++] = is_home ? place.block : attempts_place_keep(place);
    return 0;
}

int standings_row(struct standings *standings, size_t i, struct delivery_row *row)
{
    must(i < standings->count);
    const struct standing *standing = &standings->all[i];
    *row =
        (struct delivery_row){.status = standing->status, .attempt_count = standing->attempt_count};
    if (standing->wanted != NO_WANTED)
        return make_row(standings, standing, row);
    unsigned home = keys_home(&standing->subscription, standings->home_shards);
    int error =
        backlog_delivery(standings->db, home, &standing->subscription, &standing->event, row);
    return error == -ENOENT ? 0 : error; /* parked before its first attempt */
}

bool standings_is_traceless(const struct standings *standings, size_t i)
{
    must(i < standings->count);
    uint32_t wanted = standings->all[i].wanted;
    return wanted != NO_WANTED && !standings->wanted[wanted].found;
}

const struct id *standings_event(const struct standings *standings, size_t i)
{
    must(i < standings->count);
    return &standings->all[i].event;
}

const struct id *standings_delivery(const struct standings *standings, size_t i)
{
    must(i < standings->count);
    return &standings->all[i].delivery;
}

int standings_show(struct standings *standings, size_t i,
                   int (*each)(void *context, const struct delivery_view *delivery), void *context,
                   bool *shown)
{
    must(i < standings->count);
    const struct standing *standing = &standings->all[i];
    *shown = false;
    if (!is_asked_for(standings, standing->status))
        return 0;
    struct event_record event;
    int error = event_reader_get(standings->events, &standing->event, &event);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct delivery_view view = {
        .delivery = standing->delivery,
        .event = standing->event,
        .subscription = standing->subscription,
        .tenant = event.tenant,
        .event_type = event.type,
        .status = standing->status,
        .attempt_count = standing->attempt_count,
        .created_ms = id_time_ms(&standing->event),
        .next_attempt_ms = standing->next_attempt_ms,
    };
    error = read_last(standings, standing, &view.last);
    if (error && error != -ENOENT)
        return error;
    view.has_last = !error;
    if (view.has_last && standing->wanted != NO_WANTED)
        view.attempt_count = view.last.number;
    *shown = true;
    return each(context, &view);
}

/* Shows its attempts of one block. */
static int show_block(struct standings *standings, const struct standing *standing,
                      struct attempts_place place,
                      int (*each)(void *context, const struct attempt_record *attempt),
                      void *context)
{
    struct block_view view;
    struct attempt_record attempt;
    int error = block_reader_get(standings->attempts, place.shard, place.block, &view);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct slice rest = view.records;
    while ((error = next_attempt(&rest, standing, &attempt)) == 0) {
        error = each(context, &attempt);
        if (error)
            return error;
    }
    return error == -ENOENT ? 0 : error;
}

int standings_attempts(struct standings *standings, size_t i,
                       int (*each)(void *context, const struct attempt_record *attempt),
                       void *context)
{
    must(i < standings->count);
    const struct standing *standing = &standings->all[i];
    struct attempt_record attempt;
    int error = read_found(standings, standing, &attempt);
    if (error != -ENOENT)
        return error ? error : each(context, &attempt);
    error = 0;
    for (uint32_t k = 0; k < standing->places_count && !error; k++) {
        const struct attempts_place *place = &standing->places[k], *previous = place - 1;
        if (k > 0 && place->block == previous->block && place->shard == previous->shard)
            continue;
        error = show_block(standings, standing, *place, each, context);
    }
    return error;
}
