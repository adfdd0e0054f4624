/* losses.h - deliveries given up, told as alerts: the first of a subscription at once, the others
 * once a minute, counted.
 *
 * What a subscription loses that is an alert itself is not told: it would be about alerts without
 * end. At most LOSSES_MAX subscriptions are kept in mind; the losses of more are counted only.
 *
 * Control's thread.
 */
#ifndef ENGINE_LOSSES_H
#define ENGINE_LOSSES_H

#include "alerts.h"
#include "base/table.h"
#include "registry.h"
#include "store/backlog.h"

enum { LOSSES_MAX = 1024 };

struct losses {
    struct alerts *alerts;
    const struct registry *registry;
    struct event_reader *events;
    struct table table;
    struct loss *list; /* LOSSES_MAX; the first `count` are in use */
    unsigned count;
    uint64_t untold; /* deliveries */
};

MUST_CHECK int losses_open(struct losses *losses, struct alerts *alerts,
                           const struct registry *registry, struct db *db);
void losses_close(struct losses *losses); /* a zeroed one is allowed */

/* An attempt after which its delivery was given up. */
void losses_note(struct losses *losses, const struct attempt_record *attempt);

/* Raises what is due. */
void losses_turn(struct losses *losses, uint64_t now_ms);

#endif
