/* directory.h - a shard's own view of tenants, keys, subscriptions and event types.
 *
 * Objects are control's and immutable; this only finds them. Changed by MAIL_DIRECTORY alone.
 * Memory: allocated when something changes, never by a look-up.
 */
#ifndef ENGINE_DIRECTORY_H
#define ENGINE_DIRECTORY_H

#include "access_key.h"
#include "mail.h"
#include "route.h"
#include "tenant.h"

struct directory {
    struct table tenants, keys, subscriptions, event_types;
    struct table names; /* of tenants, and their uids */
};

MUST_CHECK int directory_open(struct directory *directory);
void directory_close(struct directory *directory);

/* Takes over a change. Out of memory stops the process: a shard that has not the others' view
 * cannot go on. */
void directory_apply(struct directory *directory, const struct mail_directory *change);

/* A key as the shard knows it, with when it was last used here (uses.h). */
struct known_key {
    struct table_node node;
    const struct access_key *key;
    struct list_node fresh; /* among those that control has to hear of */
    uint64_t used_ms;
};

/* Each NULL if there is none. `hash`: SHA-256 of the key's text. */
struct known_key *directory_key(const struct directory *directory, const uint8_t hash[static 32]);
const struct tenant *directory_tenant(const struct directory *directory, const struct id *id);
const struct tenant *directory_find_tenant(const struct directory *directory,
                                           struct slice text); /* its id, its name or its uid */
const struct subscription *directory_subscription(const struct directory *directory,
                                                  const struct id *id);

const struct event_type *directory_event_type(const struct directory *directory,
                                              const struct id *tenant, struct slice name);

/* The subscriptions of a tenant that want this event. As route_match(). */
unsigned directory_match(const struct directory *directory, const struct id *tenant,
                         struct slice type, struct slice channels,
                         const struct subscription **matches, unsigned max);

#endif
