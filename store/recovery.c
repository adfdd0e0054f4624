/* recovery.c - from the logs to a row for every unfinished delivery.
 *
 *   find    each shard's last block and its mark: from where to read its events, and the earliest
 *           commit of all those blocks
 *   settle  read the attempts logs of all shards backwards, as far as that commit, into the set of
 *           deliveries that are settled or have a row
 *   park    read the events forward and put a 'P' row for every delivery that is not in the set;
 * the last batch of a shard also keeps, in meta, the block to begin at the next time move    if the
 * number of shards is another than the last time, each row to its new home
 *
 * Where an attempt was logged does not matter (a subscription may have had another home
 * then), so the set is one for all shards. It holds what was attempted since the oldest
 * mark: a few seconds of traffic.
 *
 * Interrupted anywhere, it may be run again: rows that were put are put again; a row that was moved
 * is at its home already; and what says that a step is done is written, synced, after the step.
 */
#include "store/recovery.h"

#include "base/clock.h"
#include "base/text.h"
#include "store/block.h"
#include "store/documents.h"
#include "store/keys.h"
#include "store/pairs.h"
#include "store/row.h"

#include <errno.h>
#include <stdio.h>

enum {
    BATCH_ROWS = 1000,
    BATCH_MOVES = 2 * BATCH_ROWS, /* each is a put and a drop */
    EVENT_BLOCKS_GAP = 65536,
    ATTEMPT_BLOCKS_GAP = 1024,
    SETTLED_MAX = 1 << 27, /* pairs: some 6 GiB; more than that is no few seconds of traffic */
};

static const char meta_kind[] = "recovered";
static const struct family meta = {.kind = FAMILY_META};

struct recovery {
    struct db *db;
    unsigned shards; /* now; on disk there are db_shards() */
    struct recovery_report *report;
    void (*progress)(const struct recovery_report *so_far);
    uint64_t told_ns;
    char *why;
    struct batch *batch;
    struct pairs settled;
    uint64_t begin[DB_SHARDS_MAX]; /* blocks of events to read, [begin, end) */
    uint64_t end[DB_SHARDS_MAX];
    uint64_t commit_min; /* of those blocks */
};

/* ---- the small things ---- */

static void tell(struct recovery *recovery)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (!recovery->progress || now_ns - recovery->told_ns < UINT64_C(1000000000))
        return;
    recovery->told_ns = now_ns;
    recovery->progress(recovery->report);
}

/* Says in `why` what cannot be read, and is -EBADMSG. */
static int damaged(struct recovery *recovery, const char *what, unsigned shard, uint64_t number)
{
    snprintf(recovery->why, RECOVERY_WHY_SIZE, "%s-%u: block %lu is damaged", what, shard, number);
    return -EBADMSG;
}

static int failed(struct recovery *recovery, int error)
{
    const char *words = error == -EIO       ? db_why()
                        : error == -ENOMEM  ? "out of memory"
                        : error == -ENOBUFS ? "more deliveries since the last mark than can be held"
                        : error == -EBADMSG ? "an entry is damaged"
                                            : "failed";
    if (!recovery->why[0])
        snprintf(recovery->why, RECOVERY_WHY_SIZE, "%.200s", words);
    return error;
}

/* A number kept in meta; 0 if there is none. */
static int kept_get(struct recovery *recovery, struct slice name, uint64_t *number)
{
    *number = 0;
    struct db_value value;
    int error = documents_get(recovery->db, meta_kind, name, &value);
    if (error)
        return error == -ENOENT ? 0 : error;
    error = slice_to_u64(value.bytes, number) ? 0 : -EBADMSG;
    db_value_give(&value);
    return error;
}

/* Into the batch. */
static void kept_put(struct recovery *recovery, struct slice name, uint64_t number)
{
    char digits[24];
    struct text text;
    text_init(&text, digits, sizeof digits);
    text_u64(&text, number);
    struct key key = key_meta(meta_kind, name);
    batch_put(recovery->batch, recovery->db, meta, key_slice(&key), text_slice(&text));
}

