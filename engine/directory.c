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

static struct entry *find_key(const struct directory *directory, const uint8_t hash[static 32])
{
    struct table_node *node = table_first(&directory->keys, start_of(hash));
    for (; node; node = table_next(node)) {
        struct entry *entry = container_of(node, struct entry, node);
        const struct access_key *key = entry->object;
        if (memcmp(key->hash, hash, sizeof key->hash) == 0)
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
}

static void apply_key(struct directory *directory, const struct access_key *before,
                      const struct access_key *after)
{
    struct entry *entry = before ? find_key(directory, before->hash) : NULL;
    if (entry)
        drop(&directory->keys, entry);
    if (after)
        put(&directory->keys, start_of(after->hash), after, &after->id);
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

int directory_open(struct directory *directory)
{
    *directory = (struct directory){0};
    int rc = table_open(&directory->tenants, 16);
    if (rc == 0)
        rc = table_open(&directory->keys, 16);
    if (rc == 0)
        rc = table_open(&directory->subscriptions, 1024);
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

void directory_close(struct directory *directory)
{
    close_table(&directory->subscriptions, false);
    close_table(&directory->keys, false);
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
    default:
        break;
    }
}

const struct access_key *directory_key(const struct directory *directory,
                                       const uint8_t hash[static 32])
{
    struct entry *entry = find_key(directory, hash);
    return entry ? entry->object : NULL;
}

const struct tenant *directory_tenant(const struct directory *directory, const struct id *id)
{
    struct entry *entry = find(&directory->tenants, id);
    return entry ? entry->object : NULL;
}

const struct subscription *directory_subscription(const struct directory *directory,
                                                  const struct id *id)
{
    struct entry *entry = find(&directory->subscriptions, id);
    return entry ? entry->object : NULL;
}

unsigned directory_match(const struct directory *directory, const struct id *tenant,
                         struct slice type, struct slice channels,
                         const struct subscription **matches, unsigned max)
{
    struct entry *entry = find(&directory->tenants, tenant);
    return entry ? route_match(&entry->route, type, channels, matches, max) : 0;
}
