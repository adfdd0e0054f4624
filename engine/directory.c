/* directory.c - see directory.h. */
#include "directory.h"

#include <stdlib.h>

/* One entry for each object; for a tenant with what routes its events. */
struct entry {
    struct table_node node;
    const void *object;
    struct id id;
    struct route route; /* tenants only */
};

static uint64_t start_of(const uint8_t hash[static 32])
{
    uint64_t value;
    memcpy(&value, hash, sizeof value);
    return value;
}

static struct entry *find(const struct table *table, const struct id *id)
{
    struct table_node *node = table_first(table, id_hash(id));
    for (; node; node = table_next(node)) {
        struct entry *entry = container_of(node, struct entry, node);
        if (id_equal(&entry->id, id))
            return entry;
    }
    return NULL;
}

static struct entry *put(struct table *table, uint64_t hash, const void *object,
                         const struct id *id)
{
    struct entry *entry = calloc(1, sizeof *entry);
    must(entry);
    entry->object = object;
    entry->id = *id;
    table_put(table, &entry->node, hash);
    return entry;
}

static void drop(struct table *table, struct entry *entry)
{
    table_drop(table, &entry->node);
    free(entry);
}

/* ---- names and uids of tenants ---- */

struct calling {
    struct table_node node;
    const struct tenant *tenant;
};

static void call_it(struct directory *directory, const struct tenant *tenant, const char *name)
{
    struct calling *calling = name[0] ? malloc(sizeof *calling) : NULL;
    must(calling || !name[0]);
    if (!calling)
        return;
    calling->tenant = tenant;
    table_put(&directory->names, &calling->node, table_hash(name, strlen(name)));
}

static void uncall(struct directory *directory, const struct tenant *tenant, const char *name)
{
    struct table_node *node = table_first(&directory->names, table_hash(name, strlen(name)));
    for (; node; node = table_next(node)) {
        struct calling *calling = container_of(node, struct calling, node);
        if (calling->tenant != tenant)
            continue;
        table_drop(&directory->names, node);
        free(calling);
        return;
    }
}

static void apply_names(struct directory *directory, const struct tenant *before,
                        const struct tenant *after)
{
    if (before) {
        uncall(directory, before, before->name);
        uncall(directory, before, before->uid);
    }
    if (after) {
        call_it(directory, after, after->name);
        call_it(directory, after, after->uid);
    }
}

/* ---- changes ---- */

static void apply_tenant(struct directory *directory, const struct tenant *before,
                         const struct tenant *after)
{
    struct entry *entry = before ? find(&directory->tenants, &before->id) : NULL;
    if (entry && after) {
        entry->object = after;
    } else if (entry) {
        route_close(&entry->route);
        drop(&directory->tenants, entry);
    } else if (after) {
        entry = put(&directory->tenants, id_hash(&after->id), after, &after->id);
        must(route_open(&entry->route) == 0);
    }
    apply_names(directory, before, after);
}

static void drop_key(struct directory *directory, struct known_key *known)
{
    list_remove(&known->fresh);
    table_drop(&directory->keys, &known->node);
    free(known);
}

static void put_key(struct directory *directory, const struct access_key *key)
{
    struct known_key *known = calloc(1, sizeof *known);
    must(known);
    known->key = key;
    list_init(&known->fresh);
    table_put(&directory->keys, &known->node, start_of(key->hash));
}

/* A changed key has the text that it had, and was used when it was used. */
static void apply_key(struct directory *directory, const struct access_key *before,
                      const struct access_key *after)
{
    struct known_key *known = before ? directory_key(directory, before->hash) : NULL;
    if (known && after && memcmp(before->hash, after->hash, sizeof after->hash) == 0) {
        known->key = after;
        return;
    }
    if (known)
        drop_key(directory, known);
    if (after)
        put_key(directory, after);
}

static void apply_subscription(struct directory *directory, const struct subscription *before,
                               const struct subscription *after)
{
    struct entry *tenant = find(&directory->tenants, after ? &after->tenant : &before->tenant);
    struct entry *entry = before ? find(&directory->subscriptions, &before->id) : NULL;
    if (entry) {
        if (tenant)
            route_remove(&tenant->route, before);
        drop(&directory->subscriptions, entry);
    }
    if (after) {
        must(tenant);
        put(&directory->subscriptions, id_hash(&after->id), after, &after->id);
        must(route_add(&tenant->route, after) == 0);
    }
}

static uint64_t type_hash(const struct id *tenant, struct slice name)
{
    return id_hash(tenant) ^ table_hash(name.at, name.size);
}

static struct entry *find_type(const struct directory *directory, const struct id *tenant,
                               struct slice name)
{
    struct table_node *node = table_first(&directory->event_types, type_hash(tenant, name));
    for (; node; node = table_next(node)) {
        struct entry *entry = container_of(node, struct entry, node);
        const struct event_type *type = entry->object;
        if (id_equal(&type->tenant, tenant) && slice_equal(slice_str(type->name), name))
            return entry;
    }
    return NULL;
}

