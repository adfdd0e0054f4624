/* attempt_search.c - where the index leads to all attempts of an event (attempt_index.h), what it
 * leads to is read until the event's are found.
 *
 * Of older events, from before there was an index, each log is read forward from the first block
 * that can tell of one until it is found, and on from where the next one can be: what lies between
 * events that are far apart is not read.
 *
 * The commit of an event's block is an exact lower bound. The upper bound is a time: a
 * delivery that has no row had its only attempt soon after it was accepted, because whatever
 * had to wait got a row. WINDOW_MS is the wait for that, the longest attempt, and room for a
 * clock that was adjusted.
 *
 * Notes (ATTEMPT_NONE) are passed over, but for a cancellation: they say that there was a row.
 */
#include "store/attempt_search.h"

#include "store/attempt_index.h"
#include "store/block_seek.h"
#include "store/keys.h"
#include "store/pairs.h"

#include <errno.h>
#include <stdlib.h>

enum {
    WINDOW_MS = 150 * 1000,
    WORK_BLOCK = 100, /* for a block that is looked up, in records */
};

struct searching {
    struct attempt_search *search;
    struct db *db;
    struct block_reader *blocks;
    struct attempt_index *index;
    struct attempt_wanted *wanted;
    size_t count;
    struct pairs places;          /* in `wanted` */
    struct id oldest, newest;     /* events of all of them */
    struct attempt_wanted **left; /* to be found now */
    size_t left_count;
};

static void take_attempt(struct searching *searching, const struct attempt_record *attempt,
                         struct attempts_place place, uint32_t index)
{
    if (attempt->outcome == ATTEMPT_NONE && attempt->status_after != DELIVERY_CANCELLED)
        return;
    uint64_t *which = pairs_find(&searching->places, &attempt->event, &attempt->subscription);
    if (!which)
        return;
    struct attempt_wanted *wanted = &searching->wanted[*which];
    wanted->found = true;
    wanted->status = attempt->status_after;
    wanted->place = place;
    wanted->index = index;
}

/* Most are not: of a page of the newest, what was attempted meanwhile is older. */
static bool may_be_wanted(const struct searching *searching, const struct id *event)
{
    return memcmp(event, &searching->oldest, sizeof *event) >= 0 &&
           memcmp(event, &searching->newest, sizeof *event) <= 0;
}

static void widen(struct searching *searching, const struct id *event)
{
    if (memcmp(event, &searching->oldest, sizeof *event) < 0)
        searching->oldest = *event;
    if (memcmp(event, &searching->newest, sizeof *event) > 0)
        searching->newest = *event;
}

static int search_block(struct searching *searching, const struct block_view *view)
{
    uint32_t index = 0;
    struct slice rest = view->records, record;
    for (; block_next(&rest, &record); index++) {
        struct attempt_record attempt;
        int error = attempt_record_peek(record, &attempt.event, &attempt.status_after);
        if (!error && !may_be_wanted(searching, &attempt.event))
            continue;
        if (!error)
            error = attempt_record_decode(record, &attempt);
        if (error)
            return error;
        struct attempts_place place = {view->shard, view->number};
        take_attempt(searching, &attempt, place, index);
    }
    searching->search->work += view->count;
    return 0;
}

/* ---- by the index ---- */

static int compare_events(const void *a, const void *b)
{
    const struct attempt_wanted *const *left = a, *const *right = b;
    struct place x = place_of(&(*left)->event), y = place_of(&(*right)->event);
    if (x.shard != y.shard)
        return x.shard < y.shard ? -1 : 1;
    return (x.block > y.block) - (x.block < y.block);
}

static void list_covered(struct searching *searching)
{
    searching->left_count = 0;
    for (size_t i = 0; i < searching->count; i++)
        if (attempt_index_covers(searching->index, searching->wanted[i].commit))
            searching->left[searching->left_count++] = &searching->wanted[i];
    if (searching->left_count)
        qsort((void *)searching->left, searching->left_count, sizeof(void *), compare_events);
}

/* Those in left[from..to): their events are in one block. */
static int search_told(struct searching *searching, size_t from, size_t to)
{
    struct attempt_search *search = searching->search;
    const struct id *event = &searching->left[from]->event;
    struct attempts_place place;
    int error = 0;
    for (bool begun = false; !error && search->work < search->work_max; begun = true) {
        while (from < to && searching->left[from]->found)
            from++;
        if (from == to)
            return 0;
        error = begun ? attempt_index_next(searching->index, &place)
                      : attempt_index_first(searching->index, event, &place);
        if (error)
            break;
        struct block_view view;
        search->work += WORK_BLOCK;
        error = block_reader_get(searching->blocks, place.shard, place.block, &view);
        if (!error)
            error = search_block(searching, &view);
        else if (error == -ENOENT)
            error = 0; /* the block is gone */
    }
    return error == -ENOENT ? 0 : error;
}

