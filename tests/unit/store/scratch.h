/* scratch.h - a database in a directory of its own, for one test: made by scratch_open(), gone
 * after scratch_close(). scratch_reopen() is an orderly stop and a new start. */
#ifndef TESTS_UNIT_STORE_SCRATCH_H
#define TESTS_UNIT_STORE_SCRATCH_H

#include "store/db.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct scratch {
    struct db *db;
    char path[256];
    struct db_options options;
};

static inline int scratch_remove_one(const char *path, const struct stat *stat, int type,
                                     struct FTW *where)
{
    (void)stat, (void)type, (void)where;
    return remove(path);
}

static inline void scratch_start(struct scratch *scratch)
{
    char why[DB_WHY_SIZE];
    int error = db_open(&scratch->db, scratch->path, &scratch->options, why);
    cr_assert_eq(error, 0, "%s", why);
}

static inline void scratch_stop(struct scratch *scratch)
{
    db_close(scratch->db);
    scratch->db = NULL;
}

static inline void scratch_reopen(struct scratch *scratch)
{
    scratch_stop(scratch);
    scratch_start(scratch);
}

static inline void scratch_open(struct scratch *scratch, unsigned shards)
{
    const char *folder = getenv("TMPDIR");
    snprintf(scratch->path, sizeof scratch->path, "%s/grapnel-store-XXXXXX",
             folder ? folder : "/tmp");
    cr_assert_not_null(mkdtemp(scratch->path));
    scratch->options = (struct db_options){
        .shards = shards,
        .memory_bytes = 64 << 20,
        /* Tests have a time of their own, years ago. */
        .retention_ms = UINT64_C(100) * 365 * 24 * 3600 * 1000,
        .dedup_window_ms = UINT64_C(100) * 365 * 24 * 3600 * 1000,
    };
    scratch_start(scratch);
}

static inline void scratch_close(struct scratch *scratch)
{
    scratch_stop(scratch);
    nftw(scratch->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
