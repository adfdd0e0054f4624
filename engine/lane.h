/* lane.h - the deliveries of one key of an ordered endpoint: one at a time, in order of event.
 *
 *   the first     is ready, being sent, or waits for its retry
 *   the others    are behind it (STATE_BEHIND), in memory
 *   the rest      is on disk alone
 *
 * Strict ordering is one lane; ordering by a key has a lane for each key with deliveries in memory.
 * Events without the key, or whose payload is not JSON, have a lane of their own together. A lane
 * is in no list of what could be sent but for its first delivery, so turns, gates and pages need
 * not know of it. One that runs empty is freed, and if it has a rest, that is read from disk again.
 *
 * Order is that of event ids. Who can tell an order can tell only that an event was answered before
 * another was published, and then it has the lower id (intake_order()) and is known here when the
 * other is: what has come is all taken in before anything is sent.
 *
 * Invariant: no delivery is on disk alone while a later one of its lane is in memory and has not
 * been begun. So a lane is parked from its end; what comes is parked if its lane has a rest, or its
 * endpoint has rows that were not looked at; and a page is taken in only up to what was parked
 * since it was asked for.
 */
#ifndef ENGINE_LANE_H
#define ENGINE_LANE_H

#include "base/id.h"
#include "base/list.h"
#include "base/must.h"
#include "base/pool.h"
#include "base/table.h"

struct delivery;
struct endpoint;
struct shard;
struct subscription;

struct lane {
    struct table_node node;
    struct list_node link;    /* among its endpoint's */
    struct list_node members; /* deliveries in order of event, by `beside` */
    struct endpoint *endpoint;
    uint64_t key;
    struct id rest; /* the lowest event of the rest; zero: there is none */
    unsigned count;
};

struct lanes {
    struct pool pool;
    struct table table;
};

MUST_CHECK int lanes_open(struct lanes *lanes, unsigned count);
void lanes_close(struct lanes *lanes);

/* The key that an event with this payload has for the subscription, hashed: two that share a hash
 * are one lane. */
uint64_t lane_key(struct shard *shard, const struct subscription *subscription,
                  struct slice payload);

/* Whether a fresh delivery may be held in memory. */
bool lane_admits(const struct shard *shard, const struct endpoint *endpoint, uint64_t key);

/* Whether so much of an ordered endpoint waits for retries that nothing else of it goes on: all
 * of it if its order is strict, else very many keys. */
bool lane_is_held_up(const struct endpoint *endpoint);

/* Whether an ordered endpoint takes no more rows into memory now: for that, for having enough, or
 * because the only lane has a rest. */
bool lane_ends_page(const struct shard *shard, const struct endpoint *endpoint);

/* Whether a row that was read back is to be held in memory; if not, it is of the rest now.
 * `is_early`: of a retry that is not due. */
bool lane_takes(struct shard *shard, struct endpoint *endpoint, uint64_t key,
                const struct id *event, bool is_early);

/* Puts the delivery into its lane, unless it is in one, or its endpoint is not ordered. Whether
 * none of its lane is before it. */
bool lane_enter(struct shard *shard, struct delivery *delivery);

/* Takes it out of its lane, if it is in one. Returns the one that is the first by that; or NULL. */
struct delivery *lane_leave(struct shard *shard, struct delivery *delivery);

/* Notes that an event is on disk alone. False: that is for the endpoint to do, since the lane has
 * nothing in memory, or is the only one. */
bool lane_has_rest(struct shard *shard, const struct endpoint *endpoint, uint64_t key,
                   const struct id *event);

struct delivery *lane_first(const struct lane *lane);

/* The last delivery of its lane; itself if it is in none. */
struct delivery *lane_last(struct delivery *delivery);

/* The one after it in its lane, or NULL. */
struct delivery *lane_after(const struct delivery *delivery);

/* The first delivery in `lane` after `event` that has not been begun; or NULL. Zero: of all. */
struct delivery *lane_idle(const struct lane *lane, const struct id *event);

/* NULL: it has nothing in memory. */
struct lane *lane_find(const struct shard *shard, const struct endpoint *endpoint, uint64_t key);

#endif
