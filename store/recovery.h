/* recovery.h - what has to be done between opening the database and the first event.
 *
 *   1. Deliveries that were on their way: from the mark of each shard's last events block (or the
 * place an earlier recovery reached, kept in meta), every (event, subscription) of a block at or
 * after it that no attempts block with the same or a later commit mentions gets a 'P' row. So after
 * recovery every unfinished delivery has a row, and recovery stays short.
 *   2. Another number of shards than last time: rows move to the queue of their subscription's new
 * home. Both are done in bounded batches, and both may be interrupted and done again.
 */
#ifndef STORE_RECOVERY_H
#define STORE_RECOVERY_H

#include "store/db.h"

enum { RECOVERY_WHY_SIZE = 256 };

struct recovery_report {
    uint64_t blocks_read, events_read, deliveries_parked, rows_moved;
    uint64_t next_event_block[DB_SHARDS_MAX]; /* where each shard goes on: after the last, with a
                                                 gap (an id is never given twice, even if the last
                                                 blocks were lost) */
    uint64_t next_attempt_block[DB_SHARDS_MAX];
};

/* `progress` may be NULL: called about once a second of work. 0, or -errno with `why`. */
MUST_CHECK int recovery_run(struct db *db, unsigned shards, struct recovery_report *report,
                            void (*progress)(const struct recovery_report *so_far),
                            char why[static RECOVERY_WHY_SIZE]);

#endif
