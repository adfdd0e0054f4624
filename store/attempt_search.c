/* attempt_search.c - reads each log forward from the first block that can tell of an event
 * until all is found.
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

enum { WINDOW_MS = 150 * 1000 };

struct searching {
    struct attempt_search *search;
    struct db *db;
    struct attempt_wanted *wanted;
    size_t count;
    struct pairs index; /* in `wanted` */
};

/* How many are still to be found: of one home, or (DB_SHARDS_MAX) of all. */
static size_t count_left(const struct searching *searching, unsigned home)
{
    size_t left = 0;
    for (size_t i = 0; i < searching->count; i++) {
        const struct attempt_wanted *wanted = &searching->wanted[i];
        bool counts = home == DB_SHARDS_MAX ||
                      keys_home(&wanted->subscription, searching->search->home_shards) == home;
        left += counts && !wanted->found;
    }
    return left;
}

/* Whether the record is of one that was still to be found. */
static bool take_attempt(struct searching *searching, const struct attempt_record *attempt,
                         struct attempts_place place, uint32_t index)
{
    if (attempt->outcome == ATTEMPT_NONE && attempt->status_after != DELIVERY_CANCELLED)
        return false;
    uint64_t *which = pairs_find(&searching->index, &attempt->event, &attempt->subscription);
    if (!which)
        return false;
    struct attempt_wanted *wanted = &searching->wanted[*which];
    bool first = !wanted->found;
    wanted->found = true;
    wanted->status = attempt->status_after;
    wanted->place = place;
    wanted->index = index;
    return first;
}

/* How many of the wanted were found in the block, or -errno. */
static int search_block(struct searching *searching, unsigned shard, struct slice value)
{
    struct block_view view;
    int error = block_open(value, &view);
    if (error)
        return error;
    int found = 0;
    uint32_t index = 0;
    struct slice rest = view.records, record;
    for (; block_next(&rest, &record); index++) {
        struct attempt_record attempt;
        error = attempt_record_decode(record, &attempt);
        if (error)
            return error;
        struct attempts_place place = {shard, view.number};
        found += take_attempt(searching, &attempt, place, index);
    }
    searching->search->work += view.count;
    return found;
}

static int search_log(struct searching *searching, unsigned shard, struct cursor *cursor,
                      size_t left)
{
    struct attempt_search *search = searching->search;
    int error = block_seek(cursor, BLOCK_BY_COMMIT, search->commit_min);
    if (error)
        return error == -ENOENT ? 0 : error;
    bool found = true;
    while (found && left > 0 && search->work < search->work_max) {
        struct block_view view;
        error = block_peek(cursor_value(cursor), &view);
        if (error)
            return error;
        if (view.first_ms > search->accepted_ms + WINDOW_MS)
            return 0;
        int taken = search_block(searching, shard, cursor_value(cursor));
        if (taken < 0)
            return taken;
        left -= (size_t)taken < left ? (size_t)taken : left;
        found = cursor_next(cursor);
    }
    return cursor_error(cursor);
}

static int search_shard(struct searching *searching, unsigned shard, size_t left)
{
    if (left == 0)
        return 0;
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    struct family log = {FAMILY_ATTEMPTS, shard};
    int error = cursor_open(&cursor, searching->db, log, all, all);
    if (error)
        return error;
    error = search_log(searching, shard, cursor, left);
    cursor_close(cursor);
    return error;
}

static int search_all(struct searching *searching)
{
    int error = 0;
    unsigned shards = db_shards(searching->db);
    for (unsigned shard = 0; shard < shards && !error; shard++)
        error = search_shard(searching, shard, count_left(searching, shard));
    for (unsigned shard = 0; shard < shards && !error; shard++)
        error = search_shard(searching, shard, count_left(searching, DB_SHARDS_MAX));
    return error;
}

int attempt_search_run(struct attempt_search *search, struct db *db, struct attempt_wanted *wanted,
                       size_t count)
{
    search->work = 0;
    struct searching searching = {.search = search, .db = db, .wanted = wanted, .count = count};
    pairs_init(&searching.index, count);
    int error = 0;
    for (size_t i = 0; i < count && !error; i++) {
        wanted[i].found = false;
        error = pairs_put(&searching.index, &wanted[i].event, &wanted[i].subscription, i);
    }
    if (!error && count > 0)
        error = search_all(&searching);
    pairs_close(&searching.index);
    return error;
}
