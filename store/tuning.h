/* tuning.h - what each family of RocksDB is tuned for: its options, block cache and compaction
 * filters. For db.c only.
 *
 * Ownership: must outlive the database that was opened with it, and stay where it is.
 */
#ifndef STORE_TUNING_H
#define STORE_TUNING_H

#include "store/db.h"

/* What compaction drops of a family. */
struct tuning_filter {
    const struct tuning *tuning;
    const char *name;
    bool (*drops)(const struct tuning *tuning, struct slice key, struct slice value);
    struct rocksdb_compactionfilter_t *rocks;
};

struct tuning {
    struct rocksdb_cache_t *cache;
    struct rocksdb_options_t
        *options[FAMILY_QUEUE + 1]; /* by enum family_kind; default has meta's */
    struct tuning_filter queue_filter, dedup_filter, stats_filter;
    uint64_t retention_ms, dedup_window_ms;
};

/* `shards`: how many there are on disk or are to be. 0, or -errno and RocksDB's words; close it
 * either way. */
MUST_CHECK int tuning_open(struct tuning *tuning, const struct db_options *wanted, unsigned shards,
                           char why[static DB_WHY_SIZE]);
void tuning_close(struct tuning *tuning);

/* The log is to be read as far as it is whole, and the rest given up. */
void tuning_trust_the_log_to_its_tear(struct tuning *tuning);

#endif
