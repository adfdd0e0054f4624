/* db.c - the door to RocksDB 7.8 through its C API.
 *
 * What each family is tuned for:
 *
 *   events-K, attempts-K  append-only: FIFO compaction drops whole files by age and by size,
 * nothing is ever rewritten; level 0 may hold any number of files, so the triggers that would slow
 * writers down for it are off. queue-K               rows that come and go: files full of deletions
 * are compacted early, and what was settled longer ago than the retention is dropped on the way; a
 *                         Bloom filter, since most deliveries that are asked for have no row.
 *   dedup                 random keys, mostly absent: a Bloom filter; entries older than the window
 *                         are dropped by compaction.
 *   meta, default         small.
 *
 * Memory: half of memory_bytes is for memtables, half for the block cache, which also holds index
 * and filter blocks. The log is recovered with a torn tail tolerated and any other damage refused:
 * skipping records in the middle would silently lose what was acknowledged.
 *
 * Lifetimes: handles are destroyed before the database, options, filters and cache after it.
 */
#include "store/db.h"

#include "base/clock.h"
#include "store/families.h"
#include "store/retention.h"

#include <errno.h>
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

enum { NO_TRIGGER = 1 << 30 };

struct db {
    rocksdb_t *rocks;
    rocksdb_cache_t *cache;
    rocksdb_options_t *options[FAMILY_QUEUE + 1]; /* by enum family_kind; default has meta's */
    rocksdb_compactionfilter_t *queue_filter, *dedup_filter;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write, *write_synced;
    rocksdb_column_family_handle_t *handles[FAMILIES_MAX]; /* by families_index() */
    unsigned shards;
    uint64_t retention_ms, dedup_window_ms;
};

struct batch {
    rocksdb_writebatch_t *rocks;
};

struct cursor {
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *read;
    char range[]; /* `from`, then `below`: RocksDB keeps pointers to them */
};

static _Thread_local char why_text[DB_WHY_SIZE];

const char *db_why(void)
{
    return why_text;
}

/* Takes RocksDB's message over. */
static int take_error(char *message)
{
    snprintf(why_text, sizeof why_text, "%s", message);
    rocksdb_free(message);
    return -EIO;
}

/* ---- families ---- */

static rocksdb_column_family_handle_t *handle_of(const struct db *db, struct family family)
{
    must(family.shard < db->shards);
    return db->handles[families_index(family)];
}

unsigned db_shards(const struct db *db)
{
    return db->shards;
}

/* ---- what compaction drops; the signatures are RocksDB's ---- */

/* NOLINTNEXTLINE(readability-function-size) */
static unsigned char filter_queue(void *state, int level, const char *key, size_t key_size,
                                  const char *value, size_t value_size, char **new_value,
                                  size_t *new_value_size, unsigned char *value_changed)
{
    (void)level, (void)new_value, (void)new_value_size, (void)value_changed;
    const struct db *db = state;
    return retention_drops_row(slice_of(key, key_size), slice_of(value, value_size),
                               clock_wall_ms(), db->retention_ms);
}

/* NOLINTNEXTLINE(readability-function-size) */
static unsigned char filter_dedup(void *state, int level, const char *key, size_t key_size,
                                  const char *value, size_t value_size, char **new_value,
                                  size_t *new_value_size, unsigned char *value_changed)
{
    (void)level, (void)key, (void)key_size, (void)new_value, (void)new_value_size;
    (void)value_changed;
    const struct db *db = state;
    return retention_drops_dedup(slice_of(value, value_size), clock_wall_ms(), db->dedup_window_ms);
}

static const char *queue_filter_name(void *state)
{
    (void)state;
    return "grapnel.queue";
}

static const char *dedup_filter_name(void *state)
{
    (void)state;
    return "grapnel.dedup";
}

static void keep_state(void *state)
{
    (void)state; /* the struct db, which outlives the filter */
}

/* ---- options ---- */

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Of half of the memory: what one memtable of a family takes (a part of it, shared by the shards if
 * each has one), and its bounds. A family has at most four at a time, so all together stay near
 * that half; the floor is what keeps the number of files down. */
