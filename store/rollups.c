/* rollups.c - see rollups.h.
 *
 * How far a log was read, its level, is a block and a record in it: a step may end within a block.
 * Blocks are asked for by number. Where there is none, it was never written (a batch without
 * attempts), or not yet, or retention has dropped it: a cursor finds the next one. If the block
 * before the level is gone as well, retention has been faster than this.
 *
 * Only spans of 10 s are gathered (`live`, found by hash). They are written when all was read, when
 * there are too many, or when much was read: a row costs the same however much is added to it, so
 * who is behind writes seldom. For that the same spans are put in order, so that those of a minute,
 * an hour, or a tenant are next to each other, and each run of them is one row that is read, added
 * to, and written.
 */
#include "store/rollups.h"

#include "base/list.h"
#include "base/table.h"
#include "store/block.h"
#include "store/bytes.h"

#include <errno.h>
#include <stdlib.h>

enum {
    LEVEL_SIZE = 12,
    UNWRITTEN_MAX = 64 * 1024, /* records: what a crash makes to be read again */
};

struct level {
    uint64_t block; /* the next to be read */
    uint32_t index; /* records of it that were read already */
};

struct live {
    struct table_node node;
    struct rollup_place place;
    struct rollup rollup;
};

struct rollups {
    struct db *db;
    void (*on_dead)(void *context, const struct attempt_record *attempt);
    bool (*knows)(void *context, const struct id *tenant); /* NULL: all */
    void *context;
    struct batch *batch;
    struct level levels[DB_SHARDS_MAX]; /* as stored */
    struct level read[DB_SHARDS_MAX];   /* with what is in `live` */
    uint64_t read_ms[DB_SHARDS_MAX];    /* when the last record that was read had ended */
    unsigned first;                     /* the log that the next step begins with */
    struct table table;
    struct live *live;
    struct live *order[ROLLUPS_LIVE];
    unsigned live_count;
    unsigned left;                           /* records that this step may still read */
    unsigned unwritten;                      /* records that were read, and are in `live` alone */
    bool is_full;                            /* `live` is */
    struct rollups_figures figures, written; /* with what is in `live`; without */
};

static const struct family stats = {.kind = FAMILY_STATS};

/* ---- levels ---- */

static void level_encode(struct level level, char out[static LEVEL_SIZE])
{
    bytes_put_u64(out, level.block);
    bytes_put_u32(out + 8, level.index);
}

static int level_load(struct rollups *rollups, unsigned shard)
{
    struct key key = key_rollup_level(shard);
    struct db_value value;
    int error = db_get(rollups->db, stats, key_slice(&key), &value);
    if (error)
        return error == -ENOENT ? 0 : error;
    if (value.bytes.size == LEVEL_SIZE)
        rollups->levels[shard] =
            (struct level){bytes_get_u64(value.bytes.at), bytes_get_u32(value.bytes.at + 8)};
    else
        error = -EBADMSG;
    db_value_give(&value);
    return error;
}

int rollups_open(struct rollups **result, struct db *db,
                 void (*on_dead)(void *context, const struct attempt_record *attempt),
                 void *context)
{
    struct rollups *rollups = calloc(1, sizeof *rollups);
    if (!rollups)
        return -ENOMEM;
    rollups->db = db;
    rollups->on_dead = on_dead;
    rollups->context = context;
    rollups->live = malloc(ROLLUPS_LIVE * sizeof *rollups->live);
    int error = rollups->live ? batch_open(&rollups->batch) : -ENOMEM;
    if (!error)
        error = table_open(&rollups->table, ROLLUPS_LIVE);
    for (unsigned shard = 0; !error && shard < db_shards(db); shard++)
        error = level_load(rollups, shard);
    memcpy(rollups->read, rollups->levels, sizeof rollups->read);
    if (error) {
        rollups_close(rollups);
        return error;
    }
    *result = rollups;
    return 0;
}

