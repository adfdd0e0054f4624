/* standings.h - how a batch of deliveries stand: add them, settle the batch, then show each.
 *
 * A delivery's own row tells, else its parked row, else the attempts log. One thread's.
 */
#ifndef STORE_STANDINGS_H
#define STORE_STANDINGS_H

#include "store/history.h"

enum { STANDINGS_MAX = 1024 };

struct standings;

/* `statuses`: bits 1 << enum delivery_status that are asked for; 0: all. */
MUST_CHECK int standings_open(struct standings **standings, struct db *db, unsigned home_shards,
                              unsigned statuses);
void standings_close(struct standings *standings); /* NULL is allowed */

/* The id of an event's delivery to its subscription number `index`. */
struct id standings_delivery_id(const struct event_record *event, uint32_t index);

/* Adds it. `commit`: of the event's block. There must be room. */
void standings_add(struct standings *standings, const struct event_record *event, uint32_t index,
                   uint64_t commit);
size_t standings_count(const struct standings *standings);

/* Finds out about all of them. *work grows by what that cost: reading a record is 1. */
MUST_CHECK int standings_settle(struct standings *standings, uint64_t *work);

/* After settle(): calls `each` with delivery number `i`, unless its status is not asked for or its
 * event is gone; *shown says whether. 0, what `each` returned, or -errno. */
MUST_CHECK int standings_show(struct standings *standings, size_t i,
                              int (*each)(void *context, const struct delivery_view *delivery),
                              void *context, bool *shown);
const struct id *standings_event(const struct standings *standings, size_t i);
const struct id *standings_delivery(const struct standings *standings, size_t i);

/* After settle(): its attempts, first to last. 0, what `each` returned, or -errno. */
MUST_CHECK int standings_attempts(struct standings *standings, size_t i,
                                  int (*each)(void *context, const struct attempt_record *attempt),
                                  void *context);

/* After settle(): how it stands, as its 'D' row in the queue of its home would say. `row` is whole
 * also if it has none. 0 or -errno. */
MUST_CHECK int standings_row(struct standings *standings, size_t i, struct delivery_row *row);

/* Whether nothing tells how it stands: no row, and no attempt that was found. */
bool standings_is_traceless(const struct standings *standings, size_t i);

void standings_clear(struct standings *standings);

#endif