static const struct {
    unsigned part, mib_min, mib_max;
} memtables[] = {
    [FAMILY_META] = {64, 1, 1},     [FAMILY_DEDUP] = {32, 2, 16}, [FAMILY_EVENTS] = {4, 8, 64},
    [FAMILY_ATTEMPTS] = {8, 4, 32}, [FAMILY_QUEUE] = {16, 2, 16},
};

static uint64_t memtable_size(enum family_kind kind, unsigned shards, uint64_t memory_bytes)
{
    uint64_t part = memory_bytes / 2 / memtables[kind].part;
    if (kind >= FAMILY_EVENTS)
        part /= shards;
    return clamp(part, memtables[kind].mib_min * MIB, memtables[kind].mib_max * MIB);
}

static void set_database_options(rocksdb_options_t *options, const struct db_options *wanted)
{
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_create_missing_column_families(options, 1);
    rocksdb_options_set_wal_recovery_mode(options,
                                          rocksdb_tolerate_corrupted_tail_records_recovery);
    rocksdb_options_set_db_write_buffer_size(options, (size_t)(wanted->memory_bytes / 2));
    rocksdb_options_set_max_total_wal_size(options,
                                           clamp(wanted->memory_bytes, 64 * MIB, 512 * MIB));
    rocksdb_options_set_max_open_files(options, -1); /* FIFO by age asks for it */
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_bytes_per_sync(options, MIB);
    rocksdb_options_set_avoid_unnecessary_blocking_io(options, 1);
    rocksdb_options_set_keep_log_file_num(options, 5);
    rocksdb_options_set_max_log_file_size(options, 4 * MIB);
    rocksdb_options_set_info_log_level(options, 2); /* warnings */
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);
}

static void set_table_options(rocksdb_options_t *options, rocksdb_cache_t *cache, bool bloom)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(table, 1);
    rocksdb_block_based_options_set_format_version(table, 5);
    if (bloom)
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
    rocksdb_options_set_block_based_table_factory(options, table);
    rocksdb_block_based_options_destroy(table);
}

static void set_fifo(rocksdb_options_t *options, enum family_kind kind, unsigned shards,
                     uint64_t retention_bytes)
{
    uint64_t share = retention_bytes / 4 * (kind == FAMILY_EVENTS ? 3 : 1) / shards;
    rocksdb_fifo_compaction_options_t *fifo = rocksdb_fifo_compaction_options_create();
    rocksdb_fifo_compaction_options_set_max_table_files_size(
        fifo, retention_bytes ? clamp(share, MIB, INT64_MAX) : INT64_MAX);
    rocksdb_options_set_compaction_style(options, rocksdb_fifo_compaction);
    rocksdb_options_set_fifo_compaction_options(options, fifo);
    rocksdb_fifo_compaction_options_destroy(fifo);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, NO_TRIGGER);
    rocksdb_options_set_level0_stop_writes_trigger(options, NO_TRIGGER);
    rocksdb_options_set_soft_pending_compaction_bytes_limit(options, 0);
    rocksdb_options_set_hard_pending_compaction_bytes_limit(options, 0);
}

/* The two times that the C API has no setter for. */
static int set_times(rocksdb_options_t **options, enum family_kind kind,
                     const struct db_options *wanted)
{
    uint64_t hour = 3600, day = 24 * hour;
    char text[64];
    if (kind == FAMILY_EVENTS || kind == FAMILY_ATTEMPTS)
        snprintf(text, sizeof text, "ttl=%lu", clamp(wanted->retention_ms / 1000, 1, 10000 * day));
    else if (kind == FAMILY_DEDUP)
        snprintf(text, sizeof text, "periodic_compaction_seconds=%lu",
                 clamp(wanted->dedup_window_ms / 2000, hour, day));
    else
        snprintf(text, sizeof text, "periodic_compaction_seconds=%lu", day);
    char *error = NULL;
    rocksdb_options_t *timed = rocksdb_options_create();
    rocksdb_get_options_from_string(*options, text, timed, &error);
    rocksdb_options_destroy(*options);
    *options = timed;
    return error ? take_error(error) : 0;
}

