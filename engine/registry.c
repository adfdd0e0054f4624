/* registry.c - sorted arrays for order, and hash tables for what is not found by id.
 *
 * New ids are almost always the greatest, so an array grows at its end; reading `meta`, which is in
 * order of ids, is linear. A table's nodes point at objects; they are made before anything changes,
 * so that a put succeeds wholly or not at all.
 */
#include "registry.h"

#include "faults.h"
#include "store/documents.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct mark {
    struct table_node node;
    const void *item;
};

/* ---- shelves ---- */

const struct id *shelf_id(const struct shelf *shelf, size_t index)
{
    return (const struct id *)((const char *)shelf->items[index] + shelf->id_offset);
}

/* How many have an id below `id`. */
static size_t shelf_rank(const struct shelf *shelf, const struct id *id)
{
    size_t low = 0, high = shelf->count;
    if (high && memcmp(shelf_id(shelf, high - 1), id, sizeof *id) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(shelf_id(shelf, middle), id, sizeof *id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void *shelf_find(const struct shelf *shelf, const struct id *id)
{
    size_t rank = shelf_rank(shelf, id);
    return rank < shelf->count && id_equal(shelf_id(shelf, rank), id) ? shelf->items[rank] : NULL;
}

size_t shelf_before(const struct shelf *shelf, const struct id *id)
{
    return id ? shelf_rank(shelf, id) : shelf->count;
}

static int shelf_reserve(struct shelf *shelf)
{
    if (shelf->count < shelf->room)
        return 0;
    size_t room = shelf->room ? 2 * shelf->room : 16;
    void **items = realloc(shelf->items, room * sizeof *items);
    if (!items)
        return -ENOMEM;
    shelf->items = items;
    shelf->room = room;
    return 0;
}

/* There must be room. */
static void shelf_put(struct shelf *shelf, void *item)
{
    const struct id *id = (const struct id *)((char *)item + shelf->id_offset);
    size_t rank = shelf_rank(shelf, id);
    if (rank == shelf->count || !id_equal(shelf_id(shelf, rank), id)) {
        must(shelf->count < shelf->room);
        memmove(shelf->items + rank + 1, shelf->items + rank,
                (shelf->count - rank) * sizeof *shelf->items);
        shelf->count++;
    }
    shelf->items[rank] = item;
}

static void shelf_drop(struct shelf *shelf, const struct id *id)
{
    size_t rank = shelf_rank(shelf, id);
    must(rank < shelf->count && id_equal(shelf_id(shelf, rank), id));
    shelf->count--;
    memmove(shelf->items + rank, shelf->items + rank + 1,
            (shelf->count - rank) * sizeof *shelf->items);
}

/* Takes out all that are in `items`, which are `count` of the shelf's, in its order. */
static void shelf_drop_all(struct shelf *shelf, void *const *items, size_t count)
{
    size_t kept = 0, dropped = 0;
    for (size_t i = 0; i < shelf->count; i++) {
        if (dropped < count && shelf->items[i] == items[dropped])
            dropped++;
        else
            shelf->items[kept++] = shelf->items[i];
    }
    must(dropped == count);
    shelf->count = kept;
}

/* ---- marks ---- */

static uint64_t owned_hash(const struct id *tenant, struct slice name)
{
    return id_hash(tenant) ^ table_hash(name.at, name.size);
}

static uint64_t key_table_hash(const uint8_t hash[static KEY_HASH_SIZE])
{
    uint64_t start;
    memcpy(&start, hash, sizeof start);
    return start;
}

static uint64_t name_hash(const char *name)
{
    return table_hash(name, strlen(name));
}

/* By name and by uid. */
static bool is_called(const struct tenant *tenant, struct slice text)
{
    return slice_equal(slice_str(tenant->name), text) || slice_equal(slice_str(tenant->uid), text);
}

static void unmark(struct table *table, uint64_t hash, const void *item)
{
    for (struct table_node *node = table_first(table, hash); node; node = table_next(node)) {
        struct mark *mark = (struct mark *)node; /* its first member */
        if (mark->item != item)
            continue;
        table_drop(table, node);
        free(mark);
        return;
    }
}

static void close_marks(struct table *table)
{
    struct table_node *node;
    while ((node = table_walk(table, NULL)) != NULL) {
        table_drop(table, node);
        free(node);
    }
    table_close(table);
}

/* ---- life ---- */

int registry_open(struct registry *registry)
{
    *registry = (struct registry){
        .tenants.id_offset = offsetof(struct tenant, id),
        .keys.id_offset = offsetof(struct access_key, id),
        .subscriptions.id_offset = offsetof(struct subscription, id),
        .event_types.id_offset = offsetof(struct event_type, id),
    };
    struct table *const tables[] = {&registry->keys_by_hash, &registry->subscriptions_by_uid,
                                    &registry->tenants_by_name, &registry->event_types_by_name};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int error = table_open(tables[i], 64);
        if (error == 0)
            continue;
        while (i > 0)
            table_close(tables[--i]);
        return error;
    }
    return 0;
}

void registry_close(struct registry *registry)
{
    close_marks(&registry->keys_by_hash);
    close_marks(&registry->subscriptions_by_uid);
    close_marks(&registry->tenants_by_name);
    close_marks(&registry->event_types_by_name);
    for (size_t i = 0; i < registry->tenants.count; i++)
        tenant_free(registry->tenants.items[i]);
    for (size_t i = 0; i < registry->keys.count; i++)
        access_key_free(registry->keys.items[i]);
    for (size_t i = 0; i < registry->subscriptions.count; i++)
        subscription_free(registry->subscriptions.items[i]);
    for (size_t i = 0; i < registry->event_types.count; i++)
        event_type_free(registry->event_types.items[i]);
    free(registry->tenants.items);
    free(registry->keys.items);
    free(registry->subscriptions.items);
    free(registry->event_types.items);
}

/* ---- finding ---- */

struct tenant *registry_tenant(const struct registry *registry, const struct id *id)
{
    return shelf_find(&registry->tenants, id);
}

struct tenant *registry_tenant_named(const struct registry *registry, struct slice name)
{
    struct table_node *node =
        table_first(&registry->tenants_by_name, table_hash(name.at, name.size));
    for (; node; node = table_next(node)) {
        const struct tenant *tenant = ((struct mark *)node)->item;
        if (is_called(tenant, name))
            return shelf_find(&registry->tenants, &tenant->id);
    }
    return NULL;
}

struct tenant *registry_find_tenant(const struct registry *registry, struct slice text)
{
    struct id id;
    return id_parse(text, "ten", &id) == 0 ? registry_tenant(registry, &id)
                                           : registry_tenant_named(registry, text);
}

struct access_key *registry_key(const struct registry *registry,
                                const uint8_t hash[static KEY_HASH_SIZE])
{
    struct table_node *node = table_first(&registry->keys_by_hash, key_table_hash(hash));
    for (; node; node = table_next(node)) {
        const struct access_key *key = ((struct mark *)node)->item;
        if (memcmp(key->hash, hash, KEY_HASH_SIZE) == 0)
            return shelf_find(&registry->keys, &key->id);
    }
    return NULL;
}

struct access_key *registry_key_with_id(const struct registry *registry, const struct id *id)
{
    return shelf_find(&registry->keys, id);
}

struct subscription *registry_subscription(const struct registry *registry, const struct id *id)
{
    return shelf_find(&registry->subscriptions, id);
}

struct subscription *registry_subscription_with_uid(const struct registry *registry,
                                                    const struct id *tenant, const char *uid)
{
    struct table_node *node =
        table_first(&registry->subscriptions_by_uid, owned_hash(tenant, slice_str(uid)));
    for (; node; node = table_next(node)) {
        const struct subscription *found = ((struct mark *)node)->item;
        if (id_equal(&found->tenant, tenant) && strcmp(found->uid, uid) == 0)
            return shelf_find(&registry->subscriptions, &found->id);
    }
    return NULL;
}

struct event_type *registry_event_type(const struct registry *registry, const struct id *tenant,
                                       struct slice name)
{
    struct table_node *node = table_first(&registry->event_types_by_name, owned_hash(tenant, name));
    for (; node; node = table_next(node)) {
        const struct event_type *found = ((struct mark *)node)->item;
        if (id_equal(&found->tenant, tenant) && slice_equal(slice_str(found->name), name))
            return shelf_find(&registry->event_types, &found->id);
    }
    return NULL;
}

/* ---- changing ---- */

static void unmark_tenant(struct registry *registry, const struct tenant *tenant)
{
    unmark(&registry->tenants_by_name, name_hash(tenant->name), tenant);
    if (tenant->uid[0])
        unmark(&registry->tenants_by_name, name_hash(tenant->uid), tenant);
}

static void mark_tenant(struct registry *registry, struct mark *mark, const char *name,
                        const struct tenant *tenant)
{
    mark->item = tenant;
    table_put(&registry->tenants_by_name, &mark->node, name_hash(name));
}

int registry_put_tenant(struct registry *registry, struct tenant *tenant)
{
    bool has_uid = tenant->uid[0] != '\0';
    struct mark *mark = malloc(sizeof *mark), *second = has_uid ? malloc(sizeof *second) : NULL;
    if (!mark || (has_uid && !second) || shelf_reserve(&registry->tenants)) {
        free(mark);
        free(second);
        return -ENOMEM;
    }
    struct tenant *before = shelf_find(&registry->tenants, &tenant->id);
    if (before)
        unmark_tenant(registry, before);
    mark_tenant(registry, mark, tenant->name, tenant);
    if (second)
        mark_tenant(registry, second, tenant->uid, tenant);
    shelf_put(&registry->tenants, tenant);
    return 0;
}

int registry_put_key(struct registry *registry, struct access_key *key)
{
    struct mark *mark = malloc(sizeof *mark);
    if (!mark || shelf_reserve(&registry->keys)) {
        free(mark);
        return -ENOMEM;
    }
    struct access_key *before = shelf_find(&registry->keys, &key->id);
    if (before)
        unmark(&registry->keys_by_hash, key_table_hash(before->hash), before);
    mark->item = key;
    table_put(&registry->keys_by_hash, &mark->node, key_table_hash(key->hash));
    shelf_put(&registry->keys, key);
    return 0;
}

static void unmark_key(struct registry *registry, const struct access_key *key)
{
    unmark(&registry->keys_by_hash, key_table_hash(key->hash), key);
}

void registry_drop_key(struct registry *registry, const struct id *id)
{
    const struct access_key *key = registry_key_with_id(registry, id);
    must(key);
    unmark_key(registry, key);
    shelf_drop(&registry->keys, id);
}

static void unmark_uid(struct registry *registry, const struct subscription *subscription)
{
    if (subscription && subscription->uid)
        unmark(&registry->subscriptions_by_uid,
               owned_hash(&subscription->tenant, slice_str(subscription->uid)), subscription);
}

int registry_put_subscription(struct registry *registry, struct subscription *subscription)
{
    struct mark *mark = NULL;
    if (shelf_reserve(&registry->subscriptions))
        return -ENOMEM;
    if (subscription->uid && !(mark = malloc(sizeof *mark)))
        return -ENOMEM;

    unmark_uid(registry, registry_subscription(registry, &subscription->id));
    if (mark) {
        mark->item = subscription;
        table_put(&registry->subscriptions_by_uid, &mark->node,
                  owned_hash(&subscription->tenant, slice_str(subscription->uid)));
    }
    shelf_put(&registry->subscriptions, subscription);
    return 0;
}

void registry_drop_subscription(struct registry *registry, const struct id *id)
{
    unmark_uid(registry, registry_subscription(registry, id));
    shelf_drop(&registry->subscriptions, id);
}

static void unmark_type(struct registry *registry, const struct event_type *type)
{
    if (type)
        unmark(&registry->event_types_by_name, owned_hash(&type->tenant, slice_str(type->name)),
               type);
}

int registry_put_event_type(struct registry *registry, struct event_type *type)
{
    struct mark *mark = malloc(sizeof *mark);
    if (!mark || shelf_reserve(&registry->event_types)) {
        free(mark);
        return -ENOMEM;
    }
    unmark_type(registry, shelf_find(&registry->event_types, &type->id));
    mark->item = type;
    table_put(&registry->event_types_by_name, &mark->node,
              owned_hash(&type->tenant, slice_str(type->name)));
    shelf_put(&registry->event_types, type);
    return 0;
}

void registry_drop_event_type(struct registry *registry, const struct event_type *type)
{
    unmark_type(registry, type);
    shelf_drop(&registry->event_types, &type->id);
}

/* ---- all of a tenant ---- */

static const struct id *owner_of_type(const void *type)
{
    return &((const struct event_type *)type)->tenant;
}

static const struct id *owner_of_key(const void *key)
{
    return &((const struct access_key *)key)->tenant;
}

static const struct id *owner_of_subscription(const void *subscription)
{
    return &((const struct subscription *)subscription)->tenant;
}

/* The items of a shelf that are `tenant`'s, in an array; NULL: out of memory. */
static void **list_of(const struct shelf *shelf, const struct id *tenant,
                      const struct id *(*owner_of)(const void *item), size_t *count)
{
    size_t found = 0;
    for (size_t i = 0; i < shelf->count; i++)
        found += id_equal(owner_of(shelf->items[i]), tenant);
    void **list = calloc(found + 1, sizeof *list);
    *count = list ? found : 0;
    for (size_t i = 0, at = 0; list && at < found; i++)
        if (id_equal(owner_of(shelf->items[i]), tenant))
            list[at++] = shelf->items[i];
    return list;
}

int registry_list_estate(const struct registry *registry, struct tenant *tenant,
                         struct estate *estate)
{
    *estate = (struct estate){.tenant = tenant};
    estate->keys = (void *)list_of(&registry->keys, &tenant->id, owner_of_key, &estate->key_count);
    estate->subscriptions = (void *)list_of(&registry->subscriptions, &tenant->id,
                                            owner_of_subscription, &estate->subscription_count);
    estate->event_types = (void *)list_of(&registry->event_types, &tenant->id, owner_of_type,
                                          &estate->event_type_count);
    if (estate->keys && estate->subscriptions && estate->event_types)
        return 0;
    free((void *)estate->keys);
    free((void *)estate->subscriptions);
    free((void *)estate->event_types);
    estate->keys = NULL;
    estate->subscriptions = NULL;
    estate->event_types = NULL;
    return -ENOMEM;
}

void registry_drop_estate(struct registry *registry, const struct estate *estate)
{
    for (size_t i = 0; i < estate->key_count; i++)
        unmark_key(registry, estate->keys[i]);
    for (size_t i = 0; i < estate->subscription_count; i++)
        unmark_uid(registry, estate->subscriptions[i]);
    for (size_t i = 0; i < estate->event_type_count; i++)
        unmark_type(registry, estate->event_types[i]);
    unmark_tenant(registry, estate->tenant);
    shelf_drop_all(&registry->keys, (void *const *)estate->keys, estate->key_count);
    shelf_drop_all(&registry->subscriptions, (void *const *)estate->subscriptions,
                   estate->subscription_count);
    shelf_drop_all(&registry->event_types, (void *const *)estate->event_types,
                   estate->event_type_count);
    shelf_drop(&registry->tenants, &estate->tenant->id);
}

/* ---- reading meta ---- */

struct reading {
    struct registry *registry;
    struct vault *vault;
    struct json *json;
    char *why;
};

static int damaged(struct reading *reading, const char *kind, struct slice name, const char *detail)
{
    snprintf(reading->why, REGISTRY_WHY_SIZE, "the stored %s %.*s cannot be read: %.120s", kind,
             (int)(name.size < ID_TEXT_SIZE ? name.size : ID_TEXT_SIZE), name.at, detail);
    return -EBADMSG;
}

static int damaged_by(struct reading *reading, const char *kind, struct slice name,
                      const struct faults *faults)
{
    char detail[FAULT_POINTER_SIZE + FAULT_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%s %s", faults->list[0].pointer, faults->list[0].detail);
    return damaged(reading, kind, name, detail);
}

static int read_tenant(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct tenant *tenant;
    struct faults faults;
    struct json_value root;
    char why[JSON_WHY_SIZE];

    if (json_read(reading->json, document, &root, why))
        return damaged(reading, "tenant", name, why);
    int error = tenant_parse_stored(root, &tenant, &faults);
    if (error == -EINVAL)
        return damaged_by(reading, "tenant", name, &faults);
    if (!error) {
        error = registry_put_tenant(reading->registry, tenant);
        if (error)
            tenant_free(tenant);
    }
    return error;
}

static int read_key(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct json_value root;
    char why[JSON_WHY_SIZE];
    struct access_key *key;

    if (json_read(reading->json, document, &root, why))
        return damaged(reading, "key", name, why);
    int error = access_key_parse_stored(root, &key);
    if (error == -EINVAL)
        return damaged(reading, "key", name, "it is no key");
    if (!error) {
        error = registry_put_key(reading->registry, key);
        if (error)
            access_key_free(key);
    }
    return error;
}

static int read_subscription(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct subscription *subscription;
    struct faults faults;
    struct json_value root;
    char why[JSON_WHY_SIZE];

    if (json_read(reading->json, document, &root, why))
        return damaged(reading, "subscription", name, why);
    int error = subscription_parse_stored(root, reading->vault, &subscription, &faults);
    if (error == -EINVAL)
        return damaged_by(reading, "subscription", name, &faults);
    if (!error) {
        error = registry_put_subscription(reading->registry, subscription);
        if (error)
            subscription_free(subscription);
    }
    return error;
}

static int read_event_type(void *context, struct slice name, struct slice document)
{
    struct reading *reading = context;
    struct event_type *type;
    struct faults faults;
    struct json_value root;
    char why[JSON_WHY_SIZE];

    if (json_read(reading->json, document, &root, why))
        return damaged(reading, "event type", name, why);
    int error = event_type_parse_stored(root, &type, &faults);
    if (error == -EINVAL)
        return damaged_by(reading, "event type", name, &faults);
    if (!error) {
        error = registry_put_event_type(reading->registry, type);
        if (error)
            event_type_free(type);
    }
    return error;
}

int registry_load(struct registry *registry, struct db *db, struct vault *vault,
                  char why[static REGISTRY_WHY_SIZE])
{
    struct reading reading = {.registry = registry, .vault = vault, .why = why};
    why[0] = '\0';
    int error = json_open(&reading.json);
    if (!error)
        error = documents_each(db, "tenant", read_tenant, &reading);
    if (!error)
        error = documents_each(db, "key", read_key, &reading);
    if (!error)
        error = documents_each(db, "subscription", read_subscription, &reading);
    if (!error)
        error = documents_each(db, "event_type", read_event_type, &reading);
    if (reading.json)
        json_close(reading.json);
    if (error && why[0] == '\0')
        snprintf(why, REGISTRY_WHY_SIZE, "cannot read the configuration: %s",
                 error == -EIO ? db_why() : strerror(-error));
    return error;
}