struct shard_name {
    char digits[8];
};

static struct slice name_of(unsigned shard, struct shard_name *name)
{
    struct text text;
    text_init(&text, name->digits, sizeof name->digits);
    text_u64(&text, shard);
    return text_slice(&text);
}

/* ---- find ---- */

static int peek_block(struct recovery *recovery, const char *what, unsigned shard,
                      const struct cursor *cursor, struct block_view *view)
{
    uint64_t number = 0;
    if (key_parse_block(cursor_key(cursor), &number) || block_peek(cursor_value(cursor), view) ||
        view->number != number)
        return damaged(recovery, what, shard, number);
    return 0;
}

static int open_log(struct recovery *recovery, enum family_kind kind, unsigned shard,
                    struct cursor **cursor)
{
    struct slice all = slice_of(NULL, 0);
    return cursor_open(cursor, recovery->db, (struct family){kind, shard}, all, all);
}

/* The shard's range of blocks to read, and its share of commit_min. */
static int find_range(struct recovery *recovery, unsigned shard, struct cursor *cursor)
{
    struct shard_name name;
    uint64_t recovered;
    int error = kept_get(recovery, name_of(shard, &name), &recovered);
    if (error)
        return error;
    recovery->begin[shard] = recovery->end[shard] = recovered;
    struct block_view view;
    if (!cursor_last(cursor))
        return cursor_error(cursor);
    error = peek_block(recovery, "events", shard, cursor, &view);
    if (error)
        return error;
    if (view.number >= recovered)
        recovery->end[shard] = view.number + 1;
    if (view.mark > recovered)
        recovery->begin[shard] = view.mark;
    struct key begin = key_block(recovery->begin[shard]);
    if (!cursor_seek(cursor, key_slice(&begin)))
        return cursor_error(cursor);
    error = peek_block(recovery, "events", shard, cursor, &view);
    if (!error && view.commit < recovery->commit_min)
        recovery->commit_min = view.commit;
    return error;
}

static int find_next_attempt_block(struct recovery *recovery, unsigned shard)
{
    struct cursor *cursor;
    int error = open_log(recovery, FAMILY_ATTEMPTS, shard, &cursor);
    if (error)
        return error;
    struct block_view view = {.number = 0};
    if (cursor_last(cursor))
        error = peek_block(recovery, "attempts", shard, cursor, &view);
    else
        error = cursor_error(cursor);
    cursor_close(cursor);
    recovery->report->next_attempt_block[shard] = view.number + 1 + ATTEMPT_BLOCKS_GAP;
    return error;
}

static int find_blocks(struct recovery *recovery)
{
    recovery->commit_min = UINT64_MAX;
    for (unsigned shard = 0; shard < db_shards(recovery->db); shard++) {
        struct cursor *cursor;
        int error = open_log(recovery, FAMILY_EVENTS, shard, &cursor);
        if (error)
            return error;
        error = find_range(recovery, shard, cursor);
        cursor_close(cursor);
        if (!error)
            error = find_next_attempt_block(recovery, shard);
        if (error)
            return error;
        uint64_t end = recovery->end[shard];
        recovery->report->next_event_block[shard] = (end ? end : 1) + EVENT_BLOCKS_GAP;
        must(recovery->report->next_event_block[shard] >> PLACE_BLOCK_BITS == 0);
    }
    return 0;
}

/* ---- settle ---- */

static int settle_block(struct recovery *recovery, unsigned shard, struct slice value)
{
    struct block_view view;
    struct slice record;
    struct attempt_record attempt;
    if (block_open(value, &view))
        return damaged(recovery, "attempts", shard, 0);
    for (struct slice rest = view.records; block_next(&rest, &record);) {
        if (attempt_record_decode(record, &attempt))
            return damaged(recovery, "attempts", shard, view.number);
        int error = pairs_put(&recovery->settled, &attempt.event, &attempt.subscription, 0);
        if (error)
            return error;
    }
    recovery->report->blocks_read++;
    tell(recovery);
    return 0;
}

