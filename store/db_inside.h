/* db_inside.h - what db.c and db_health.c both know of a database. For nobody else. */
#ifndef STORE_DB_INSIDE_H
#define STORE_DB_INSIDE_H

#include "store/db.h"
#include "store/families.h"
#include "store/tuning.h"
#include "store/watermark.h"

#include <rocksdb/c.h>

struct db {
    rocksdb_t *rocks;
    struct tuning tuning;
    struct watermark watermark;
    rocksdb_readoptions_t *read, *read_once;
    rocksdb_writeoptions_t *write, *write_synced;
    rocksdb_column_family_handle_t *handles[FAMILIES_MAX]; /* by families_index() */
    unsigned shards;
    char path[]; /* of its directory */
};

#endif
