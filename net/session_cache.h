/* session_cache.h - TLS sessions that can be resumed, by a key that says with whom and how.
 *
 * Knows nothing of TLS: a session is a pointer, and `drop` ends what the cache owns. Holds
 * SESSIONS_PER_KEY for each of at most SESSION_KEYS_MAX keys; one too many pushes out the oldest
 * session of its key, or the key that was longest without a new one. One thread's.
 */
#ifndef NET_SESSION_CACHE_H
#define NET_SESSION_CACHE_H

#include "base/list.h"
#include "base/must.h"
#include "base/slice.h"
#include "base/table.h"

enum { SESSIONS_PER_KEY = 2, SESSION_KEYS_MAX = 1024 };

struct session_cache {
    struct table entries;
    struct list_node recent; /* the entry longest without news first */
    void (*drop)(void *session);
};

/* 0, or -ENOMEM. A zeroed one may be closed as well. */
MUST_CHECK int session_cache_open(struct session_cache *cache, void (*drop)(void *session));
void session_cache_close(struct session_cache *cache);

/* Takes the session over; false if memory is short: it is still the caller's then. */
MUST_CHECK bool session_cache_put(struct session_cache *cache, struct slice key, void *session);

/* The newest session of the key, still the cache's; NULL if it has none. */
void *session_cache_newest(const struct session_cache *cache, struct slice key);

/* Drops the newest session of the key, which must have one. */
void session_cache_drop_newest(struct session_cache *cache, struct slice key);

#endif
