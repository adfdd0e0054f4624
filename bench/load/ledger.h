/* ledger.h - who was promised what, and who got what: for every event the answer that it met, and
 * for every delivery that is owed how often it came.
 *
 * Subscriptions are in groups of `fan_out`; the events are dealt to the groups in turn, so event n
 * is owed to subscriptions (n % groups) * fan_out and the fan_out - 1 after it.
 *
 * Memory: a byte for each event and for each delivery owed, reserved at once and touched as events
 *   come.
 * Threads: ledger_note() is one thread's, ledger_deliver() another's; ledger_audit() when both have
 *   ended.
 */
#ifndef LOAD_LEDGER_H
#define LOAD_LEDGER_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

enum event_fate {
    EVENT_UNSENT,
    EVENT_ACCEPTED, /* answered 202: every delivery is owed */
    EVENT_UNKNOWN,  /* the connection was lost before the answer: may be delivered or not */
    EVENT_REFUSED,  /* answered otherwise, and not tried again */
};

struct ledger {
    uint8_t *fates, *counts;
    uint64_t events_max;
    unsigned fan_out, groups;
    unsigned owed_from; /* groups before this one are owed nothing; the opener sets it */
};

/* `subscriptions` must be a multiple of `fan_out`. 0, or -ENOMEM. */
MUST_CHECK int ledger_open(struct ledger *ledger, uint64_t events_max, unsigned subscriptions,
                           unsigned fan_out);
void ledger_close(struct ledger *ledger);

static inline unsigned ledger_group(const struct ledger *ledger, uint64_t event)
{
    return (unsigned)(event % ledger->groups);
}

/* `event` must be below events_max. */
void ledger_note(struct ledger *ledger, uint64_t event, enum event_fate fate);

enum delivery_turn {
    DELIVERY_FIRST,
    DELIVERY_AGAIN,
    DELIVERY_STRAY, /* there is no such event, or it is not owed to that subscription */
};

enum delivery_turn ledger_deliver(struct ledger *ledger, uint64_t event, unsigned subscription);

struct audit {
    uint64_t accepted, unknown, refused; /* events */
    uint64_t owed;                       /* deliveries of accepted events */
    uint64_t lost;                       /* of those, the ones that never came */
    uint64_t delivered;                  /* different deliveries that came, of any event */
    uint64_t duplicated;                 /* deliveries that came beyond the first of their kind */
    uint64_t of_unknown, of_refused;     /* deliveries among `delivered` of events not accepted */
};

/* Deliveries of events that were accepted, or may have been. When ledger_note() is done. */
uint64_t ledger_awaited(const struct ledger *ledger);

void ledger_audit(const struct ledger *ledger, struct audit *audit);

#endif
