/* session_cache.c - TLS sessions that can be resumed.
 *
 * Invariant: every entry is in the table and on the list `recent`, and there are at most
 * SESSION_KEYS_MAX of them.
 *
 * Ownership: sessions and entries are the cache's. Threads: none.
 */
#include "net/session_cache.h"

#include <stdlib.h>

enum { KEYS_AT_FIRST = 16 };

struct entry {
    struct table_node node;
    struct list_node recent;
    void *sessions[SESSIONS_PER_KEY]; /* oldest first */
    unsigned count;
    size_t key_size;
    char key[];
};

static struct entry *find(const struct session_cache *cache, struct slice key)
{
    struct table_node *node = table_first(&cache->entries, table_hash(key.at, key.size));
    for (; node; node = table_next(node)) {
        struct entry *entry = container_of(node, struct entry, node);
        if (slice_equal(slice_of(entry->key, entry->key_size), key))
            return entry;
    }
    return NULL;
}

static void forget(struct session_cache *cache, struct entry *entry)
{
    table_drop(&cache->entries, &entry->node);
    list_remove(&entry->recent);
    for (unsigned i = 0; i < entry->count; i++)
        cache->drop(entry->sessions[i]);
    free(entry);
}

static struct entry *longest_without_news(struct session_cache *cache)
{
    return container_of(cache->recent.next, struct entry, recent);
}

static struct entry *add(struct session_cache *cache, struct slice key)
{
    if (cache->entries.count == SESSION_KEYS_MAX)
        forget(cache, longest_without_news(cache));

    struct entry *entry = calloc(1, sizeof *entry + key.size);
    if (!entry)
        return NULL;
    list_init(&entry->recent);
    entry->key_size = key.size;
    memcpy(entry->key, key.at, key.size);
    table_put(&cache->entries, &entry->node, table_hash(key.at, key.size));
    return entry;
}

int session_cache_open(struct session_cache *cache, void (*drop)(void *session))
{
    *cache = (struct session_cache){.drop = drop};
    list_init(&cache->recent);
    return table_open(&cache->entries, KEYS_AT_FIRST);
}

void session_cache_close(struct session_cache *cache)
{
    if (!cache->drop)
        return;
    while (list_is_linked(&cache->recent))
        forget(cache, longest_without_news(cache));
    table_close(&cache->entries);
}

bool session_cache_put(struct session_cache *cache, struct slice key, void *session)
{
    struct entry *entry = find(cache, key);
    if (!entry)
        entry = add(cache, key);
    if (!entry)
        return false;

    list_remove(&entry->recent);
    list_push_back(&cache->recent, &entry->recent);
    if (entry->count == SESSIONS_PER_KEY) {
        cache->drop(entry->sessions[0]);
        entry->count--;
        memmove(&entry->sessions[0], &entry->sessions[1], entry->count * sizeof entry->sessions[0]);
    }
    entry->sessions[entry->count++] = session;
    return true;
}

void *session_cache_newest(const struct session_cache *cache, struct slice key)
{
    const struct entry *entry = find(cache, key);
    return entry && entry->count > 0 ? entry->sessions[entry->count - 1] : NULL;
}

void session_cache_drop_newest(struct session_cache *cache, struct slice key)
{
    struct entry *entry = find(cache, key);
    must(entry && entry->count > 0);
    cache->drop(entry->sessions[--entry->count]);
}
