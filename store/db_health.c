/* db_health.c - how RocksDB stands: the figures of db.h. */
#include "store/db_inside.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

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

/* Of the log's files, which lie beside the others. */
static uint64_t log_bytes(const struct db *db)
{
    uint64_t bytes = 0;
    DIR *folder = opendir(db->path);
    const struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        const char *end = strrchr(entry->d_name, '.');
        struct stat file;
        if (end && strcmp(end, ".log") == 0 && fstatat(dirfd(folder), entry->d_name, &file, 0) == 0)
            bytes += (uint64_t)file.st_size;
    }
    if (folder)
        closedir(folder);
    return bytes;
}

void db_figures(struct db *db, struct db_figures *figures)
{
    *figures = (struct db_figures){
        .cache_bytes = rocksdb_cache_get_usage(db->tuning.cache),
        .log_bytes = log_bytes(db),
        .write_stopped = database_figure(db, "rocksdb.is-write-stopped") != 0,
        .write_slowed = database_figure(db, "rocksdb.actual-delayed-write-rate") != 0,
        .flushes = database_figure(db, "rocksdb.num-running-flushes"),
        .compactions = database_figure(db, "rocksdb.num-running-compactions"),
        .background_errors = database_figure(db, "rocksdb.background-errors"),
    };
    for (size_t i = 0; i < families_count(db->shards); i++) {
        enum family_kind kind = families_kind(i);
        figures->memtable_bytes += family_figure(db, i, "rocksdb.size-all-mem-tables");
        figures->keys[kind] += family_figure(db, i, "rocksdb.estimate-num-keys");
        figures->live_bytes[kind] += family_figure(db, i, "rocksdb.live-sst-files-size");
        figures->pending_compaction_bytes[kind] +=
            family_figure(db, i, "rocksdb.estimate-pending-compaction-bytes");
        figures->level0_files[kind] += level0_files(db, i);
    }
}

void db_reads(struct db_reads *reads)
{
    static _Thread_local bool is_counting;
    rocksdb_perfcontext_t *context = rocksdb_perfcontext_create(); /* the thread's own */
    if (!is_counting) {
        rocksdb_set_perf_level(rocksdb_enable_count);
        rocksdb_perfcontext_reset(context);
        is_counting = true;
    }
    *reads = (struct db_reads){
        .cache_hits = rocksdb_perfcontext_metric(context, rocksdb_block_cache_hit_count),
        .blocks = rocksdb_perfcontext_metric(context, rocksdb_block_read_count),
        .bytes = rocksdb_perfcontext_metric(context, rocksdb_block_read_byte),
    };
    rocksdb_perfcontext_destroy(context);
}
