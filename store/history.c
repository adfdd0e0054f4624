/* history.c - pages of events and deliveries.
 *
 * A page of deliveries has a source of events, the fewest that can have what is asked for:
 *
 *   one   filter.event is given: that event
 *   dead  dead letters alone: those of the subscription, or of all, by their rows (dead_walk.h);
 *         if too many subscriptions have some, they are not rare, and a walk finds them; if many
 *         were there until a moment ago, the page goes on with one of the next two
 *   rows  a subscription, and only statuses that have a row: the delivery rows of the subscription,
 *         newest first, those that say so
 *   walk  else: all events, newest first
 *
 * The deliveries of its events, last to first, that pass the filter are gathered in a batch
 * (standings.h); a full batch is settled, and what remains of it is shown. Ids of deliveries
 * descend from entry to entry, so the id of the last one seen is enough to go on from. Both that
 * and the order of events take it for granted that ids of a shard ascend; over a clock that was set
 * back entries may be passed over.
 */
#include "store/history.h"

#include "store/block_reader.h"
#include "store/dead_walk.h"
#include "store/event_walk.h"
#include "store/keys.h"
#include "store/standings.h"

#include <errno.h>
#include <stdlib.h>

/* The work that a page may cost, in events of a walk: one is about 0.1 us. */
enum {
    WORK_MAX = 100 * 1000,
    WORK_ROW = 5,     /* a delivery row that is walked over */
    WORK_SEEK = 40,   /* a dead letter that is looked for */
    WORK_BLOCK = 300, /* a block that is read for one event, or few */
};

enum { MISSES_MAX = 1000 };

static bool is_before(const struct id *id, const struct id *before)
{
    return !before || memcmp(id, before, sizeof *id) < 0;
}

static bool has_subscription(const struct event_record *event, const struct id *subscription)
{
    for (uint32_t i = 0; i < event->subscription_count; i++)
        if (id_equal(&event->subscriptions[i], subscription))
            return true;
    return false;
}

static bool event_passes(const struct history_filter *filter, const struct event_record *event)
{
    uint64_t accepted_ms = id_time_ms(&event->event);
    return accepted_ms >= filter->since_ms &&
           (filter->until_ms == 0 || accepted_ms < filter->until_ms) &&
           (!filter->event || id_equal(filter->event, &event->event)) &&
           (!filter->tenant || id_equal(filter->tenant, &event->tenant)) &&
           (filter->type.size == 0 || slice_equal(filter->type, event->type)) &&
           (!filter->subscription || has_subscription(event, filter->subscription));
}

/* ---- sources ---- */

struct source {
    struct db *db;
    enum { SOURCE_ONE, SOURCE_DEAD, SOURCE_ROWS, SOURCE_WALK } kind;
    struct event_walk *walk;
    struct dead_walk *dead;
    struct cursor *rows;
    struct block_reader *events; /* for all but a walk */
    struct id event;             /* the one; zero once it was returned */
    bool rows_begun;
    unsigned statuses;
    uint64_t block; /* that the last event was read from, and its shard */
    unsigned shard;
    uint64_t since_ms, work, work_max;
    uint64_t counted; /* of the walk's work */
};

static void source_close(struct source *source)
{
    event_walk_close(source->walk);
    dead_walk_close(source->dead);
    cursor_close(source->rows);
    block_reader_close(source->events);
}

static bool is_over_budget(const struct source *source)
{
    return source->work >= source->work_max;
}

/* An event's id that is at or after all that are asked for. */
static struct id last_event(const struct history_filter *filter, const struct id *before)
{
    uint64_t last_ms = filter->until_ms ? filter->until_ms - 1 : UINT64_MAX;
    struct id last;
    memset(&last, 0xff, sizeof last);
    /* The delivery's event is in the same block, at an index that its id does not tell. */
    if (before && id_time_ms(before) <= last_ms) {
        struct place place = place_of(before);
        place.index = (1u << PLACE_INDEX_BITS) - 1;
        last = place_id(id_time_ms(before), place);
    } else if (filter->until_ms) {
        last = id_pack(last_ms, (1u << PLACE_SHARD_BITS) - 1, (UINT64_C(1) << 62) - 1);
    }
    return last;
}