void rollups_sum_only(struct rollups *rollups,
                      bool (*knows)(void *context, const struct id *tenant))
{
    rollups->knows = knows;
}

void rollups_close(struct rollups *rollups)
{
    if (!rollups)
        return;
    table_close(&rollups->table);
    batch_close(rollups->batch);
    free(rollups->live);
    free(rollups);
}

/* ---- gathering ---- */

static struct live *live_find(struct rollups *rollups, const struct rollup_place *place)
{
    uint64_t hash = id_hash(&place->subscription) ^ place->start_ms * UINT64_C(0x9e3779b97f4a7c15);
    struct table_node *node = table_first(&rollups->table, hash);
    for (; node; node = table_next(node)) {
        struct live *live = container_of(node, struct live, node);
        if (live->place.start_ms == place->start_ms &&
            id_equal(&live->place.subscription, &place->subscription) &&
            id_equal(&live->place.tenant, &place->tenant))
            return live;
    }
    rollups->is_full = rollups->live_count == ROLLUPS_LIVE;
    if (rollups->is_full)
        return NULL;
    struct live *live = &rollups->live[rollups->live_count];
    rollups->order[rollups->live_count++] = live;
    live->place = *place;
    live->rollup = (struct rollup){0};
    table_put(&rollups->table, &live->node, hash);
    return live;
}

static void live_clear(struct rollups *rollups)
{
    for (unsigned i = 0; i < rollups->live_count; i++)
        table_drop(&rollups->table, &rollups->live[i].node);
    rollups->live_count = 0;
}

/* False: there is no room for it in this step. */
static bool gather(struct rollups *rollups, unsigned shard, const struct attempt_record *attempt)
{
    uint64_t ended_ms = rollup_time_ms(attempt);
    struct rollup_place place = {
        .tenant = attempt->tenant,
        .subscription = attempt->subscription,
        .resolution = RESOLUTION_10S,
        .start_ms = resolution_start_ms(RESOLUTION_10S, ended_ms),
    };
    if (rollups->knows && !rollups->knows(rollups->context, &attempt->tenant)) {
        rollups->read_ms[shard] = ended_ms;
        return true;
    }
    struct live *live = live_find(rollups, &place);
    if (!live)
        return false;
    rollup_add(&live->rollup, attempt);
    if (attempt->status_after == DELIVERY_DEAD && rollups->on_dead)
        rollups->on_dead(rollups->context, attempt);
    rollups->read_ms[shard] = ended_ms;
    rollups->figures.attempts++;
    return true;
}

/* A note is no attempt; but it may be what ends a delivery. */
static bool is_counted(const struct attempt_record *attempt)
{
    return attempt->outcome != ATTEMPT_NONE || attempt->status_after == DELIVERY_DEAD;
}

/* From the level on; false if the step is over before the block is. */
static bool gather_block(struct rollups *rollups, unsigned shard, const struct block_view *view)
{
    struct level *level = &rollups->read[shard];
    struct slice rest = view->records, record;
    struct attempt_record attempt;
    for (uint32_t index = 0; block_next(&rest, &record); index++) {
        if (index < level->index)
            continue;
        if (rollups->left == 0)
            return false;
        if (attempt_record_decode(record, &attempt))
            rollups->figures.rows_damaged++;
        else if (is_counted(&attempt) && !gather(rollups, shard, &attempt))
            return false;
        rollups->left--;
        level->index++;
    }
    *level = (struct level){view->number + 1, 0};
    return true;
}

/* ---- reading a log ---- */

static bool is_there(struct rollups *rollups, struct family log, uint64_t number)
{
    struct key key = key_block(number);
    struct db_value value;
    if (db_get(rollups->db, log, key_slice(&key), &value))
        return false;
    db_value_give(&value);
    return true;
}

