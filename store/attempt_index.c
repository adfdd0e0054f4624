/* attempt_index.c - see attempt_index.h. A row is a key; only the one that says since when has a
 * value: version (1), the commit u64, little-endian.
 *
 * A block may put the same row more than once: those that were put lately are remembered in a small
 * table, and nothing depends on it.
 */
#include "store/attempt_index.h"

#include "store/bytes.h"
#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

enum { VERSION = 1, SINCE_SIZE = 9, PUT_LATELY = 64 };

static const struct family stats = {.kind = FAMILY_STATS};

struct attempt_index {
    struct cursor *rows;
    uint64_t since; /* the commit */
    struct place events;
};

/* ---- writing ---- */

/* 0, -ENOENT: it was never kept; or -errno. */
static int read_since(struct db *db, uint64_t *commit)
{
    struct key key = key_index_since();
    struct db_value value;
    int error = db_get(db, stats, key_slice(&key), &value);
    if (error)
        return error;
    if (value.bytes.size == SINCE_SIZE && value.bytes.at[0] == VERSION)
        *commit = bytes_get_u64(value.bytes.at + 1);
    else
        error = -EBADMSG;
    db_value_give(&value);
    return error;
}

int attempt_index_begin(struct db *db, struct batch *batch, uint64_t commit)
{
    uint64_t since;
    int error = read_since(db, &since);
    if (error != -ENOENT)
        return error;
    char value[SINCE_SIZE] = {VERSION};
    struct key key = key_index_since();
    bytes_put_u64(value + 1, commit);
    batch_put(batch, db, stats, key_slice(&key), slice_of(value, sizeof value));
    return 0;
}

static bool has_no_row(enum delivery_status status)
{
    return status == DELIVERY_DELIVERED || status == DELIVERY_CANCELLED;
}

void attempt_index_put(struct db *db, struct batch *batch, const struct block *attempts)
{
    uint64_t lately[PUT_LATELY];
    memset(lately, 0xff, sizeof lately);
    struct slice rest = slice_of(attempts->at + BLOCK_HEAD_SIZE, attempts->size - BLOCK_HEAD_SIZE);
    struct slice record;
    while (block_next(&rest, &record)) {
        struct id event;
        enum delivery_status status;
        must(attempt_record_peek(record, &event, &status) == 0);
        struct place of = place_of(&event);
        uint64_t *last = &lately[(of.block + of.shard) % PUT_LATELY];
        uint64_t events = (uint64_t)of.shard << PLACE_BLOCK_BITS | of.block;
        if (!has_no_row(status) || *last == events)
            continue;
        *last = events;
        struct key key =
            key_index(&(struct index_place){of.shard, attempts->shard, of.block, attempts->number});
        batch_put(batch, db, stats, key_slice(&key), SLICE(""));
    }
}

/* ---- reading ---- */

int attempt_index_open(struct attempt_index **result, struct db *db)
{
    struct attempt_index *index = calloc(1, sizeof *index);
    if (!index)
        return -ENOMEM;
    struct key all = key_index_since(), below = key_after(&all);
    int error = read_since(db, &index->since);
    if (error == -ENOENT) {
        index->since = UINT64_MAX;
        error = 0;
    }
    if (!error)
        error = cursor_open(&index->rows, db, stats, key_slice(&all), key_slice(&below));
    if (error)
        attempt_index_close(index);
    else
        *result = index;
    return error;
}

void attempt_index_close(struct attempt_index *index)
{
    if (!index)
        return;
    cursor_close(index->rows);
    free(index);
}

bool attempt_index_covers(const struct attempt_index *index, uint64_t commit)
{
    return commit >= index->since;
}

static int read_row(struct attempt_index *index, bool found, struct attempts_place *attempts)
{
    struct index_place place;
    if (!found)
        return cursor_error(index->rows) ? cursor_error(index->rows) : -ENOENT;
    if (key_parse_index(cursor_key(index->rows), &place))
        return -EBADMSG;
    *attempts = (struct attempts_place){place.attempts_shard, place.attempts_block};
    return place.events_shard == index->events.shard && place.events_block == index->events.block
               ? 0
               : -ENOENT;
}

int attempt_index_first(struct attempt_index *index, const struct id *event,
                        struct attempts_place *attempts)
{
    index->events = place_of(event);
    struct key key = key_index(&(struct index_place){.events_shard = index->events.shard,
                                                     .events_block = index->events.block});
    return read_row(index, cursor_seek(index->rows, key_slice(&key)), attempts);
}

int attempt_index_next(struct attempt_index *index, struct attempts_place *attempts)
{
    return read_row(index, cursor_next(index->rows), attempts);
}