static int open_rows(struct source *source, unsigned home_shards,
                     const struct history_filter *filter, const struct id *before)
{
    unsigned home = keys_home(filter->subscription, home_shards);
    struct id last = last_event(filter, before);
    struct key from = key_row(ROW_DELIVERY, filter->subscription, NULL);
    struct key end = key_row(ROW_DELIVERY, filter->subscription, &last), below = key_after(&end);
    return cursor_open(&source->rows, source->db, (struct family){FAMILY_QUEUE, home},
                       key_slice(&from), key_slice(&below));
}

static int open_dead(struct source *source, unsigned home_shards,
                     const struct history_filter *filter, const struct id *before)
{
    const struct dead_walk_range range = {
        .subscription = filter->subscription,
        .owns = filter->owns,
        .context = filter->context,
        .last = last_event(filter, before),
        .since_ms = filter->since_ms,
    };
    return dead_walk_open(&source->dead, source->db, home_shards, &range);
}

/* Dead letters that their rows do not lead to are looked for among all that could be. */
static int open_instead(struct source *source, unsigned home_shards,
                        const struct history_filter *filter, const struct id *before)
{
    source->kind = filter->subscription ? SOURCE_ROWS : SOURCE_WALK;
    source->counted = 0;
    return filter->subscription ? open_rows(source, home_shards, filter, before)
                                : event_walk_open(&source->walk, source->db, before,
                                                  filter->since_ms, filter->until_ms);
}

static bool only_with_rows(unsigned statuses)
{
    unsigned with_rows = 1u << DELIVERY_RETRYING | 1u << DELIVERY_DEAD;
    return statuses && !(statuses & ~with_rows);
}

static int source_open(struct source *source, struct db *db, unsigned home_shards,
                       const struct history_filter *filter, const struct id *before)
{
    *source = (struct source){
        .db = db,
        .kind = SOURCE_WALK,
        .statuses = filter->statuses,
        .since_ms = filter->since_ms,
        .work_max = filter->work_max ? filter->work_max : WORK_MAX,
    };
    if (filter->event)
        source->kind = SOURCE_ONE;
    else if (home_shards && filter->statuses == 1u << DELIVERY_DEAD)
        source->kind = SOURCE_DEAD;
    else if (home_shards && filter->subscription && only_with_rows(filter->statuses))
        source->kind = SOURCE_ROWS;
    if (source->kind == SOURCE_WALK)
        return event_walk_open(&source->walk, db, before, filter->since_ms, filter->until_ms);
    if (source->kind == SOURCE_ONE)
        source->event = *filter->event;
    int error = block_reader_open(&source->events, db, FAMILY_EVENTS);
    if (!error && source->kind == SOURCE_ROWS)
        error = open_rows(source, home_shards, filter, before);
    if (!error && source->kind == SOURCE_DEAD)
        error = open_dead(source, home_shards, filter, before);
    if (error == -E2BIG || error == -EAGAIN)
        error = open_instead(source, home_shards, filter, before);
    if (error)
        source_close(source);
    return error;
}

/* The event and the commit of its block. -ENOENT as event_reader_get(). */
static int read_event(struct source *source, const struct id *id, struct event_record *event,
                      uint64_t *commit)
{
    struct block_reader *events = source->events;
    struct place place = place_of(id);
    if (place.block != source->block || place.shard != source->shard)
        source->work += WORK_BLOCK;
    source->block = place.block;
    source->shard = place.shard;
    struct block_view view;
    struct slice record;
    int error = block_reader_get(events, place.shard, place.block, &view);
    if (error)
        return error;
    error = block_reader_record(events, place.shard, place.block, place.index, &record);
    if (error)
        return error;
    error = event_record_decode(record, event);
    if (error)
        return error;
    *commit = view.commit;
    return event->duplicate || !id_equal(&event->event, id) ? -ENOENT : 0;
}

