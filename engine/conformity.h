/* conformity.h - whether an event is as its tenant's catalogue of event types says.
 *
 * The type has to be in the catalogue. A type with versions says what payloads are: that of the
 * event's `version`, which has to be one of them, or the last one if the event names none.
 *
 * A shard's thread. Memory: the parser's, which grows to the largest payload that it has met.
 */
#ifndef ENGINE_CONFORMITY_H
#define ENGINE_CONFORMITY_H

#include "directory.h"
#include "envelope.h"

enum conformity { CONFORMITY_FULL, CONFORMITY_DEPRECATED, CONFORMITY_NONE };

struct conformity_wish {
    const struct id *tenant;
    const struct envelope *envelope;
    const char *base;   /* where the event is in the request's body */
    const char *member; /* and its payload in the event */
};

/* With CONFORMITY_NONE, `faults` says why. */
MUST_CHECK enum conformity conformity_check(const struct directory *directory, struct json *json,
                                            const struct conformity_wish *wish,
                                            struct faults *faults);

#endif
