/* tuning.c - see tuning.h.
 *
 * events-K, attempts-K  append-only: FIFO compaction drops whole files by age and by size, nothing
 *                       is ever rewritten; level 0 may hold any number of files, so the triggers
 *                       that would slow writers down for it are off.
 * queue-K               rows that come and go: files full of deletions are compacted early, and
 * what was settled longer ago than the retention is dropped on the way; a Bloom filter, since most
 * deliveries that are asked for have no row. dedup                 random keys, mostly absent: a
 * Bloom filter; entries older than the window are dropped by compaction.
 * stats                 sums that are read before they are written, mostly new: a Bloom filter;
 * compaction drops those that are kept no longer. meta, default small.
 *
 * Memory: half of memory_bytes is for memtables, half for the block cache, which also holds index
 * and filter blocks.
 */
#include "store/tuning.h"

#include "base/clock.h"
#include "store/old_logs.h"
#include "store/retention.h"

#include <errno.h>
#include <rocksdb/c.h>
#include <stdio.h>

#define MIB (UINT64_C(1) << 20)

enum { NO_TRIGGER = 1 << 30 };

/* ---- what compaction drops ---- */

static bool drops_row(const struct tuning *tuning, struct slice key, struct slice value)
{
    return retention_drops_row(key, value, clock_wall_ms(), tuning->retention_ms);
}

static bool drops_key(const struct tuning *tuning, struct slice key, struct slice value)
{
    (void)key;
    return retention_drops_dedup(value, clock_wall_ms(), tuning->dedup_window_ms);
}

static bool drops_rollup(const struct tuning *tuning, struct slice key, struct slice value)
{
    (void)tuning, (void)value;
    return retention_drops_rollup(key, clock_wall_ms());
}

/* NOLINTNEXTLINE(readability-function-size): the signature is RocksDB's */
static unsigned char filter(void *state, int level, const char *key, size_t key_size,
                            const char *value, size_t value_size, char **new_value,
                            size_t *new_value_size, unsigned char *value_changed)
{
    (void)level, (void)new_value, (void)new_value_size, (void)value_changed;
    const struct tuning_filter *own = state;
    return own->drops(own->tuning, slice_of(key, key_size), slice_of(value, value_size));
}

static const char *filter_name(void *state)
{
    const struct tuning_filter *own = state;
    return own->name;
}

static void keep_state(void *state)
{
    (void)state; /* a part of struct tuning, which outlives the filter */
}

static void open_filter(struct tuning_filter *opened, const struct tuning *tuning, const char *name,
                        bool (*drops)(const struct tuning *tuning, struct slice key,
                                      struct slice value))
{
    *opened = (struct tuning_filter){.tuning = tuning, .name = name, .drops = drops};
    opened->rocks = rocksdb_compactionfilter_create(opened, keep_state, filter, filter_name);
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
    [FAMILY_META] = {64, 1, 1},   [FAMILY_DEDUP] = {32, 2, 16},   [FAMILY_STATS] = {32, 2, 8},
    [FAMILY_EVENTS] = {4, 8, 64}, [FAMILY_ATTEMPTS] = {8, 4, 32}, [FAMILY_QUEUE] = {16, 2, 16},
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
    rocksdb_options_set_WAL_ttl_seconds(options, OLD_LOGS_STAY_S);
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
    if (bloom) {
        rocksdb_block_based_options_set_filter_policy(table, rocksdb_filterpolicy_create_bloom(10));
        /* In parts: the filter of a large file is larger than what one shard of the cache holds,
         * and would be read anew for each question. */
        rocksdb_block_based_options_set_index_type(
            table, rocksdb_block_based_table_index_type_two_level_index_search);
        rocksdb_block_based_options_set_partition_filters(table, 1);
    }
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
                     const struct db_options *wanted, char why[static DB_WHY_SIZE])
{
    uint64_t hour = 3600, day = 24 * hour;
    char text[64];
    if (kind == FAMILY_EVENTS || kind == FAMILY_ATTEMPTS)
        snprintf(text, sizeof text, "ttl=%lu", clamp(wanted->retention_ms / 1000, 1, 10000 * day));
    else if (kind == FAMILY_DEDUP)
        snprintf(text, sizeof text, "periodic_compaction_seconds=%lu",
                 clamp(wanted->dedup_window_ms / 2000, hour, day));
    else
        snprintf(text, sizeof text, "periodic_compaction_seconds=%lu",
                 kind == FAMILY_STATS ? 6 * hour : day);
    char *error = NULL;
    rocksdb_options_t *timed = rocksdb_options_create();
    rocksdb_get_options_from_string(*options, text, timed, &error);
    rocksdb_options_destroy(*options);
    *options = timed;
    if (!error)
        return 0;
    snprintf(why, DB_WHY_SIZE, "%s", error);
    rocksdb_free(error);
    return -EIO;
}