static int next_of_one(struct source *source, struct id *id)
{
    *id = source->event;
    memset(&source->event, 0, sizeof source->event);
    return id_is_zero(id) ? -ENOENT : 0;
}

/* What of an empty cursor is at its end. */
static int end_of_rows(const struct source *source)
{
    int error = cursor_error(source->rows);
    return error ? error : -ENOENT;
}

/* The event of the next row with a status that is asked for; or, when the budget is used up, of the
 * row that was come to: the page has to tell where it ended. */
static int next_of_rows(struct source *source, struct id *id)
{
    struct delivery_row row;
    do {
        bool found = source->rows_begun ? cursor_prev(source->rows) : cursor_last(source->rows);
        source->rows_begun = true;
        if (!found)
            return end_of_rows(source);
        enum row_kind kind;
        struct id subscription;
        int error = key_parse_row(cursor_key(source->rows), &kind, &subscription, id);
        if (error)
            return error;
        if (id_time_ms(id) < source->since_ms)
            return -ENOENT;
        error = delivery_row_decode(cursor_value(source->rows), &row);
        if (error)
            return error;
        source->work += WORK_ROW;
    } while (!(source->statuses >> row.status & 1) && !is_over_budget(source));
    return 0;
}

static int next_of_dead(struct source *source, struct id *id)
{
    int error = dead_walk_next(source->dead, id);
    uint64_t work = WORK_SEEK * dead_walk_work(source->dead);
    source->work += work - source->counted;
    source->counted = work;
    return error;
}

/* Rows whose event's retention has ended are passed over; many of them one after the other mean
 * that all that are older are like them. */
static int next_by_id(struct source *source, struct event_record *event, uint64_t *commit)
{
    for (unsigned misses = 0; misses < MISSES_MAX; misses++) {
        struct id id;
        int error = source->kind == SOURCE_ONE    ? next_of_one(source, &id)
                    : source->kind == SOURCE_DEAD ? next_of_dead(source, &id)
                                                  : next_of_rows(source, &id);
        if (error)
            return error;
        error = read_event(source, &id, event, commit);
        if (error != -ENOENT)
            return error;
    }
    return -ENOENT;
}

/* The next event; its slices stay until the next call. 0, -ENOENT at the end, or -errno. */
static int source_next(struct source *source, struct event_record *event, uint64_t *commit)
{
    if (source->kind != SOURCE_WALK)
        return next_by_id(source, event, commit);
    int error = event_walk_next(source->walk, event);
    source->work += event_walk_work(source->walk) - source->counted;
    source->counted = event_walk_work(source->walk);
    if (!error)
        *commit = event_walk_commit(source->walk);
    return error;
}

/* ---- events ---- */

int history_events(struct db *db, const struct history_filter *filter, struct history_page *page,
                   int (*each)(void *context, const struct event_record *event), void *context)
{
    must(page->limit > 0);
    page->more = false;
    struct source source;
    int error = source_open(&source, db, 0, filter, page->before);
    if (error)
        return error;
    unsigned shown = 0;
    while (!page->more && !error) {
        struct event_record event;
        uint64_t commit;
        error = source_next(&source, &event, &commit);
        if (error) {
            error = error == -ENOENT ? 0 : error;
            break;
        }
        if (!is_before(&event.event, page->before))
            continue;
        page->last = event.event;
        if (event_passes(filter, &event)) {
            error = each(context, &event);
            shown++;
        }
        page->more = shown == page->limit || is_over_budget(&source);
    }
    source_close(&source);
    return error;
}

/* ---- deliveries ---- */

struct page {
    const struct history_filter *filter;
    const struct id *before;
    struct id begun_after; /* where `before` points to, if it went on with another source */
    unsigned home_shards;
    struct source source;
    struct standings *standings;
    struct event_record event; /* its deliveries from number `left` on are done */
    uint64_t commit;
    uint32_t left;
    unsigned limit, shown;
    size_t batch, settled; /* deliveries: in a batch, and in all so far, and what those cost */
    uint64_t settling;
    bool ended;     /* the source has */
    bool has_last;  /* until then it goes on, whatever that costs */
    struct id last; /* the id of the last delivery that was done, shown or not */
};