static int open_family_options(struct db *db, enum family_kind kind,
                               const struct db_options *wanted)
{
    db->options[kind] = rocksdb_options_create();
    int error = set_times(&db->options[kind], kind, wanted);
    if (error)
        return error;
    rocksdb_options_t *options = db->options[kind];
    set_database_options(options, wanted);
    set_table_options(options, db->cache, kind == FAMILY_QUEUE || kind == FAMILY_DEDUP);
    rocksdb_options_set_write_buffer_size(
        options, (size_t)memtable_size(kind, db->shards, wanted->memory_bytes));
    rocksdb_options_set_max_write_buffer_number(options, 4);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    if (kind == FAMILY_EVENTS || kind == FAMILY_ATTEMPTS)
        set_fifo(options, kind, db->shards, wanted->retention_bytes);
    if (kind == FAMILY_QUEUE) {
        rocksdb_options_add_compact_on_deletion_collector_factory(options, 1024, 512);
        rocksdb_options_set_compaction_filter(options, db->queue_filter);
    }
    if (kind == FAMILY_DEDUP)
        rocksdb_options_set_compaction_filter(options, db->dedup_filter);
    return 0;
}

static int open_options(struct db *db, const struct db_options *wanted)
{
    db->retention_ms = wanted->retention_ms;
    db->dedup_window_ms = wanted->dedup_window_ms;
    db->cache = rocksdb_cache_create_lru((size_t)(wanted->memory_bytes / 2));
    db->queue_filter =
        rocksdb_compactionfilter_create(db, keep_state, filter_queue, queue_filter_name);
    db->dedup_filter =
        rocksdb_compactionfilter_create(db, keep_state, filter_dedup, dedup_filter_name);
    db->read = rocksdb_readoptions_create();
    db->write = rocksdb_writeoptions_create();
    db->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_synced, 1);
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++) {
        int error = open_family_options(db, kind, wanted);
        if (error)
            return error;
    }
    return 0;
}

/* ---- opening ---- */

/* What went wrong (its words are in why_text), for the person who started the program. */
static int explain(const char *path, char why[static DB_WHY_SIZE])
{
    bool held = strstr(why_text, "lock hold by current process") || strstr(why_text, "lock file");
    bool damaged = strncmp(why_text, "Corruption", 10) == 0;
    const char *what = held      ? "is in use by another process"
                       : damaged ? "is damaged and was not opened; nothing in it was changed"
                                 : "cannot be opened";
    snprintf(why, DB_WHY_SIZE, "the database in %.160s %s (%.240s)", path, what, why_text);
    return held ? -EBUSY : damaged ? -EBADMSG : -EIO;
}

/* How many shards the database in `path` has: 0 if there is none yet. */
static int count_shards(const char *path, unsigned *shards)
{
    *shards = 0;
    char current[4096];
    if (snprintf(current, sizeof current, "%s/CURRENT", path) >= (int)sizeof current) {
        snprintf(why_text, sizeof why_text, "the path is too long");
        return -EIO;
    }
    if (access(current, F_OK) != 0 && errno == ENOENT)
        return 0;

    char *error = NULL;
    size_t count = 0;
    rocksdb_options_t *options = rocksdb_options_create();
    char **names = rocksdb_list_column_families(options, path, &count, &error);
    rocksdb_options_destroy(options);
    if (error)
        return take_error(error);
    for (size_t i = 0; i < count; i++) {
        unsigned implied = families_shards(names[i]);
        if (implied > *shards)
            *shards = implied;
    }
    rocksdb_list_column_families_destroy(names, count);
    return 0;
}

static int open_families(struct db *db, const char *path)
{
    char names[FAMILIES_MAX][FAMILY_NAME_SIZE];
    const char *name_list[FAMILIES_MAX];
    const rocksdb_options_t *options[FAMILIES_MAX];
    size_t count = families_count(db->shards);
    for (size_t i = 0; i < count; i++) {
        families_name(i, names[i]);
        name_list[i] = names[i];
        options[i] = db->options[families_kind(i)];
    }
    char *error = NULL;
    db->rocks = rocksdb_open_column_families(db->options[FAMILY_META], path, (int)count, name_list,
                                             options, db->handles, &error);
    return error ? take_error(error) : 0;
}