static int search_covered(struct searching *searching)
{
    list_covered(searching);
    int error = 0;
    for (size_t from = 0, to; from < searching->left_count && !error; from = to) {
        for (to = from + 1; to < searching->left_count; to++)
            if (compare_events((void *)&searching->left[from], (void *)&searching->left[to]))
                break;
        error = search_told(searching, from, to);
    }
    return error;
}

/* ---- without it ---- */

static int compare_commits(const void *a, const void *b)
{
    const struct attempt_wanted *const *left = a, *const *right = b;
    return (*left)->commit < (*right)->commit ? -1 : (*left)->commit > (*right)->commit;
}

/* Those still to be found: of one home, or (DB_SHARDS_MAX) of all. */
static void list_left(struct searching *searching, unsigned home)
{
    searching->left_count = 0;
    for (size_t i = 0; i < searching->count; i++) {
        struct attempt_wanted *wanted = &searching->wanted[i];
        bool counts = home == DB_SHARDS_MAX ||
                      keys_home(&wanted->subscription, searching->search->home_shards) == home;
        if (counts && !wanted->found && !attempt_index_covers(searching->index, wanted->commit))
            searching->left[searching->left_count++] = wanted;
    }
    if (searching->left_count)
        qsort((void *)searching->left, searching->left_count, sizeof(void *), compare_commits);
}

/* Whether nothing of it can be in a block, or in one behind it. */
static bool is_over(const struct attempt_wanted *wanted, const struct block_view *view)
{
    return wanted->found || view->first_ms > id_time_ms(&wanted->event) + WINDOW_MS;
}

/* Those in left[from..to) may be found from here on: those before are over, those behind are
 * younger than the block. */
static int search_log(struct searching *searching, struct cursor *cursor)
{
    struct attempt_search *search = searching->search;
    struct attempt_wanted **left = searching->left;
    size_t from = 0, to = 0, count = searching->left_count;
    int error = block_seek(cursor, BLOCK_BY_COMMIT, left[0]->commit);
    while (!error && search->work < search->work_max) {
        struct block_view view;
        error = block_peek(cursor_value(cursor), &view);
        while (!error && to < count && left[to]->commit <= view.commit)
            to++;
        while (!error && from < to && is_over(left[from], &view))
            from++;
        if (error || from == count)
            break;
        if (from == to) {
            error = block_seek_on(cursor, BLOCK_BY_COMMIT, left[to]->commit);
            continue;
        }
        error = block_open(cursor_value(cursor), &view);
        if (!error)
            error = search_block(searching, &view);
        if (!error && !cursor_next(cursor))
            return cursor_error(cursor);
    }
    return error == -ENOENT ? 0 : error;
}

static int search_shard(struct searching *searching, unsigned shard)
{
    if (searching->left_count == 0)
        return 0;
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    struct family log = {FAMILY_ATTEMPTS, shard};
    int error = cursor_open(&cursor, searching->db, log, all, all);
    if (error)
        return error;
    error = search_log(searching, cursor);
    cursor_close(cursor);
    return error;
}

static int search_logs(struct searching *searching)
{
    int error = 0;
    unsigned shards = db_shards(searching->db);
    must(shards > 0);
    for (unsigned turn = 0; turn < 2 * shards && !error; turn++) {
        list_left(searching, turn < shards ? turn : DB_SHARDS_MAX);
        error = search_shard(searching, turn % shards);
    }
    return error;
}

static int open_all(struct searching *searching)
{
    struct attempt_wanted *wanted = searching->wanted;
    searching->left = calloc(searching->count, sizeof(void *));
    if (!searching->left)
        return -ENOMEM;
    memset(&searching->oldest, 0xff, sizeof searching->oldest);
    int error = attempt_index_open(&searching->index, searching->db);
    for (size_t i = 0; i < searching->count && !error; i++) {
        wanted[i].found = false;
        widen(searching, &wanted[i].event);
        error = pairs_put(&searching->places, &wanted[i].event, &wanted[i].subscription, i);
    }
    return error;
}

int attempt_search_run(struct attempt_search *search, struct db *db, struct block_reader *blocks,
                       struct attempt_wanted *wanted, size_t count)
{
    search->work = 0;
    if (count == 0)
        return 0;
    struct searching searching = {
        .search = search, .db = db, .blocks = blocks, .wanted = wanted, .count = count};
    pairs_init(&searching.places, count);
    int error = open_all(&searching);
    if (!error)
        error = search_covered(&searching);
    if (!error && searching.left_count < count)
        error = search_logs(&searching);
    attempt_index_close(searching.index);
    free((void *)searching.left);
    pairs_close(&searching.places);
    return error;
}
