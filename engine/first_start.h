/* first_start.h - what has to be in `meta` before anybody can use the engine: the default tenant
 * and the admin key.
 *
 * There is one built-in admin key; its id is zero. It is made at the first start and written to
 * DATA/admin.key (mode 0600), unless GRAPNEL_ADMIN_KEY gives it, which at each start takes the
 * place of the one before.
 */
#ifndef ENGINE_FIRST_START_H
#define ENGINE_FIRST_START_H

#include "registry.h"

enum { FIRST_START_WHY_SIZE = 256 };

/* 0, or -errno and `why`. */
MUST_CHECK int first_start(struct registry *registry, struct db *db, const char *data,
                           char why[static FIRST_START_WHY_SIZE]);

#endif
