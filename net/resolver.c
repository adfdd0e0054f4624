/* resolver.c - names to addresses. The only file that knows c-ares.
 *
 * A name that was asked for has a struct lookup, from then until it is pushed out:
 *
 *     (none) --resolver_find()--> pending --c-ares answers--> answered --expired, asked again--+
 *                                  ^  |                                                       |
 *                                  |  +--LOOKUP_TIMEOUT_MS: answered for those who wait;       |
 *                                  |     c-ares' answer, when it comes, is kept all the same   |
 *                                  +----------------------------------------------------------+
 *
 * c-ares sends and receives by itself. It says which of its sockets to watch, and each is watched
 * by one poll operation of the loop; what it wants to do later hangs on one timer.
 *
 * IPv4 addresses come first: a host without a route for IPv6 then loses no time on it.
 *
 * Ownership: lookups come from a pool of RESOLVER_NAMES_MAX. A lookup that is answered is on
 *   `answered`, least recently used first, and gives way to a new name; when all are pending a new
 *   name fails. With SOCKETS_MAX sockets watched another is not, and its queries time out.
 * Time: the wheel's. Threads: a resolver belongs to its loop's.
 * Invariant: nothing of a lookup is touched after its callbacks were called.
 */
#include "net/resolver.h"

#include "base/clock.h"
#include "base/pool.h"
#include "base/table.h"

#include <ares.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HOST_MAX = 255,
    SOCKETS_MAX = 64,
    QUERY_TIMEOUT_MS = 2000, /* of one try at one server; c-ares doubles it with each round */
    QUERY_TRIES = 2,
    LOOKUP_TIMEOUT_MS = 5000,
    KEPT_MIN_S = 1,
    KEPT_MAX_S = 300,
    FAILURE_KEPT_S = 5,
};

/* One of c-ares' sockets. Free: not wanted, and its poll not busy. */
struct watch {
    struct loop_op poll;
    struct resolver *resolver;
    int fd;
    short wanted, polled; /* POLLIN, POLLOUT */
};

struct lookup {
    struct table_node node;
    struct list_node answered;
    struct list_node waiters; /* of resolver_query */
    struct timer deadline;    /* armed while somebody waits */
    struct resolver *resolver;
    bool pending;
    uint64_t asked_ns;   /* when those who wait began to */
    uint64_t expires_ms; /* the result is good before this */
    struct resolver_result result;
    size_t host_size;
    char host[HOST_MAX + 1];
};

struct resolver {
    struct loop *loop;
    struct wheel *wheel;
    ares_channel channel;
    struct watch watches[SOCKETS_MAX];
    struct timer retry; /* when c-ares next wants to look for timeouts */
    struct pool lookups;
    struct table names; /* of lookup */
    struct list_node answered;
    unsigned calls; /* of c-ares, one inside another */
    bool closed;
    struct resolver_counters counters;
    struct histogram durations;
};

/* ---- watching sockets ---- */

static void free_closed(struct resolver *resolver)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (loop_op_busy(&resolver->watches[i].poll))
            return;
    table_close(&resolver->names);
    pool_close(&resolver->lookups);
    free(resolver);
}

/* Every call into c-ares is between these two. */
static void enter(struct resolver *resolver)
{
    resolver->calls++;
}

static void leave(struct resolver *resolver)
{
    struct timeval delay;
    resolver->calls--;
    if (timer_is_armed(&resolver->retry) || !ares_timeout(resolver->channel, NULL, &delay))
        return; /* a query that began later also times out later */
    uint64_t delay_ms = (uint64_t)delay.tv_sec * 1000 + (uint64_t)delay.tv_usec / 1000 + 1;
    wheel_arm(resolver->wheel, &resolver->retry, resolver->wheel->now_ms + delay_ms);
}

static void on_retry(struct timer *timer)
{
    struct resolver *resolver = container_of(timer, struct resolver, retry);
    enter(resolver);
    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    leave(resolver);
}

/* Makes the poll what is wanted. One that has to change is cancelled first and comes back here. */
static void update_watch(struct watch *watch)
{
    struct loop *loop = watch->resolver->loop;
    if (loop_op_busy(&watch->poll)) {
        if (watch->polled != watch->wanted)
            loop_cancel(loop, &watch->poll);
    } else if (watch->wanted) {
        watch->polled = watch->wanted;
        loop_poll(loop, &watch->poll, watch->fd, watch->wanted);
    }
}

