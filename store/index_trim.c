/* index_trim.c - see index_trim.h. */
#include "store/index_trim.h"

#include "store/keys.h"

#include <errno.h>

static const struct family stats = {.kind = FAMILY_STATS};

/* The first block of events-K that is still there. 0, -ENOENT or -errno. */
static int first_block(struct db *db, unsigned shard, uint64_t *number)
{
    struct cursor *cursor;
    struct slice all = slice_of(NULL, 0);
    int error = cursor_open(&cursor, db, (struct family){FAMILY_EVENTS, shard}, all, all);
    if (error)
        return error;
    if (cursor_first(cursor))
        error = key_parse_block(cursor_key(cursor), number);
    else
        error = cursor_error(cursor) ? cursor_error(cursor) : -ENOENT;
    cursor_close(cursor);
    return error;
}

/* Whether there is a row in [from, below). */
static int has_rows(struct db *db, struct slice from, struct slice below, bool *has)
{
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, stats, from, below);
    if (error)
        return error;
    *has = cursor_first(cursor);
    error = cursor_error(cursor);
    cursor_close(cursor);
    return error;
}

static int trim_shard(struct db *db, unsigned shard)
{
    uint64_t first = 0;
    int error = first_block(db, shard, &first);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct key from = key_index(&(struct index_place){.events_shard = shard});
    struct key below =
        key_index(&(struct index_place){.events_shard = shard, .events_block = first});
    bool has = false;
    error = has_rows(db, key_slice(&from), key_slice(&below), &has);
    if (error || !has)
        return error;
    struct batch *batch;
    error = batch_open(&batch);
    if (error)
        return error;
    batch_drop_range(batch, db, stats, key_slice(&from), key_slice(&below));
    error = db_write(db, batch, false);
    batch_close(batch);
    return error;
}

int index_trim_step(struct index_trim *trim, struct db *db)
{
    int error = trim_shard(db, trim->shard);
    if (!error)
        trim->is_over = ++trim->shard >= db_shards(db);
    return error;
}