/* The level moves to the first block at or after it. -ENOENT: there is none. */
static int find_next(struct rollups *rollups, struct family log, struct level *level)
{
    struct key from = key_block(level->block);
    struct cursor *cursor;
    uint64_t found = 0;
    int error = cursor_open(&cursor, rollups->db, log, key_slice(&from), slice_of(NULL, 0));
    if (error)
        return error;
    if (cursor_first(cursor))
        error = key_parse_block(cursor_key(cursor), &found);
    else
        error = cursor_error(cursor) ? -EIO : -ENOENT;
    cursor_close(cursor);
    if (error || found == level->block)
        return error;
    if (level->block > 0 && !is_there(rollups, log, level->block - 1))
        rollups->figures.blocks_lost += found - level->block;
    *level = (struct level){found, 0};
    return 0;
}

static int get_next(struct rollups *rollups, struct family log, struct db_value *value)
{
    struct level *level = &rollups->read[log.shard];
    struct key key = key_block(level->block);
    int error = db_get(rollups->db, log, key_slice(&key), value);
    if (error != -ENOENT)
        return error;
    error = find_next(rollups, log, level);
    key = key_block(level->block);
    return error ? error : db_get(rollups->db, log, key_slice(&key), value);
}

/* *is_read: to the end of the log. */
static int read_log(struct rollups *rollups, unsigned shard, bool *is_read)
{
    struct family log = {FAMILY_ATTEMPTS, shard};
    bool is_over = rollups->left == 0;
    *is_read = false;
    while (!is_over) {
        struct db_value value;
        struct block_view view;
        int error = get_next(rollups, log, &value);
        if (error) {
            *is_read = error == -ENOENT;
            return *is_read ? 0 : error;
        }
        if (block_open(value.bytes, &view)) {
            rollups->figures.rows_damaged++;
            rollups->read[shard] = (struct level){rollups->read[shard].block + 1, 0};
        } else {
            is_over = !gather_block(rollups, shard, &view);
        }
        db_value_give(&value);
    }
    return 0;
}

static int read_logs(struct rollups *rollups, uint64_t now_ms, bool *more)
{
    unsigned shards = db_shards(rollups->db);
    must(shards > 0);
    uint64_t as_of_ms = now_ms;
    *more = false;
    for (unsigned i = 0; i < shards; i++) {
        unsigned shard = (rollups->first + i) % shards;
        bool is_read;
        int error = read_log(rollups, shard, &is_read);
        if (error)
            return error;
        if (is_read)
            continue;
        *more = true;
        if (rollups->read_ms[shard] < as_of_ms)
            as_of_ms = rollups->read_ms[shard];
    }
    rollups->first = (rollups->first + 1) % shards;
    if (as_of_ms > rollups->figures.as_of_ms)
        rollups->figures.as_of_ms = as_of_ms;
    return 0;
}

/* ---- writing ---- */

