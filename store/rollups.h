/* rollups.h - the attempts logs, summed up: a view that is brought up to date in small steps.
 *
 * A step reads some records of the logs, from where the last one ended, and adds them up by
 * subscription and by tenant in spans of 10 s, 1 min and 1 h. When all was read, or enough, it
 * writes what they add together with how far each log was read: one batch, not synced. The batch
 * comes after the blocks it sums up in the one log of RocksDB, so whatever a crash takes, sums and
 * logs agree: nothing counts twice, nothing is left out.
 *
 * Memory: ROLLUPS_LIVE spans of 10 s at a time, whatever the number of subscriptions; a step with
 * more of them ends early. One thread's.
 */
#ifndef STORE_ROLLUPS_H
#define STORE_ROLLUPS_H

#include "store/db.h"
#include "store/rollup.h"

enum { ROLLUPS_LIVE = 512 };

struct rollups_figures {
    uint64_t attempts;     /* records that were summed up */
    uint64_t blocks_lost;  /* retention took them before they were read: at most so many */
    uint64_t rows_damaged; /* sums that were begun anew, or blocks that were passed over */
    uint64_t as_of_ms;     /* all attempts that were on record then are in the sums; 0: none yet */
};

struct rollups;

/* Reads how far it was. 0 or -errno. `on_dead`, if not NULL, is told of each attempt that is
 * summed up and after which its delivery was given up; once more if it was not written. */
MUST_CHECK int rollups_open(struct rollups **rollups, struct db *db,
                            void (*on_dead)(void *context, const struct attempt_record *attempt),
                            void *context);
void rollups_close(struct rollups *rollups); /* NULL is allowed */

/* From now on, nothing is summed up for tenants that `knows` does not know; its context is that of
 * open. */
void rollups_sum_only(struct rollups *rollups,
                      bool (*knows)(void *context, const struct id *tenant));

/* One step over at most `records_max` records. *more: there is more to be read. -EIO, -ENOMEM:
 * nothing was written, and the next step begins where the last writing ended. */
MUST_CHECK int rollups_step(struct rollups *rollups, unsigned records_max, uint64_t now_ms,
                            bool *more);

/* Of what is written. */
struct rollups_figures rollups_figures(const struct rollups *rollups);

#endif
