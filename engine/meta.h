/* meta.h - what the family `meta` holds, as control has it: tenants, keys and subscriptions, the
 * way of changing them, and the keys that their secrets are sealed by.
 *
 * Control's thread.
 */
#ifndef ENGINE_META_H
#define ENGINE_META_H

#include "changes.h"
#include "config.h"
#include "last_use.h"
#include "rekey.h"

struct meta {
    struct vault *vault;
    struct audit audit;
    struct answers answers;
    struct registry registry;
    struct changes changes;
    struct rekey rekey;
    struct last_use uses;
    size_t rotation_at; /* in rotation_sweep() */
    int prune_error;    /* of the audit log; told once */
    bool is_open;
};

enum { META_WHY_SIZE = 256 };

/* Reads all of it; seals what is not sealed by present keys; and makes the default tenant and the
 * admin key at the first start. 0, or -errno and `why`. */
MUST_CHECK int meta_open(struct meta *meta, const struct config *config, struct crew *crew,
                         struct db *db, char why[static META_WHY_SIZE]);

/* Drops a little of what is over: now and then. */
void meta_tidy(struct meta *meta, const struct config *config, uint64_t now_ms);

/* Half open ones are allowed. */
void meta_close(struct meta *meta);

#endif
