/* event_walk.h - the events of all shards, newest first.
 *
 * The order is that of ids, so of time, as long as the ids of each shard ascend. One thread's.
 */
#ifndef STORE_EVENT_WALK_H
#define STORE_EVENT_WALK_H

#include "store/db.h"
#include "store/record.h"

struct event_walk;

/* `before`: of an event or a delivery, the last one seen; NULL: from the newest. The walk begins
 * somewhat after what was asked for, never before it: the caller skips what it has seen and what is
 * not before until_ms (0: open). It ends with the blocks that reach to since_ms. */
MUST_CHECK int event_walk_open(struct event_walk **walk, struct db *db, const struct id *before,
                               uint64_t since_ms, uint64_t until_ms);
void event_walk_close(struct event_walk *walk); /* NULL is allowed */

/* The next event that is no duplicate; its slices stay until the next call. 0; -ENOENT at the end;
 * -EBADMSG; -EIO. */
MUST_CHECK int event_walk_next(struct event_walk *walk, struct event_record *event);

/* How many records were read so far: the measure of a budget. */
uint64_t event_walk_work(const struct event_walk *walk);

/* The commit that wrote the block of the event returned last. */
uint64_t event_walk_commit(const struct event_walk *walk);

#endif
