/* observer.h - what control sees of deliveries: it sums up the attempts logs, a little at a time.
 *
 * Control's thread. Shards know nothing of it.
 */
#ifndef ENGINE_OBSERVER_H
#define ENGINE_OBSERVER_H

#include "store/rollups.h"

struct observer {
    struct rollups *rollups;
    uint64_t again_ms; /* monotonic: when to go on */
    bool is_failing;   /* and that was said */
    uint64_t lost;     /* blocks that were said to be lost */
};

MUST_CHECK int observer_open(struct observer *observer, struct db *db);
void observer_close(struct observer *observer); /* a zeroed one is allowed */

/* Does a little of what there is to do. Returns the monotonic ms at which to be called next. */
uint64_t observer_turn(struct observer *observer, uint64_t now_ms);

#endif