static void apply_event_type(struct directory *directory, const struct event_type *before,
                             const struct event_type *after)
{
    struct entry *entry =
        before ? find_type(directory, &before->tenant, slice_str(before->name)) : NULL;
    if (entry)
        drop(&directory->event_types, entry);
    if (after)
        put(&directory->event_types, type_hash(&after->tenant, slice_str(after->name)), after,
            &after->id);
}

static void apply_event_types(struct directory *directory, const struct directory_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        apply_event_type(directory, set->list[i].before, set->list[i].after);
}

int directory_open(struct directory *directory)
{
    *directory = (struct directory){0};
    int rc = table_open(&directory->tenants, 16);
    if (rc == 0)
        rc = table_open(&directory->keys, 16);
    if (rc == 0)
        rc = table_open(&directory->names, 16);
    if (rc == 0)
        rc = table_open(&directory->subscriptions, 1024);
    if (rc == 0)
        rc = table_open(&directory->event_types, 64);
    if (rc)
        directory_close(directory);
    return rc;
}

static void close_table(struct table *table, bool has_routes)
{
    if (!table->buckets)
        return;
    struct table_node *node;
    while ((node = table_walk(table, NULL))) {
        struct entry *entry = container_of(node, struct entry, node);
        if (has_routes)
            route_close(&entry->route);
        drop(table, entry);
    }
    table_close(table);
}

static void close_names(struct table *table)
{
    struct table_node *node;
    while (table->buckets && (node = table_walk(table, NULL))) {
        table_drop(table, node);
        free(container_of(node, struct calling, node));
    }
    table_close(table);
}

static void close_keys(struct directory *directory)
{
    struct table_node *node;
    while (directory->keys.buckets && (node = table_walk(&directory->keys, NULL)))
        drop_key(directory, container_of(node, struct known_key, node));
    table_close(&directory->keys);
}

void directory_close(struct directory *directory)
{
    close_names(&directory->names);
    close_table(&directory->subscriptions, false);
    close_keys(directory);
    close_table(&directory->event_types, false);
    close_table(&directory->tenants, true);
}

void directory_apply(struct directory *directory, const struct mail_directory *change)
{
    switch (change->kind) {
    case DIRECTORY_TENANT:
        apply_tenant(directory, change->before, change->after);
        break;
    case DIRECTORY_KEY:
        apply_key(directory, change->before, change->after);
        break;
    case DIRECTORY_SUBSCRIPTION:
        apply_subscription(directory, change->before, change->after);
        break;
    case DIRECTORY_EVENT_TYPE:
        apply_event_type(directory, change->before, change->after);
        break;
    case DIRECTORY_EVENT_TYPES:
        apply_event_types(directory, change->after);
        break;
    default:
        break;
    }
}

struct known_key *directory_key(const struct directory *directory, const uint8_t hash[static 32])
{
    struct table_node *node = table_first(&directory->keys, start_of(hash));
    for (; node; node = table_next(node)) {
        struct known_key *known = container_of(node, struct known_key, node);
        if (memcmp(known->key->hash, hash, sizeof known->key->hash) == 0)
            return known;
    }
    return NULL;
}

const struct tenant *directory_tenant(const struct directory *directory, const struct id *id)
{
    struct entry *entry = find(&directory->tenants, id);
    return entry ? entry->object : NULL;
}

const struct tenant *directory_find_tenant(const struct directory *directory, struct slice text)
{
    struct id id;
    if (id_parse(text, "ten", &id) == 0)
        return directory_tenant(directory, &id);
    struct table_node *node = table_first(&directory->names, table_hash(text.at, text.size));
    for (; node; node = table_next(node)) {
        const struct tenant *tenant = container_of(node, struct calling, node)->tenant;
        if (slice_equal(slice_str(tenant->name), text) || slice_equal(slice_str(tenant->uid), text))
            return tenant;
    }
    return NULL;
}

const struct subscription *directory_subscription(const struct directory *directory,
                                                  const struct id *id)
{
    struct entry *entry = find(&directory->subscriptions, id);
    return entry ? entry->object : NULL;
}

const struct event_type *directory_event_type(const struct directory *directory,
                                              const struct id *tenant, struct slice name)
{
    struct entry *entry = find_type(directory, tenant, name);
    return entry ? entry->object : NULL;
}

unsigned directory_match(const struct directory *directory, const struct id *tenant,
                         struct slice type, struct slice channels,
                         const struct subscription **matches, unsigned max)
{
    struct entry *entry = find(&directory->tenants, tenant);
    return entry ? route_match(&entry->route, type, channels, matches, max) : 0;
}
