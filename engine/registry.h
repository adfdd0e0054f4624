/* registry.h - all tenants, keys, subscriptions and event types as they are now: control's own view
 * of `meta`.
 *
 * It keeps the objects in order of their ids, which is the order of their making. It owns what it
 * holds; what is taken out by a put or a drop belongs to the caller, who has to wait for the shards
 * before freeing it (see changes.h).
 */
#ifndef ENGINE_REGISTRY_H
#define ENGINE_REGISTRY_H

#include "access_key.h"
#include "base/table.h"
#include "event_type.h"
#include "store/db.h"
#include "subscription.h"
#include "tenant.h"

enum { REGISTRY_WHY_SIZE = 256 };

/* Pointers to objects, sorted by the id that is at `id_offset` in each. */
struct shelf {
    void **items;
    size_t count, room, id_offset;
};

struct registry {
    struct shelf tenants, keys, subscriptions, event_types;
    struct table keys_by_hash, subscriptions_by_uid, tenants_by_name, event_types_by_name;
};

MUST_CHECK int registry_open(struct registry *registry);
void registry_close(struct registry *registry); /* with all that it holds */

/* Reads `meta`. 0, or -errno and `why`. */
MUST_CHECK int registry_load(struct registry *registry, struct db *db, struct vault *vault,
                             char why[static REGISTRY_WHY_SIZE]);

/* Each NULL if there is none. */
struct tenant *registry_tenant(const struct registry *registry, const struct id *id);
struct tenant *registry_tenant_named(const struct registry *registry,
                                     struct slice name); /* its name or its uid */
struct tenant *registry_find_tenant(const struct registry *registry,
                                    struct slice text); /* its id, its name or its uid */
struct access_key *registry_key(const struct registry *registry,
                                const uint8_t hash[static KEY_HASH_SIZE]);
struct access_key *registry_key_with_id(const struct registry *registry, const struct id *id);
struct subscription *registry_subscription(const struct registry *registry, const struct id *id);
struct subscription *registry_subscription_with_uid(const struct registry *registry,
                                                    const struct id *tenant, const char *uid);
struct event_type *registry_event_type(const struct registry *registry, const struct id *tenant,
                                       struct slice name);

/* Where to begin a walk backwards from what comes before `id` (NULL: from the newest): the walk's
 * next is items[start - 1]. */
size_t shelf_before(const struct shelf *shelf, const struct id *id);
const struct id *shelf_id(const struct shelf *shelf, size_t i);

/* Puts an object in, or in the place of that with its id. 0, or -ENOMEM (then nothing has changed).
 */
MUST_CHECK int registry_put_tenant(struct registry *registry, struct tenant *tenant);
MUST_CHECK int registry_put_key(struct registry *registry, struct access_key *key);
MUST_CHECK int registry_put_subscription(struct registry *registry,
                                         struct subscription *subscription);
MUST_CHECK int registry_put_event_type(struct registry *registry, struct event_type *type);
void registry_drop_key(struct registry *registry, const struct id *id);
void registry_drop_subscription(struct registry *registry, const struct id *id);
void registry_drop_event_type(struct registry *registry, const struct event_type *type);

/* All that there is of one tenant, in order of ids; the arrays are the holder's to free. */
struct estate {
    struct tenant *tenant;
    struct access_key **keys;
    struct subscription **subscriptions;
    struct event_type **event_types;
    size_t key_count, subscription_count, event_type_count;
};

/* Lists it. 0 or -ENOMEM. */
MUST_CHECK int registry_list_estate(const struct registry *registry, struct tenant *tenant,
                                    struct estate *estate);

/* Takes all of it out. Nothing may have been put or dropped since it was listed. */
void registry_drop_estate(struct registry *registry, const struct estate *estate);

#endif
