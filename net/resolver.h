/* resolver.h - names to addresses by c-ares, on the loop, cached.
 *
 * Answers are kept for their TTL (at least 1 s, at most 5 min), failures for 5 s, in a bounded
 * cache. Lookups of one name that overlap share one query. IP literals are the caller's business.
 * /etc/hosts is honoured; "localhost" and what ends in ".localhost" is this machine (RFC 6761).
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include "base/histogram.h"
#include "base/list.h"
#include "net/loop.h"
#include "net/wheel.h"

enum { RESOLVER_ADDRESSES_MAX = 8, RESOLVER_WHY_SIZE = 128, RESOLVER_NAMES_MAX = 4096 };

struct resolver;

struct resolver_result {
    int error;       /* 0, or -ENOENT no such name or no address, -ETIMEDOUT, -EIO other failure;
                        -ECANCELED when the resolver was closed */
    const char *why; /* with an error: c-ares' words */
    unsigned count;
    struct address addresses[RESOLVER_ADDRESSES_MAX]; /* port 0 */
};

/* Embedded in what waits. */
struct resolver_query {
    struct list_node link; /* private */
    void (*on_done)(struct resolver_query *query, const struct resolver_result *result);
};

/* `servers`: "addr:port,addr:port", or NULL for /etc/resolv.conf. */
MUST_CHECK int resolver_open(struct resolver **resolver, struct loop *loop, struct wheel *wheel,
                             const char *servers, char why[static RESOLVER_WHY_SIZE]);

/* Ends all queries with -ECANCELED. Turn the loop afterwards until its operations have ended. */
void resolver_close(struct resolver *resolver);

/* Looks `host` up (at most 255 bytes). on_done may be called before this returns when the answer is
 * cached. */
void resolver_find(struct resolver *resolver, struct slice host, struct resolver_query *query);

/* on_done will not be called. */
void resolver_cancel(struct resolver_query *query);

struct resolver_counters {
    uint64_t lookups, hits, failures;
};
struct resolver_counters resolver_counters(const struct resolver *resolver);

/* How long it took (us) until a name that was not in the cache had an answer, good or bad. */
const struct histogram *resolver_durations(const struct resolver *resolver);

#endif