static void on_poll(struct loop_op *op, const struct loop_event *event)
{
    struct watch *watch = container_of(op, struct watch, poll);
    struct resolver *resolver = watch->resolver;
    if (resolver->closed) {
        free_closed(resolver);
        return;
    }

    if (event->result < 0 && event->result != -ECANCELED)
        watch->wanted = 0; /* cannot be watched; its queries time out */
    if (event->result > 0 && watch->wanted) {
        bool failed = event->result & (POLLERR | POLLHUP);
        bool readable = failed || event->result & POLLIN;
        bool writable = failed || event->result & POLLOUT;
        enter(resolver);
        ares_process_fd(resolver->channel, readable ? watch->fd : ARES_SOCKET_BAD,
                        writable ? watch->fd : ARES_SOCKET_BAD);
        leave(resolver);
    }
    update_watch(watch);
}

static struct watch *find_watch(struct resolver *resolver, int fd)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (resolver->watches[i].wanted && resolver->watches[i].fd == fd)
            return &resolver->watches[i];
    return NULL;
}

static struct watch *find_free_watch(struct resolver *resolver)
{
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        if (!resolver->watches[i].wanted && !loop_op_busy(&resolver->watches[i].poll))
            return &resolver->watches[i];
    return NULL;
}

/* c-ares' news of a socket: neither readable nor writable says that it is about to be closed. The
 * poll holds on to the socket until it has ended. */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = data;
    struct watch *watch = find_watch(resolver, fd);
    if (!watch)
        watch = find_free_watch(resolver);
    if (!watch)
        return;

    watch->fd = fd;
    watch->wanted = (short)((readable ? POLLIN : 0) | (writable ? POLLOUT : 0));
    update_watch(watch);
}

/* ---- answers ---- */

static void answer(struct resolver_query *query, const struct resolver_result *result)
{
    list_remove(&query->link);
    query->on_done(query, result);
}

/* Keeps the result and tells everyone who waits. */
static void answer_all(struct lookup *lookup, const struct resolver_result *result, unsigned kept_s)
{
    struct resolver *resolver = lookup->resolver;
    struct list_node batch;
    lookup->result = *result;
    lookup->expires_ms = resolver->wheel->now_ms + (uint64_t)kept_s * 1000;
    if (result->error)
        resolver->counters.failures++;
    if (list_is_linked(&lookup->waiters))
        histogram_add(&resolver->durations, (clock_monotonic_ns() - lookup->asked_ns) / 1000);
    timer_disarm(&lookup->deadline);
    list_take_all(&batch, &lookup->waiters);

    /* One at a time: a callback may cancel others of this batch, or push out the lookup. */
    while (list_is_linked(&batch))
        answer(container_of(batch.next, struct resolver_query, link), result);
}

static void on_deadline(struct timer *timer)
{
    struct lookup *lookup = container_of(timer, struct lookup, deadline);
    struct resolver_result result = {.error = -ETIMEDOUT, .why = ares_strerror(ARES_ETIMEOUT)};
    answer_all(lookup, &result, FAILURE_KEPT_S);
}

static int error_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return 0;
    case ARES_ENODATA:
    case ARES_ENOTFOUND:
    case ARES_ENONAME:
    case ARES_EBADNAME:
        return -ENOENT;
    case ARES_ETIMEOUT:
        return -ETIMEDOUT;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
        return -ECANCELED;
    default:
        return -EIO;
    }
}

static unsigned clamp_ttl(int ttl_s)
{
    if (ttl_s < KEPT_MIN_S)
        return KEPT_MIN_S;
    return ttl_s < KEPT_MAX_S ? (unsigned)ttl_s : KEPT_MAX_S;
}

static void add_address(struct resolver_result *result, const struct ares_addrinfo_node *node)
{
    struct address *address = &result->addresses[result->count++];
    if (node->ai_family == AF_INET)
        memcpy(&address->v4, node->ai_addr, sizeof address->v4);
    else
        memcpy(&address->v6, node->ai_addr, sizeof address->v6);
    address_set_port(address, 0);
}

/* Takes the addresses out of c-ares' answer, and returns how long they may be kept. */
static unsigned take_addresses(struct resolver_result *result, const struct ares_addrinfo *info)
{
    static const int families[] = {AF_INET, AF_INET6};
    unsigned kept_s = KEPT_MAX_S;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        const struct ares_addrinfo_node *node = info->nodes;
        for (; node && result->count < RESOLVER_ADDRESSES_MAX; node = node->ai_next) {
            if (node->ai_family != families[i])
                continue;
            add_address(result, node);
            if (clamp_ttl(node->ai_ttl) < kept_s)
                kept_s = clamp_ttl(node->ai_ttl);
        }
    }
    return kept_s;
}

