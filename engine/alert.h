/* alert.h - the engine's own events: their types, which producers may not use, and what a
 * subscription has to say to get them.
 *
 * An alert goes to those that name it, exactly or by a glob of its first part ("endpoint.*"); the
 * bare "*" stands for all events of producers, and for none of these. Plain functions.
 */
#ifndef ENGINE_ALERT_H
#define ENGINE_ALERT_H

#include "base/slice.h"

enum alert_kind {
    ALERT_ENDPOINT_DISABLED,
    ALERT_ENDPOINT_FAILING,
    ALERT_ENDPOINT_RECOVERED,
    ALERT_DELIVERY_DEAD,
    ALERT_SLA_BREACHED,
    ALERT_STORAGE_LOW,
    ALERT_KINDS,
};

const char *alert_type(enum alert_kind kind);

/* Whether events of this type are the engine's own. */
bool alert_is_type(struct slice type);

/* Whether a subscription with this pattern gets some of them. */
bool alert_is_named_by(struct slice pattern);

#endif