static bool page_is_over(const struct page *page)
{
    return page->ended || (page->has_last && is_over_budget(&page->source));
}

/* How many the rest of the budget pays for, if they cost what those before did. */
static size_t affordable(const struct page *page)
{
    uint64_t work = page->source.work, work_max = page->source.work_max;
    uint64_t each = page->settled ? page->settling / page->settled + 1 : 1;
    uint64_t left = work < work_max ? work_max - work : 0;
    uint64_t count = left / each + 1;
    return count < STANDINGS_MAX ? count : STANDINGS_MAX;
}

/* What is missing. But where a walk's first batch was not enough, few pass: many at a time. */
static size_t batch_size(struct page *page)
{
    size_t missing = page->limit - page->shown, most = affordable(page);
    bool is_rare = page->batch && page->filter->statuses && page->source.kind == SOURCE_WALK;
    page->batch = is_rare ? 4 * page->batch : missing;
    if (page->batch > most)
        page->batch = most;
    return page->batch;
}

static void page_reach(struct page *page, const struct id *last)
{
    page->last = *last;
    page->has_last = true;
}

/* With another source, from where it is. */
static int page_go_on(struct page *page)
{
    if (page->has_last) {
        page->begun_after = page->last;
        page->before = &page->begun_after;
    }
    return open_instead(&page->source, page->home_shards, page->filter, page->before);
}

static int take_event(struct page *page)
{
    page->left = 0;
    int error = source_next(&page->source, &page->event, &page->commit);
    if (error == -EAGAIN)
        return page_go_on(page);
    if (error == -ENOENT) {
        page->ended = true;
        return 0;
    }
    if (error)
        return error;
    struct id first = standings_delivery_id(&page->event, 0);
    if (event_passes(page->filter, &page->event))
        page->left = page->event.subscription_count;
    if (page->left == 0 && is_before(&first, page->before))
        page_reach(page, &first);
    return 0;
}

static void take_delivery(struct page *page)
{
    uint32_t index = --page->left;
    struct id delivery = standings_delivery_id(&page->event, index);
    if (!is_before(&delivery, page->before))
        return;
    page_reach(page, &delivery);
    const struct id *subscription = page->filter->subscription;
    if (subscription && !id_equal(subscription, &page->event.subscriptions[index]))
        return;
    standings_add(page->standings, &page->event, index, page->commit);
}

/* Gathers a batch. */
static int page_fill(struct page *page)
{
    size_t size = batch_size(page);
    int error = 0;
    while (!error && !page_is_over(page) && standings_count(page->standings) < size) {
        if (page->left > 0)
            take_delivery(page);
        else
            error = take_event(page);
    }
    return error;
}

/* Shows what of the batch is asked for, until the limit is reached: page->last is then where, and
 * *rest whether some of the batch was not looked at. */
static int page_show(struct page *page,
                     int (*each)(void *context, const struct delivery_view *delivery),
                     void *context, bool *rest)
{
    size_t count = standings_count(page->standings), i = 0;
    for (; i < count && page->shown < page->limit; i++) {
        bool shown;
        int error = standings_show(page->standings, i, each, context, &shown);
        if (error)
            return error;
        page->shown += shown;
        if (page->shown == page->limit)
            page->last = *standings_delivery(page->standings, i);
    }
    *rest = i < count;
    return 0;
}

/* A batch from beginning to end. */
static int page_turn(struct page *page,
                     int (*each)(void *context, const struct delivery_view *delivery),
                     void *context, bool *rest)
{
    standings_clear(page->standings);
    int error = page_fill(page);
    uint64_t work = page->source.work;
    if (!error)
        error = standings_settle(page->standings, &page->source.work);
    page->settled += standings_count(page->standings);
    page->settling += page->source.work - work;
    return error ? error : page_show(page, each, context, rest);
}

