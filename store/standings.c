/* standings.c - deliveries are remembered by ids and places only; what is shown is read again from
 * the blocks, which the readers still have at hand, so a batch is small.
 */
#include "store/standings.h"

#include "store/attempt_search.h"
#include "store/block_reader.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

enum { SEARCH_WORK_MAX = 1000 * 1000 }; /* records of attempts for one batch */

#define NO_WANTED UINT32_MAX

struct standing {
    struct id delivery, event, subscription;
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
        .commit_min = UINT64_MAX,
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

/* ---- adding ---- */

static void take_row(struct standing *standing, const struct delivery_row *row, unsigned home)
{
    standing->status = row->status;
    standing->attempt_count = row->attempt_count;
    standing->next_attempt_ms = row->status == DELIVERY_RETRYING ? row->next_attempt_ms : 0;
    standing->places_count = row->block_count;
    for (uint32_t i = 0; i < row->block_count; i++)
        standing->places[i] = attempts_place(row->blocks[i], home);
}

static int read_parked(struct standings *standings, struct standing *standing, unsigned home)
{
    struct key key = key_row(ROW_PARKED, &standing->subscription, &standing->event);
    struct db_value value;
    int error = db_get(standings->db, (struct family){FAMILY_QUEUE, home}, key_slice(&key), &value);
    if (error)
        return error;
    struct wait_row wait;
    error = wait_row_decode(value.bytes, &wait);
    db_value_give(&value);
    standing->status = DELIVERY_PENDING;
    if (!error)
        standing->attempt_count = wait.attempt_count;
    return error;
}

/* 0, or -ENOENT if it has no row. */
static int read_rows(struct standings *standings, struct standing *standing)
{
    unsigned home = keys_home(&standing->subscription, standings->home_shards);
    struct delivery_row row;
    int error =
        backlog_delivery(standings->db, home, &standing->subscription, &standing->event, &row);
    if (error == -ENOENT)
        return read_parked(standings, standing, home);
    if (!error)
        take_row(standing, &row, home);
    return error;
}

/* Leaves it to the search. */
static void want(struct standings *standings, struct standing *standing, uint64_t commit)
{
    standing->status = DELIVERY_PENDING;
    standing->wanted = (uint32_t)standings->wanted_count++;
    standings->wanted[standing->wanted] =
        (struct attempt_wanted){.event = standing->event, .subscription = standing->subscription};
    struct attempt_search *search = &standings->search;
    uint64_t accepted_ms = id_time_ms(&standing->event);
    if (commit < search->commit_min)
        search->commit_min = commit;
    if (accepted_ms > search->accepted_ms)
        search->accepted_ms = accepted_ms;
}

int standings_add(struct standings *standings, const struct event_record *event, uint32_t index,
                  uint64_t commit)
{
    must(standings->count < STANDINGS_MAX && index < event->subscription_count);
    struct standing *standing = &standings->all[standings->count];
    standing->delivery = standings_delivery_id(event, index);
    standing->event = event->event;
    standing->subscription = event->subscriptions[index];
    standing->attempt_count = standing->places_count = 0;
    standing->next_attempt_ms = 0;
    standing->wanted = NO_WANTED;
    int error = read_rows(standings, standing);
    if (error && error != -ENOENT)
        return error;
    if (error == -ENOENT) {
        /* Without a row it cannot be any other. */
        if (!is_asked_for(standings, DELIVERY_PENDING) &&
            !is_asked_for(standings, DELIVERY_DELIVERED) &&
            !is_asked_for(standings, DELIVERY_CANCELLED))
            return 0;
        want(standings, standing, commit);
    } else if (!is_asked_for(standings, standing->status)) {
        return 0;
    }
    standings->count++;
    return 0;
}

int standings_settle(struct standings *standings, uint64_t *work)
{
    int error = attempt_search_run(&standings->search, standings->db, standings->wanted,
                                   standings->wanted_count);
    if (error)
        return error;
    *work += standings->search.work;
    for (size_t i = 0; i < standings->count; i++) {
        struct standing *standing = &standings->all[i];
        if (standing->wanted == NO_WANTED || !standings->wanted[standing->wanted].found)
            continue;
        standing->status = standings->wanted[standing->wanted].status;
    }
    return 0;
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
