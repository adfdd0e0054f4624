/* event_scan.h - the events of all shards from a place on, oldest first: for work that goes through
 * many of them in steps, and may be taken up again after a restart.
 *
 * The place is the last event seen of each shard, since an event's id tells where it is; so nothing
 * is missed or seen twice whatever the clock did meanwhile. Among shards the order is that of ids;
 * within one it is that of acceptance, so where the clock was set back ids go down. One thread's.
 */
#ifndef STORE_EVENT_SCAN_H
#define STORE_EVENT_SCAN_H

#include "store/db.h"
#include "store/record.h"

struct event_scan;

/* `reached`: db_shards() ids, each the last event seen of the shard, or zero: then it begins at
 * since_ms or somewhat before. It ends at until_ms or somewhat after: the caller passes over what
 * it does not want. A step back of the clock by more than EVENT_SCAN_MARGIN_MS may hide events at
 * either end. */
enum { EVENT_SCAN_MARGIN_MS = 120 * 1000 };
MUST_CHECK int event_scan_open(struct event_scan **scan, struct db *db, const struct id *reached,
                               uint64_t since_ms, uint64_t until_ms);
void event_scan_close(struct event_scan *scan); /* NULL is allowed */

/* The next event that is no duplicate; its slices stay until the next call. `commit`: of its block.
 * 0; -ENOENT at the end; -EBADMSG; -EIO. */
MUST_CHECK int event_scan_next(struct event_scan *scan, struct event_record *event,
                               uint64_t *commit);

/* How many records were read so far: the measure of a budget. */
uint64_t event_scan_work(const struct event_scan *scan);

#endif
