/* selection.c - see selection.h.
 *
 * A delivery without rows whose attempt the logs do not tell of is either on its way or, if its
 * event is older than any that could be without a row, was delivered at the first attempt and
 * outlived its record.
 */
#include "store/selection.h"

#include "store/event_scan.h"
#include "store/keys.h"
#include "store/standings.h"

#include <errno.h>

enum {
    WORK_MAX = 5000,          /* records of events in a step */
    ROWS_MAX = 512,           /* rows in a step */
    TRACELESS_MS = 10 * 60000 /* whatever is older has a row, or was delivered at once */
};

static bool is_asked_for(const struct selection_filter *filter, enum delivery_status status)
{
    return filter->statuses >> status & 1;
}

static bool passes(const struct selection_filter *filter, const struct event_record *event)
{
    uint64_t accepted_ms = id_time_ms(&event->event);
    return accepted_ms >= filter->since_ms &&
           (filter->until_ms == 0 || accepted_ms < filter->until_ms) &&
           (!filter->wants || filter->wants(filter->context, event));
}

void selection_pass(struct selection_place *place, const struct ended_delivery *delivery)
{
    place->after = delivery->event;
    place->reached[place_of(&delivery->event).shard] = delivery->event;
}

static void pass_over(struct selection *selection, unsigned *why)
{
    ++*why;
    selection->passed++;
}

static void add(struct selection *selection, const struct ended_delivery *ended)
{
    struct ended_delivery *last = &selection->list[selection->count++];
    *last = *ended;
    last->passed = selection->passed;
    selection->passed = 0;
}

/* ---- dead letters ---- */

static int take_dead(struct selection *selection, struct db *db, unsigned home,
                     struct event_reader *events, const struct selection_filter *filter,
                     const struct id *id)
{
    struct ended_delivery ended = {.event = *id};
    struct event_record event;
    int error = event_reader_get(events, id, &event);
    if (error && error != -ENOENT)
        return error;
    if (error || event.expunged) {
        pass_over(selection, &selection->gone);
        return 0;
    }
    if (!passes(filter, &event))
        return 0;
    error = backlog_delivery(db, home, &filter->subscription, id, &ended.row);
    if (error == -ENOENT) /* never: its row is younger */
        return 0;
    if (!error && ended.row.status == DELIVERY_DEAD)
        add(selection, &ended);
    return error;
}

static int open_dead(struct cursor **cursor, struct db *db, unsigned home,
                     const struct selection_filter *filter, const struct id *after)
{
    struct key all = key_row(ROW_DEAD, &filter->subscription, NULL), below = key_after(&all);
    struct id since = id_pack(filter->since_ms, 0, 0);
    struct key from = key_row(ROW_DEAD, &filter->subscription, &since);
    if (!id_is_zero(after)) {
        from = key_row(ROW_DEAD, &filter->subscription, after);
        from.bytes[from.size++] = 0;
    }
    return cursor_open(cursor, db, (struct family){FAMILY_QUEUE, home}, key_slice(&from),
                       key_slice(&below));
}

static int step_dead(struct selection *selection, struct db *db, unsigned home,
                     const struct selection_filter *filter, struct id *after)
{
    struct cursor *cursor;
    struct event_reader *events;
    int error = open_dead(&cursor, db, home, filter, after);
    if (error)
        return error;
    error = event_reader_open(&events, db);
    if (error) {
        cursor_close(cursor);
        return error;
    }
    bool found = cursor_first(cursor);
    for (unsigned rows = 0; found && !error && rows < ROWS_MAX && selection->count < SELECTION_MAX;
         rows++) {
        enum row_kind kind;
        struct id subscription, event;
        error = key_parse_row(cursor_key(cursor), &kind, &subscription, &event);
        if (!error && filter->until_ms && id_time_ms(&event) >= filter->until_ms) {
            found = false;
            break;
        }
        if (!error)
            error = take_dead(selection, db, home, events, filter, &event);
        *after = event;
        found = !error && cursor_next(cursor);
    }
    if (!error)
        error = cursor_error(cursor);
    selection->ended = !found;
    event_reader_close(events);
    cursor_close(cursor);
    return error;
}

/* ---- events ---- */

