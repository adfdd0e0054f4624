/* route.h - which subscriptions of a tenant want an event, by its type and channels.
 *
 * A pattern is an exact type, a glob "a.b.*" (one or more segments follow), or "*" (all but
 * alerts). Each
 * pattern is one entry of a hash table, so a match looks up the type, its prefixes and "*": the
 * cost depends on the number of segments and of matches, not on the number of subscriptions.
 *
 * Memory: allocated when subscriptions change, never by a match. One thread's.
 */
#ifndef ENGINE_ROUTE_H
#define ENGINE_ROUTE_H

#include "base/list.h"
#include "base/table.h"
#include "subscription.h"

struct route {
    struct table patterns;
};

MUST_CHECK int route_open(struct route *route);
void route_close(struct route *route);

/* The subscription is borrowed until it is removed. 0, or -ENOMEM (then nothing of it is there). */
MUST_CHECK int route_add(struct route *route, const struct subscription *subscription);
void route_remove(struct route *route, const struct subscription *subscription);

/* Finds the subscriptions for an event of `type` with `channels` (channels.h), each once: stores up
 * to `max` in `matches`, and returns how many there are. */
unsigned route_match(const struct route *route, struct slice type, struct slice channels,
                     const struct subscription **matches, unsigned max);

#endif