static int open_family(struct tuning *tuning, enum family_kind kind,
                       const struct db_options *wanted, unsigned shards,
                       char why[static DB_WHY_SIZE])
{
    tuning->options[kind] = rocksdb_options_create();
    int error = set_times(&tuning->options[kind], kind, wanted, why);
    if (error)
        return error;
    rocksdb_options_t *options = tuning->options[kind];
    set_database_options(options, wanted);
    set_table_options(options, tuning->cache,
                      kind == FAMILY_QUEUE || kind == FAMILY_DEDUP || kind == FAMILY_STATS);
    rocksdb_options_set_write_buffer_size(
        options, (size_t)memtable_size(kind, shards, wanted->memory_bytes));
    rocksdb_options_set_max_write_buffer_number(options, 4);
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    if (kind == FAMILY_EVENTS || kind == FAMILY_ATTEMPTS)
        set_fifo(options, kind, shards, wanted->retention_bytes);
    if (kind == FAMILY_QUEUE) {
        rocksdb_options_add_compact_on_deletion_collector_factory(options, 1024, 512);
        rocksdb_options_set_compaction_filter(options, tuning->queue_filter.rocks);
    }
    if (kind == FAMILY_DEDUP)
        rocksdb_options_set_compaction_filter(options, tuning->dedup_filter.rocks);
    if (kind == FAMILY_STATS)
        rocksdb_options_set_compaction_filter(options, tuning->stats_filter.rocks);
    return 0;
}

int tuning_open(struct tuning *tuning, const struct db_options *wanted, unsigned shards,
                char why[static DB_WHY_SIZE])
{
    *tuning = (struct tuning){.retention_ms = wanted->retention_ms,
                              .dedup_window_ms = wanted->dedup_window_ms};
    tuning->cache = rocksdb_cache_create_lru((size_t)(wanted->memory_bytes / 2));
    open_filter(&tuning->queue_filter, tuning, "grapnel.queue", drops_row);
    open_filter(&tuning->dedup_filter, tuning, "grapnel.dedup", drops_key);
    open_filter(&tuning->stats_filter, tuning, "grapnel.stats", drops_rollup);
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++) {
        int error = open_family(tuning, kind, wanted, shards, why);
        if (error)
            return error;
    }
    return 0;
}

void tuning_trust_the_log_to_its_tear(struct tuning *tuning)
{
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++)
        rocksdb_options_set_wal_recovery_mode(tuning->options[kind],
                                              rocksdb_point_in_time_recovery);
}

void tuning_close(struct tuning *tuning)
{
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++)
        if (tuning->options[kind])
            rocksdb_options_destroy(tuning->options[kind]);
    if (!tuning->cache)
        return;
    rocksdb_compactionfilter_destroy(tuning->queue_filter.rocks);
    rocksdb_compactionfilter_destroy(tuning->dedup_filter.rocks);
    rocksdb_compactionfilter_destroy(tuning->stats_filter.rocks);
    rocksdb_cache_destroy(tuning->cache);
}
