/* catalogue.h - how much room there is for event types: how many a tenant may have, and how much
 * memory they may take, those of one tenant and those of all (budget.h).
 *
 * What a change takes is what comes less what goes. Control's thread.
 */
#ifndef ENGINE_CATALOGUE_H
#define ENGINE_CATALOGUE_H

#include "registry.h"

struct config;

enum { CATALOGUE_TENANTS = 2 }; /* of the memory, a tenant's part is one in this */

struct catalogue_room {
    size_t types, own_bytes, bytes; /* the tenant's, the tenant's, everybody's */
};

enum catalogue_answer {
    CATALOGUE_HAS_ROOM,
    CATALOGUE_TOO_MANY,  /* the tenant would have more than it may */
    CATALOGUE_TOO_LARGE, /* they would take more memory than a tenant's may */
    CATALOGUE_FULL,      /* all of them together would */
};

/* What is left for the tenant. */
struct catalogue_room catalogue_room(const struct registry *registry, const struct id *tenant,
                                     const struct config *config);

/* Takes from the room what `after` needs in the place of `before` (NULL: it is new). What does not
 * take more than before has room in any case. Unless the answer is HAS_ROOM nothing is taken. */
enum catalogue_answer catalogue_take(struct catalogue_room *room, const struct event_type *before,
                                     const struct event_type *after);

/* What to tell the tenant, and with which status: 409 if the others are its own, 507 if not. */
const char *catalogue_refusal(enum catalogue_answer answer, int *status);

#endif
