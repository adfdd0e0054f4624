/* dead_walk.h - the events that have dead letters, newest first.
 *
 * Dead letters are rows by subscription. Those of all subscriptions are merged: each takes a seek
 * to begin with, however many have none. One thread's.
 */
#ifndef STORE_DEAD_WALK_H
#define STORE_DEAD_WALK_H

#include "base/id.h"
#include "store/db.h"

enum { DEAD_WALK_SUBSCRIPTIONS = 1000 };

struct dead_walk;

/* Whose they are, and of when. */
struct dead_walk_range {
    const struct id *subscription; /* NULL: of all that `owns` says yes to */
    bool (*owns)(void *context, const struct id *subscription); /* NULL: of all */
    void *context;
    struct id last; /* the newest event that is asked for */
    uint64_t since_ms;
};

/* `shards`: the number of shards now (rows are at their homes). -E2BIG: more than
 * DEAD_WALK_SUBSCRIPTIONS subscriptions have dead letters. -EAGAIN: there were many that are not
 * there any more, and have not been compacted away (cursor_open_hasty()). */
MUST_CHECK int dead_walk_open(struct dead_walk **walk, struct db *db, unsigned shards,
                              const struct dead_walk_range *range);
void dead_walk_close(struct dead_walk *walk); /* NULL is allowed */

/* The next event, each once. 0; -ENOENT at the end; -EAGAIN as above: somewhere behind the last
 * one; -EBADMSG; -EIO. */
MUST_CHECK int dead_walk_next(struct dead_walk *walk, struct id *event);

/* How often a row was looked for so far. */
uint64_t dead_walk_work(const struct dead_walk *walk);

#endif