int db_open(struct db **result, const char *path, const struct db_options *options,
            char why[static DB_WHY_SIZE])
{
    must(options->shards > 0 && options->shards <= DB_SHARDS_MAX);
    struct db *db = calloc(1, sizeof *db);
    if (!db) {
        snprintf(why, DB_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    int error = count_shards(path, &db->shards);
    if (error)
        goto fail;
    if (db->shards < options->shards)
        db->shards = options->shards;
    error = open_options(db, options);
    if (error)
        goto fail;
    error = open_families(db, path);
    if (error)
        goto fail;
    *result = db;
    return 0;
fail:
    db_close(db);
    return explain(path, why);
}

static void close_options(struct db *db)
{
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++)
        if (db->options[kind])
            rocksdb_options_destroy(db->options[kind]);
    if (!db->cache)
        return;
    rocksdb_readoptions_destroy(db->read);
    rocksdb_writeoptions_destroy(db->write);
    rocksdb_writeoptions_destroy(db->write_synced);
    rocksdb_compactionfilter_destroy(db->queue_filter);
    rocksdb_compactionfilter_destroy(db->dedup_filter);
    rocksdb_cache_destroy(db->cache);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    if (db->rocks) {
        for (size_t i = 0; i < families_count(db->shards); i++)
            rocksdb_column_family_handle_destroy(db->handles[i]);
        rocksdb_close(db->rocks);
    }
    close_options(db);
    free(db);
}

/* ---- writing ---- */

int batch_open(struct batch **batch)
{
    *batch = calloc(1, sizeof **batch);
    if (!*batch)
        return -ENOMEM;
    (*batch)->rocks = rocksdb_writebatch_create();
    return 0;
}

void batch_close(struct batch *batch)
{
    if (!batch)
        return;
    rocksdb_writebatch_destroy(batch->rocks);
    free(batch);
}

void batch_put(struct batch *batch, struct db *db, struct family family, struct slice key,
               struct slice value)
{
    rocksdb_writebatch_put_cf(batch->rocks, handle_of(db, family), key.at, key.size, value.at,
                              value.size);
}

void batch_drop(struct batch *batch, struct db *db, struct family family, struct slice key)
{
    rocksdb_writebatch_delete_cf(batch->rocks, handle_of(db, family), key.at, key.size);
}

void batch_clear(struct batch *batch)
{
    rocksdb_writebatch_clear(batch->rocks);
}

size_t batch_count(const struct batch *batch)
{
    return (size_t)rocksdb_writebatch_count(batch->rocks);
}

int db_write(struct db *db, struct batch *batch, bool sync)
{
    char *error = NULL;
    if (batch_count(batch) > 0)
        rocksdb_write(db->rocks, sync ? db->write_synced : db->write, batch->rocks, &error);
    else if (sync)
        rocksdb_flush_wal(db->rocks, 1, &error);
    if (error)
        return take_error(error);
    batch_clear(batch);
    return 0;
}

/* ---- reading ---- */

int db_get(struct db *db, struct family family, struct slice key, struct db_value *value)
{
    char *error = NULL;
    rocksdb_pinnableslice_t *pin =
        rocksdb_get_pinned_cf(db->rocks, db->read, handle_of(db, family), key.at, key.size, &error);
    if (error)
        return take_error(error);
    if (!pin)
        return -ENOENT;
    value->pin = pin;
    value->bytes.at = rocksdb_pinnableslice_value(pin, &value->bytes.size);
    return 0;
}

void db_value_give(struct db_value *value)
{
    rocksdb_pinnableslice_destroy(value->pin);
    *value = (struct db_value){.pin = NULL};
}

int cursor_open(struct cursor **result, struct db *db, struct family family, struct slice from,
                struct slice below)
{
    struct cursor *cursor = calloc(1, sizeof *cursor + from.size + below.size);
    if (!cursor)
        return -ENOMEM;
    cursor->read = rocksdb_readoptions_create();
    if (from.size) {
        memcpy(cursor->range, from.at, from.size);
        rocksdb_readoptions_set_iterate_lower_bound(cursor->read, cursor->range, from.size);
    }
    if (below.size) {
        memcpy(cursor->range + from.size, below.at, below.size);
        rocksdb_readoptions_set_iterate_upper_bound(cursor->read, cursor->range + from.size,
                                                    below.size);
    }
    /* A scan of a log must not push everything else out of the cache. */
    bool log = family.kind == FAMILY_EVENTS || family.kind == FAMILY_ATTEMPTS;
    rocksdb_readoptions_set_fill_cache(cursor->read, !log);
    cursor->rocks = rocksdb_create_iterator_cf(db->rocks, cursor->read, handle_of(db, family));
    *result = cursor;
    return 0;
}

void cursor_close(struct cursor *cursor)
{
    if (!cursor)
        return;
    rocksdb_iter_destroy(cursor->rocks);
    rocksdb_readoptions_destroy(cursor->read);
    free(cursor);
}

bool cursor_first(struct cursor *cursor)
{
    rocksdb_iter_seek_to_first(cursor->rocks);
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_last(struct cursor *cursor)
{
    rocksdb_iter_seek_to_last(cursor->rocks);
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_next(struct cursor *cursor)
{
    rocksdb_iter_next(cursor->rocks);
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_prev(struct cursor *cursor)
{
    rocksdb_iter_prev(cursor->rocks);
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_seek(struct cursor *cursor, struct slice key)
{
    rocksdb_iter_seek(cursor->rocks, key.at, key.size);
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_seek_back(struct cursor *cursor, struct slice key)
{
    rocksdb_iter_seek_for_prev(cursor->rocks, key.at, key.size);
    return rocksdb_iter_valid(cursor->rocks);
}

struct slice cursor_key(const struct cursor *cursor)
{
    struct slice key;
    key.at = rocksdb_iter_key(cursor->rocks, &key.size);
    return key;
}

struct slice cursor_value(const struct cursor *cursor)
{
    struct slice value;
    value.at = rocksdb_iter_value(cursor->rocks, &value.size);
    return value;
}

int cursor_error(const struct cursor *cursor)
{
    char *error = NULL;
    rocksdb_iter_get_error(cursor->rocks, &error);
    return error ? take_error(error) : 0;
}

/* ---- health ---- */

static uint64_t database_figure(struct db *db, const char *name)
{
    uint64_t value = 0;
    return rocksdb_property_int(db->rocks, name, &value) == 0 ? value : 0;
}

static uint64_t family_figure(struct db *db, size_t index, const char *name)
{
    uint64_t value = 0;
    int error = rocksdb_property_int_cf(db->rocks, db->handles[index], name, &value);
    return error ? 0 : value;
}

static uint64_t level0_files(struct db *db, size_t index)
{
    char *text =
        rocksdb_property_value_cf(db->rocks, db->handles[index], "rocksdb.num-files-at-level0");
    uint64_t count = text ? strtoull(text, NULL, 10) : 0;
    rocksdb_free(text);
    return count;
}

/* A stall (write_stopped in db_figures) ends when a flush does; an error of a flush or compaction
 * stays. An error of the log itself is what db_write() returns. */
bool db_healthy(struct db *db)
{
    return database_figure(db, "rocksdb.background-errors") == 0;
}

void db_figures(struct db *db, struct db_figures *figures)
{
    *figures = (struct db_figures){
        .cache_bytes = rocksdb_cache_get_usage(db->cache),
        .write_stopped = database_figure(db, "rocksdb.is-write-stopped") != 0,
    };
    for (size_t i = 0; i < families_count(db->shards); i++) {
        figures->memtable_bytes += family_figure(db, i, "rocksdb.size-all-mem-tables");
        figures->live_bytes += family_figure(db, i, "rocksdb.live-sst-files-size");
        figures->pending_compaction_bytes +=
            family_figure(db, i, "rocksdb.estimate-pending-compaction-bytes");
        figures->level0_files += level0_files(db, i);
    }
}
