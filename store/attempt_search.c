/* attempt_search.c - reads each log forward from the first block that can tell of an event until it
 * is found, and goes on where the next one can be: what lies between events that are far apart is
 * not read.
 *
 * The commit of an event's block is an exact lower bound. The upper bound is a time: a
 * delivery that has no row had its only attempt soon after it was accepted, because whatever
 * had to wait got a row. WINDOW_MS is the wait for that, the longest attempt, and room for a
 * clock that was adjusted.
 *
 * Notes (ATTEMPT_NONE) are passed over, but for a cancellation: they say that there was a row.
 */
#include "store/attempt_search.h"

#include "store/block_seek.h"
#include "store/keys.h"
#include "store/pairs.h"

#include <errno.h>
#include <stdlib.h>

enum { WINDOW_MS = 150 * 1000 };

struct searching {
    struct attempt_search *search;
    struct db *db;
    struct attempt_wanted *wanted;
    size_t count;
    struct pairs index;           /* in `wanted` */
    struct id oldest, newest;     /* events of all of them */
    struct attempt_wanted **left; /* of one log: those to be found there, oldest commit first */
    size_t left_count;
};

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
        if (counts && !wanted->found)
            searching->left[searching->left_count++] = wanted;
    }
    if (searching->left_count)
        qsort((void *)searching->left, searching->left_count, sizeof(void *), compare_commits);
}

static void take_attempt(struct searching *searching, const struct attempt_record *attempt,
                         struct attempts_place place, uint32_t index)
{
    if (attempt->outcome == ATTEMPT_NONE && attempt->status_after != DELIVERY_CANCELLED)
        return;
    uint64_t *which = pairs_find(&searching->index, &attempt->event, &attempt->subscription);
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

static int search_block(struct searching *searching, unsigned shard, struct slice value)
{
    struct block_view view;
    int error = block_open(value, &view);
    if (error)
        return error;
    uint32_t index = 0;
    struct slice rest = view.records, record;
    for (; block_next(&rest, &record); index++) {
        struct attempt_record attempt;
        error = attempt_record_peek(record, &attempt.event);
        if (!error && !may_be_wanted(searching, &attempt.event))
            continue;
        if (!error)
            error = attempt_record_decode(record, &attempt);
        if (error)
            return error;
        struct attempts_place place = {shard, view.number};
        take_attempt(searching, &attempt, place, index);
    }
    searching->search->work += view.count;
    return 0;
}

/* Whether nothing of it can be in a block, or in one behind it. */
static bool is_over(const struct attempt_wanted *wanted, const struct block_view *view)
{
    return wanted->found || view->first_ms > id_time_ms(&wanted->event) + WINDOW_MS;
}

/* Those in left[from..to) may be found from here on: those before are over, those behind are
 * younger than the block. */
static int search_log(struct searching *searching, unsigned shard, struct cursor *cursor)
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
        error = search_block(searching, shard, cursor_value(cursor));
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
    error = search_log(searching, shard, cursor);
    cursor_close(cursor);
    return error;
}

static int search_all(struct searching *searching)
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

int attempt_search_run(struct attempt_search *search, struct db *db, struct attempt_wanted *wanted,
                       size_t count)
{
    search->work = 0;
    struct searching searching = {.search = search, .db = db, .wanted = wanted, .count = count};
    pairs_init(&searching.index, count);
    searching.left = count ? calloc(count, sizeof(void *)) : NULL;
    int error = count && !searching.left ? -ENOMEM : 0;
    memset(&searching.oldest, 0xff, sizeof searching.oldest);
    for (size_t i = 0; i < count && !error; i++) {
        wanted[i].found = false;
        widen(&searching, &wanted[i].event);
        error = pairs_put(&searching.index, &wanted[i].event, &wanted[i].subscription, i);
    }
    if (!error && count > 0)
        error = search_all(&searching);
    free((void *)searching.left);
    pairs_close(&searching.index);
    return error;
}