static int settle_shard(struct recovery *recovery, unsigned shard)
{
    struct cursor *cursor;
    int error = open_log(recovery, FAMILY_ATTEMPTS, shard, &cursor);
    if (error)
        return error;
    bool found = cursor_last(cursor);
    while (found && !error) {
        struct block_view view;
        error = peek_block(recovery, "attempts", shard, cursor, &view);
        if (error || view.commit < recovery->commit_min)
            break;
        error = settle_block(recovery, shard, cursor_value(cursor));
        found = cursor_prev(cursor);
    }
    if (!error)
        error = cursor_error(cursor);
    cursor_close(cursor);
    return error;
}

/* ---- park ---- */

static int flush_batch(struct recovery *recovery, size_t rows_min, bool sync)
{
    if (batch_count(recovery->batch) < rows_min)
        return 0;
    return db_write(recovery->db, recovery->batch, sync);
}

static int park_event(struct recovery *recovery, const struct event_record *event)
{
    char value[WAIT_ROW_SIZE];
    wait_row_encode(&(struct wait_row){.attempt_count = 0}, value);
    for (uint32_t i = 0; i < event->subscription_count; i++) {
        const struct id *subscription = &event->subscriptions[i];
        if (pairs_find(&recovery->settled, &event->event, subscription))
            continue;
        struct family queue = {FAMILY_QUEUE, keys_home(subscription, recovery->shards)};
        struct key key = key_row(ROW_PARKED, subscription, &event->event);
        batch_put(recovery->batch, recovery->db, queue, key_slice(&key),
                  slice_of(value, sizeof value));
        recovery->report->deliveries_parked++;
        int error = flush_batch(recovery, BATCH_ROWS, false);
        if (error)
            return error;
    }
    return 0;
}

static int park_block(struct recovery *recovery, unsigned shard, struct slice value)
{
    struct block_view view;
    struct slice record;
    struct event_record event;
    if (block_open(value, &view))
        return damaged(recovery, "events", shard, 0);
    for (struct slice rest = view.records; block_next(&rest, &record);) {
        if (event_record_decode(record, &event))
            return damaged(recovery, "events", shard, view.number);
        recovery->report->events_read++;
        int error = event.duplicate ? 0 : park_event(recovery, &event);
        if (error)
            return error;
    }
    recovery->report->blocks_read++;
    tell(recovery);
    return 0;
}

static int park_shard(struct recovery *recovery, unsigned shard)
{
    if (recovery->begin[shard] >= recovery->end[shard])
        return 0;
    struct key begin = key_block(recovery->begin[shard]), end = key_block(recovery->end[shard]);
    struct cursor *cursor;
    int error = cursor_open(&cursor, recovery->db, (struct family){FAMILY_EVENTS, shard},
                            key_slice(&begin), key_slice(&end));
    if (error)
        return error;
    for (bool found = cursor_first(cursor); found && !error; found = cursor_next(cursor))
        error = park_block(recovery, shard, cursor_value(cursor));
    if (!error)
        error = cursor_error(cursor);
    cursor_close(cursor);
    if (error)
        return error;
    struct shard_name name;
    kept_put(recovery, name_of(shard, &name), recovery->end[shard]);
    return flush_batch(recovery, 1, true);
}

static int park_all(struct recovery *recovery)
{
    int error = find_blocks(recovery);
    unsigned shards = db_shards(recovery->db);
    if (!error && recovery->commit_min == UINT64_MAX)
        return 0; /* no event since the last time */
    for (unsigned shard = 0; shard < shards && !error; shard++)
        error = settle_shard(recovery, shard);
    for (unsigned shard = 0; shard < shards && !error; shard++)
        error = park_shard(recovery, shard);
    return error;
}

/* ---- move ---- */