static void on_answer(void *data, int status, int timeouts, struct ares_addrinfo *info)
{
    (void)timeouts;
    struct lookup *lookup = data;
    struct resolver *resolver = lookup->resolver;
    struct resolver_result result = {0};
    unsigned kept_s = FAILURE_KEPT_S;
    if (status == ARES_SUCCESS)
        kept_s = take_addresses(&result, info);
    if (info)
        ares_freeaddrinfo(info);
    if (result.count == 0) {
        status = status == ARES_SUCCESS ? ARES_ENODATA : status;
        kept_s = FAILURE_KEPT_S;
        result = (struct resolver_result){.error = error_of(status), .why = ares_strerror(status)};
    }

    lookup->pending = false;
    list_push_back(&resolver->answered, &lookup->answered);
    answer_all(lookup, &result, kept_s);
}

/* ---- finding ---- */

static struct lookup *find_lookup(struct resolver *resolver, struct slice host)
{
    struct table_node *node = table_first(&resolver->names, table_hash(host.at, host.size));
    for (; node; node = table_next(node)) {
        struct lookup *lookup = container_of(node, struct lookup, node);
        if (slice_equal(slice_of(lookup->host, lookup->host_size), host))
            return lookup;
    }
    return NULL;
}

/* A lookup for a new name, perhaps in place of the least recently used; NULL if all are pending. */
static struct lookup *take_lookup(struct resolver *resolver)
{
    struct lookup *lookup = pool_take(&resolver->lookups);
    if (lookup || !list_is_linked(&resolver->answered))
        return lookup;

    lookup = container_of(resolver->answered.next, struct lookup, answered);
    list_remove(&lookup->answered);
    table_drop(&resolver->names, &lookup->node);
    return lookup;
}

static struct lookup *add_lookup(struct resolver *resolver, struct slice host)
{
    struct lookup *lookup = take_lookup(resolver);
    if (!lookup)
        return NULL;

    *lookup = (struct lookup){.resolver = resolver, .host_size = host.size};
    memcpy(lookup->host, host.at, host.size);
    list_init(&lookup->answered);
    list_init(&lookup->waiters);
    timer_init(&lookup->deadline, on_deadline);
    table_put(&resolver->names, &lookup->node, table_hash(host.at, host.size));
    return lookup;
}