static int compare_by_subscription(const void *a, const void *b)
{
    const struct rollup_place *x = &(*(struct live *const *)a)->place;
    const struct rollup_place *y = &(*(struct live *const *)b)->place;
    int order = memcmp(&x->tenant, &y->tenant, sizeof x->tenant);
    if (!order)
        order = memcmp(&x->subscription, &y->subscription, sizeof x->subscription);
    return order ? order : (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

static int compare_by_tenant(const void *a, const void *b)
{
    const struct rollup_place *x = &(*(struct live *const *)a)->place;
    const struct rollup_place *y = &(*(struct live *const *)b)->place;
    int order = memcmp(&x->tenant, &y->tenant, sizeof x->tenant);
    return order ? order : (x->start_ms > y->start_ms) - (x->start_ms < y->start_ms);
}

/* The row that a span of 10 s is a part of. */
static struct rollup_place place_in(const struct live *live, enum resolution resolution,
                                    bool of_tenant)
{
    struct rollup_place place = live->place;
    place.resolution = resolution;
    place.start_ms = resolution_start_ms(resolution, place.start_ms);
    if (of_tenant)
        place.subscription = (struct id){0};
    return place;
}

/* Adds what the row says already. */
static int add_stored(struct rollups *rollups, struct slice key, struct rollup *rollup)
{
    struct rollup stored;
    struct db_value value;
    int error = db_get(rollups->db, stats, key, &value);
    if (error)
        return error == -ENOENT ? 0 : error;
    if (rollup_decode(value.bytes, &stored))
        rollups->figures.rows_damaged++;
    else
        rollup_merge(rollup, &stored);
    db_value_give(&value);
    return 0;
}

/* One row of the sums from `at` on; returns how many it is the sum of, or -errno. */
static int put_run(struct rollups *rollups, unsigned at, enum resolution resolution, bool of_tenant)
{
    char bytes[ROLLUP_SIZE_MAX];
    struct live *const *order = rollups->order;
    struct rollup_place place = place_in(order[at], resolution, of_tenant);
    struct key key = key_rollup(&place);
    struct rollup sum = order[at]->rollup;
    unsigned end = at + 1;
    for (; end < rollups->live_count; end++) {
        struct rollup_place next = place_in(order[end], resolution, of_tenant);
        struct key next_key = key_rollup(&next);
        if (!slice_equal(key_slice(&next_key), key_slice(&key)))
            break;
        rollup_merge(&sum, &order[end]->rollup);
    }
    int error = add_stored(rollups, key_slice(&key), &sum);
    if (error)
        return error;
    batch_put(rollups->batch, rollups->db, stats, key_slice(&key),
              slice_of(bytes, rollup_encode(&sum, bytes)));
    return (int)(end - at);
}

static int put_sums(struct rollups *rollups, bool of_tenant)
{
    qsort(rollups->order, rollups->live_count, sizeof(void *),
          of_tenant ? compare_by_tenant : compare_by_subscription);
    for (enum resolution resolution = RESOLUTION_10S; resolution <= RESOLUTION_1H; resolution++) {
        for (unsigned at = 0; at < rollups->live_count;) {
            int run = put_run(rollups, at, resolution, of_tenant);
            if (run < 0)
                return run;
            at += (unsigned)run;
        }
    }
    return 0;
}

static void put_levels(struct rollups *rollups)
{
    for (unsigned shard = 0; shard < db_shards(rollups->db); shard++) {
        const struct level *read = &rollups->read[shard], *stored = &rollups->levels[shard];
        if (read->block == stored->block && read->index == stored->index)
            continue;
        char value[LEVEL_SIZE];
        struct key key = key_rollup_level(shard);
        level_encode(*read, value);
        batch_put(rollups->batch, rollups->db, stats, key_slice(&key),
                  slice_of(value, sizeof value));
    }
}

static int write_sums(struct rollups *rollups)
{
    int error = put_sums(rollups, false);
    if (!error)
        error = put_sums(rollups, true);
    if (error)
        return error;
    put_levels(rollups);
    return batch_count(rollups->batch) > 0 ? db_write(rollups->db, rollups->batch, false) : 0;
}

/* What was gathered is written, or (`error`) is to be read again. */
static void let_go(struct rollups *rollups, int error)
{
    live_clear(rollups);
    batch_clear(rollups->batch);
    rollups->unwritten = 0;
    rollups->is_full = false;
    if (error) {
        rollups->figures = rollups->written;
        memcpy(rollups->read, rollups->levels, sizeof rollups->read);
    } else {
        rollups->written = rollups->figures;
        memcpy(rollups->levels, rollups->read, sizeof rollups->levels);
    }
}

int rollups_step(struct rollups *rollups, unsigned records_max, uint64_t now_ms, bool *more)
{
    rollups->left = records_max;
    int error = read_logs(rollups, now_ms, more);
    rollups->unwritten += records_max - rollups->left;
    if (!error && *more && !rollups->is_full && rollups->unwritten < UNWRITTEN_MAX)
        return 0;
    if (!error)
        error = write_sums(rollups);
    let_go(rollups, error);
    return error;
}

struct rollups_figures rollups_figures(const struct rollups *rollups)
{
    return rollups->written;
}