static int row_subscription(struct slice key, struct id *subscription)
{
    struct id event;
    enum row_kind kind;
    uint64_t due_ms;
    if (key.size > 0 && key.at[0] == ROW_RETRY)
        return key_parse_retry(key, &due_ms, subscription, &event);
    return key_parse_row(key, &kind, subscription, &event);
}

/* The attempts of a delivery stay in the log they were written to: its row has to say which. */
static int move_delivery(struct recovery *recovery, unsigned from, unsigned to, struct slice key,
                         struct slice value)
{
    struct delivery_row row;
    int error = delivery_row_decode(value, &row);
    if (error)
        return error;
    for (uint32_t i = 0; i < row.block_count; i++)
        row.blocks[i] = attempts_place_keep(attempts_place(row.blocks[i], from));
    char encoded[DELIVERY_ROW_SIZE_MAX];
    size_t size = delivery_row_encode(&row, encoded);
    batch_put(recovery->batch, recovery->db, (struct family){FAMILY_QUEUE, to}, key,
              slice_of(encoded, size));
    return 0;
}

static int move_row(struct recovery *recovery, unsigned shard, const struct cursor *cursor)
{
    struct slice key = cursor_key(cursor), value = cursor_value(cursor);
    struct id subscription;
    int error = row_subscription(key, &subscription);
    if (error)
        return error;
    unsigned home = keys_home(&subscription, recovery->shards);
    if (home == shard)
        return 0;
    if (key.at[0] == ROW_DELIVERY)
        error = move_delivery(recovery, shard, home, key, value);
    else
        batch_put(recovery->batch, recovery->db, (struct family){FAMILY_QUEUE, home}, key, value);
    if (error)
        return error;
    batch_drop(recovery->batch, recovery->db, (struct family){FAMILY_QUEUE, shard}, key);
    recovery->report->rows_moved++;
    tell(recovery);
    return flush_batch(recovery, BATCH_MOVES, false);
}

static int move_shard(struct recovery *recovery, unsigned shard)
{
    struct cursor *cursor;
    int error = open_log(recovery, FAMILY_QUEUE, shard, &cursor);
    if (error)
        return error;
    for (bool found = cursor_first(cursor); found && !error; found = cursor_next(cursor))
        error = move_row(recovery, shard, cursor);
    if (!error)
        error = cursor_error(cursor);
    cursor_close(cursor);
    if (error && !recovery->why[0])
        snprintf(recovery->why, RECOVERY_WHY_SIZE, "queue-%u: %.150s", shard,
                 error == -EIO ? db_why() : "a row is damaged");
    return error;
}

static int move_all(struct recovery *recovery)
{
    struct slice name = SLICE("shards");
    uint64_t before;
    int error = kept_get(recovery, name, &before);
    if (error || before == recovery->shards)
        return error;
    for (unsigned shard = 0; shard < db_shards(recovery->db); shard++) {
        error = move_shard(recovery, shard);
        if (error)
            return error;
    }
    kept_put(recovery, name, recovery->shards);
    return flush_batch(recovery, 1, true);
}

int recovery_run(struct db *db, unsigned shards, struct recovery_report *report,
                 void (*progress)(const struct recovery_report *so_far),
                 char why[static RECOVERY_WHY_SIZE])
{
    must(shards > 0 && shards <= db_shards(db));
    *report = (struct recovery_report){.blocks_read = 0};
    why[0] = 0;
    struct recovery recovery = {
        .db = db,
        .shards = shards,
        .report = report,
        .progress = progress,
        .told_ns = clock_monotonic_ns(),
        .why = why,
    };
    pairs_init(&recovery.settled, SETTLED_MAX);
    int error = batch_open(&recovery.batch);
    if (!error)
        error = park_all(&recovery);
    if (!error)
        error = move_all(&recovery);
    batch_close(recovery.batch);
    pairs_close(&recovery.settled);
    return error ? failed(&recovery, error) : 0;
}