/* Puts the query among those that wait, and asks c-ares unless it is at it. */
static void wait_for(struct lookup *lookup, struct resolver_query *query)
{
    static const struct ares_addrinfo_hints hints = {
        .ai_flags = ARES_AI_NOSORT, /* sorting would make sockets of its own */
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    struct resolver *resolver = lookup->resolver;
    if (!list_is_linked(&lookup->waiters))
        lookup->asked_ns = clock_monotonic_ns();
    list_push_back(&lookup->waiters, &query->link);
    if (!timer_is_armed(&lookup->deadline))
        wheel_arm(resolver->wheel, &lookup->deadline, resolver->wheel->now_ms + LOOKUP_TIMEOUT_MS);
    if (lookup->pending)
        return;

    lookup->pending = true;
    list_remove(&lookup->answered);
    enter(resolver);
    ares_getaddrinfo(resolver->channel, lookup->host, NULL, &hints, on_answer, lookup);
    leave(resolver);
}

static void refuse(struct resolver_query *query, int error, const char *why)
{
    struct resolver_result result = {.error = error, .why = why};
    query->on_done(query, &result);
}

/* False if it can be no host's name. */
static bool to_lower(struct slice host, char lower[static HOST_MAX])
{
    if (host.size == 0 || host.size > HOST_MAX || slice_find(host, '\0') < host.size)
        return false;
    for (size_t i = 0; i < host.size; i++)
        lower[i] = (char)tolower((unsigned char)host.at[i]); /* the C locale: ASCII only */
    return true;
}

/* RFC 6761 section 6.3: "localhost" and what ends in ".localhost" is this machine, and nobody is
 * asked. */
static bool is_this_machine(struct slice host)
{
    struct slice own = SLICE("localhost");
    if (host.size < own.size || !slice_equal(slice_skip(host, host.size - own.size), own))
        return false;
    return host.size == own.size || host.at[host.size - own.size - 1] == '.';
}

static void answer_this_machine(struct resolver_query *query)
{
    struct resolver_result result = {.count = 2};
    must(address_parse_ip(SLICE("127.0.0.1"), 0, &result.addresses[0]) == 0);
    must(address_parse_ip(SLICE("::1"), 0, &result.addresses[1]) == 0);
    query->on_done(query, &result);
}

static void answer_from_cache(struct resolver *resolver, struct lookup *lookup,
                              struct resolver_query *query)
{
    struct resolver_result result = lookup->result; /* the callback may push the lookup out */
    resolver->counters.hits++;
    if (!lookup->pending) {
        list_remove(&lookup->answered);
        list_push_back(&resolver->answered, &lookup->answered);
    }
    query->on_done(query, &result);
}

void resolver_find(struct resolver *resolver, struct slice host, struct resolver_query *query)
{
    char lower[HOST_MAX];
    must(!resolver->closed && query->on_done);
    list_init(&query->link);
    resolver->counters.lookups++;
    if (!to_lower(host, lower)) {
        refuse(query, -ENOENT, ares_strerror(ARES_EBADNAME));
        return;
    }

    if (is_this_machine(slice_of(lower, host.size))) {
        answer_this_machine(query);
        return;
    }

    struct lookup *lookup = find_lookup(resolver, slice_of(lower, host.size));
    if (lookup && lookup->expires_ms > resolver->wheel->now_ms) {
        answer_from_cache(resolver, lookup, query);
        return;
    }
    if (!lookup)
        lookup = add_lookup(resolver, slice_of(lower, host.size));
    if (lookup)
        wait_for(lookup, query);
    else
        refuse(query, -EIO, "Too many DNS lookups at once");
}

void resolver_cancel(struct resolver_query *query)
{
    if (query->link.next)
        list_remove(&query->link);
}

/* ---- opening and closing ---- */

static int library_status;

static void init_library(void)
{
    library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static int open_channel(struct resolver *resolver, const char *servers)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_library);
    if (library_status != ARES_SUCCESS)
        return library_status;

    char lookups[] = "fb"; /* /etc/hosts, then DNS */
    struct ares_options options = {
        .flags = ARES_FLAG_NOALIASES,
        .timeout = QUERY_TIMEOUT_MS,
        .tries = QUERY_TRIES,
        .lookups = lookups,
        .sock_state_cb = on_socket,
        .sock_state_cb_data = resolver,
    };
    int status = ares_init_options(&resolver->channel, &options,
                                   ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                       ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    if (status == ARES_SUCCESS && servers)
        status = ares_set_servers_ports_csv(resolver->channel, servers);
    return status;
}

int resolver_open(struct resolver **out, struct loop *loop, struct wheel *wheel,
                  const char *servers, char why[static RESOLVER_WHY_SIZE])
{
    *out = NULL;
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        goto fail;

    resolver->loop = loop;
    resolver->wheel = wheel;
    list_init(&resolver->answered);
    timer_init(&resolver->retry, on_retry);
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        resolver->watches[i] = (struct watch){.poll.on_done = on_poll, .resolver = resolver};
    if (pool_open(&resolver->lookups, sizeof(struct lookup), RESOLVER_NAMES_MAX) ||
        table_open(&resolver->names, RESOLVER_NAMES_MAX))
        goto fail;

    int status = open_channel(resolver, servers);
    if (status != ARES_SUCCESS) {
        snprintf(why, RESOLVER_WHY_SIZE, "DNS servers %s: %s",
                 servers ? servers : "of /etc/resolv.conf", ares_strerror(status));
        resolver_close(resolver);
        return status == ARES_ENOMEM ? -ENOMEM : -EINVAL;
    }
    *out = resolver;
    return 0;

fail:
    snprintf(why, RESOLVER_WHY_SIZE, "out of memory");
    resolver_close(resolver);
    return -ENOMEM;
}

void resolver_close(struct resolver *resolver)
{
    if (!resolver)
        return;
    must(resolver->calls == 0); /* not from on_done: c-ares is not done yet */

    timer_disarm(&resolver->retry);
    resolver->closed = true;
    if (resolver->channel)
        ares_destroy(resolver->channel); /* answers all queries, closes all sockets */
    free_closed(resolver);
}

struct resolver_counters resolver_counters(const struct resolver *resolver)
{
    return resolver->counters;
}

const struct histogram *resolver_durations(const struct resolver *resolver)
{
    return &resolver->durations;
}