int history_deliveries(struct db *db, unsigned home_shards, const struct history_filter *filter,
                       struct history_page *asked,
                       int (*each)(void *context, const struct delivery_view *delivery),
                       void *context)
{
    must(asked->limit > 0);
    asked->more = false;
    struct page page = {.filter = filter,
                        .before = asked->before,
                        .home_shards = home_shards,
                        .limit = asked->limit};
    int error = standings_open(&page.standings, db, home_shards, filter->statuses);
    if (error)
        return error;
    error = source_open(&page.source, db, home_shards, filter, asked->before);
    if (error) {
        standings_close(page.standings);
        return error;
    }
    bool rest = false;
    do
        error = page_turn(&page, each, context, &rest);
    while (!error && !page_is_over(&page) && page.shown < page.limit);
    asked->more = !error && (rest || !page.ended);
    asked->last = page.last;
    source_close(&page.source);
    standings_close(page.standings);
    return error;
}

/* ---- one delivery ---- */

static int find_delivery(struct block_reader *events, const struct id *delivery,
                         struct event_record *event, uint32_t *index, uint64_t *commit)
{
    struct place place = place_of(delivery);
    struct block_view view;
    struct slice record;
    int error = block_reader_get(events, place.shard, place.block, &view);
    if (error)
        return error;
    *commit = view.commit;
    for (struct slice rest = view.records; block_next(&rest, &record);) {
        error = event_record_decode(record, event);
        if (error)
            return error;
        *index = place.index - event->first_delivery;
        if (event->duplicate || place.index < event->first_delivery ||
            *index >= event->subscription_count)
            continue;
        struct id id = standings_delivery_id(event, *index);
        return id_equal(&id, delivery) ? 0 : -ENOENT;
    }
    return -ENOENT;
}

/* A batch of this delivery alone, settled. */
static int open_one(struct db *db, unsigned home_shards, const struct id *delivery,
                    struct standings **standings)
{
    struct block_reader *events;
    int error = block_reader_open(&events, db, FAMILY_EVENTS);
    if (error)
        return error;
    error = standings_open(standings, db, home_shards, 0);
    if (error) {
        block_reader_close(events);
        return error;
    }
    struct event_record event;
    uint32_t index;
    uint64_t commit, work = 0;
    error = find_delivery(events, delivery, &event, &index, &commit);
    if (!error) {
        standings_add(*standings, &event, index, commit);
        error = standings_settle(*standings, &work);
    }
    if (error)
        standings_close(*standings);
    block_reader_close(events);
    return error;
}

int history_delivery(struct db *db, unsigned home_shards, const struct id *delivery,
                     int (*each)(void *context, const struct delivery_view *delivery),
                     void *context)
{
    struct standings *standings;
    int error = open_one(db, home_shards, delivery, &standings);
    if (error)
        return error;
    bool shown;
    error = standings_show(standings, 0, each, context, &shown);
    standings_close(standings);
    return !error && !shown ? -ENOENT : error;
}

static int note_ids(void *context, const struct delivery_view *delivery)
{
    struct delivery_standing *standing = context;
    standing->event = delivery->event;
    standing->subscription = delivery->subscription;
    standing->tenant = delivery->tenant;
    return 0;
}

int history_standing(struct db *db, unsigned home_shards, const struct id *delivery,
                     struct delivery_standing *standing)
{
    struct standings *standings;
    int error = open_one(db, home_shards, delivery, &standings);
    if (error)
        return error;
    bool shown;
    error = standings_show(standings, 0, note_ids, standing, &shown);
    if (!error)
        error = shown ? standings_row(standings, 0, &standing->row) : -ENOENT;
    standings_close(standings);
    return error;
}

int history_attempts(struct db *db, unsigned home_shards, const struct id *delivery,
                     int (*each)(void *context, const struct attempt_record *attempt),
                     void *context)
{
    struct standings *standings;
    int error = open_one(db, home_shards, delivery, &standings);
    if (error)
        return error;
    error = standings_attempts(standings, 0, each, context);
    standings_close(standings);
    return error;
}