/* The number of the subscription among the event's, or -1. */
static long index_of(const struct event_record *event, const struct id *subscription)
{
    for (uint32_t i = 0; i < event->subscription_count; i++)
        if (id_equal(&event->subscriptions[i], subscription))
            return (long)i;
    return -1;
}

static int gather(struct standings *standings, const struct selection_filter *filter,
                  const struct event_record *event, uint64_t commit)
{
    long index = passes(filter, event) ? index_of(event, &filter->subscription) : -1;
    if (index >= 0)
        standings_add(standings, event, (uint32_t)index, commit);
    return 0;
}

static int gather_all(struct selection *selection, struct db *db, struct standings *standings,
                      const struct selection_filter *filter, struct id *reached)
{
    struct event_scan *scan;
    int error = event_scan_open(&scan, db, reached, filter->since_ms, filter->until_ms);
    if (error)
        return error;
    while (!error && event_scan_work(scan) < WORK_MAX &&
           standings_count(standings) < SELECTION_MAX) {
        struct event_record event;
        uint64_t commit;
        error = event_scan_next(scan, &event, &commit);
        if (error)
            break;
        reached[place_of(&event.event).shard] = event.event;
        error = gather(standings, filter, &event, commit);
    }
    selection->ended = error == -ENOENT;
    event_scan_close(scan);
    return error == -ENOENT ? 0 : error;
}

/* The one that the filter names. */
static int gather_one(struct selection *selection, struct db *db, struct standings *standings,
                      const struct selection_filter *filter)
{
    struct event_reader *events;
    struct event_record event;
    uint64_t commit;
    selection->ended = true;
    int error = event_reader_open(&events, db);
    if (error)
        return error;
    error = event_reader_get(events, filter->event, &event);
    if (!error)
        error = event_reader_commit(events, filter->event, &commit);
    if (error == -ENOENT)
        pass_over(selection, &selection->gone);
    else if (!error)
        error = gather(standings, filter, &event, commit);
    event_reader_close(events);
    return error == -ENOENT ? 0 : error;
}

/* Whether it has ended though nothing tells so any more. */
static bool has_outlived_its_record(const struct id *event, uint64_t now_ms)
{
    uint64_t accepted_ms = id_time_ms(event);
    return now_ms > accepted_ms && now_ms - accepted_ms > TRACELESS_MS;
}

static void take(struct selection *selection, const struct selection_filter *filter,
                 const struct ended_delivery *delivery)
{
    enum delivery_status status = delivery->row.status;
    if (is_asked_for(filter, status))
        add(selection, delivery);
    else if (status == DELIVERY_PENDING || status == DELIVERY_RETRYING)
        pass_over(selection, &selection->live);
}

static int take_all(struct selection *selection, struct standings *standings,
                    const struct selection_filter *filter)
{
    uint64_t work = 0;
    int error = standings_settle(standings, &work);
    for (size_t i = 0; i < standings_count(standings) && !error; i++) {
        struct ended_delivery delivery = {.event = *standings_event(standings, i)};
        error = standings_row(standings, i, &delivery.row);
        if (standings_is_traceless(standings, i) &&
            has_outlived_its_record(&delivery.event, filter->now_ms)) {
            delivery.row.status = DELIVERY_DELIVERED;
            delivery.row.last_outcome = ATTEMPT_DELIVERED;
            delivery.row.attempt_count = 1;
        }
        if (!error)
            take(selection, filter, &delivery);
    }
    return error;
}

int selection_step(struct selection *selection, struct db *db, unsigned home_shards,
                   const struct selection_filter *filter, struct selection_place *place)
{
    selection->count = selection->live = selection->gone = selection->passed = 0;
    selection->ended = false;
    if (!filter->event && filter->statuses == 1u << DELIVERY_DEAD)
        return step_dead(selection, db, keys_home(&filter->subscription, home_shards), filter,
                         &place->after);
    struct standings *standings;
    int error = standings_open(&standings, db, home_shards, 0);
    if (error)
        return error;
    error = filter->event ? gather_one(selection, db, standings, filter)
                          : gather_all(selection, db, standings, filter, place->reached);
    if (!error)
        error = take_all(selection, standings, filter);
    standings_close(standings);
    return error;
}
