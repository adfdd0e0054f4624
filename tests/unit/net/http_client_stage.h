/* http_client_stage.h - the client over real sockets, in one thread: the receivers are the test's
 * own, saying what they like. Names are resolved by a fake that stands in for resolver.c; the time
 * of deadlines is the test's own.
 */
#ifndef TESTS_UNIT_NET_HTTP_CLIENT_STAGE_H
#define TESTS_UNIT_NET_HTTP_CLIENT_STAGE_H

#include "net/http_client.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LINKS = 4, IDLE_PER_ORIGIN = 2, IDLE_MS = 4000, CALL_MS = 15000, TURNS_MAX = 20000 };

static struct loop *loop;
static struct wheel wheel;
static struct http_client *client;
static struct http_client_options options;
static struct http_origin *origin;
static int listener;
static struct address address;
static bool allow_all = true;
static unsigned asked;

/* ---- a resolver that knows a few names ---- */

static struct resolver_query *waiting_query;

void resolver_find(struct resolver *resolver, struct slice host, struct resolver_query *query)
{
    (void)resolver;
    struct resolver_result result = {.count = 1};
    cr_assert(eq(int, address_parse_ip(SLICE("127.0.0.1"), 0, &result.addresses[0]), 0));
    if (slice_equal(host, SLICE("slow.test"))) {
        waiting_query = query;
        return;
    }
    if (slice_equal(host, SLICE("missing.test"))) {
        result.error = -ENOENT;
        result.why = "no such name";
    }
    if (slice_equal(host, SLICE("two.test"))) { /* nobody listens at the first */
        result.addresses[1] = result.addresses[0];
        cr_assert(eq(int, address_parse_ip(SLICE("127.0.0.2"), 0, &result.addresses[0]), 0));
        result.count = 2;
    }
    query->on_done(query, &result);
}

void resolver_cancel(struct resolver_query *query)
{
    if (waiting_query == query)
        waiting_query = NULL;
}

/* ---- the loop ---- */

static inline bool allowed(void *context, const struct address *asked_for)
{
    (void)context;
    asked++;
    cr_assert(eq(int, asked_for->any.sa_family, AF_INET));
    return allow_all;
}

static inline void turn(void)
{
    loop_turn(loop, clock_monotonic_ns() + 1000000);
}

static inline struct http_origin *take_with(const char *scheme, const char *host,
                                            const struct address *at,
                                            const struct http_origin_options *asked_of_it)
{
    char text[128], why[URL_WHY_SIZE];
    snprintf(text, sizeof text, "%s://%s:%u/", scheme, host, address_port(at));
    struct url url;
    cr_assert(eq(int, url_parse(slice_str(text), &url, why), 0), "%s", why);
    struct http_origin *taken = http_origin_take(client, &url, asked_of_it);
    cr_assert(taken != NULL);
    return taken;
}

static inline struct http_origin *take_origin(const char *scheme, const char *host,
                                              const struct address *at)
{
    return take_with(scheme, host, at, NULL);
}

static inline int listen_somewhere(struct address *at)
{
    struct address wanted;
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &wanted), 0));
    int fd = loop_listen(&wanted, false, at);
    cr_assert(fd >= 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static inline void start(void)
{
    char why[LOOP_WHY_SIZE] = "";
    struct loop_options loop_options = {.entries = 256, .buffers = 64, .buffer_bytes = 4096};
    cr_assert(eq(int, loop_open(&loop, &loop_options, why), 0), "%s", why);
    wheel_init(&wheel, 1000);
    options.connections_max = LINKS;
    options.idle_per_origin_max = IDLE_PER_ORIGIN;
    options.idle_timeout_ms = IDLE_MS;
    options.allowed = allowed;
    cr_assert(eq(int, http_client_open(&client, loop, &wheel, NULL, &options), 0));
    listener = listen_somewhere(&address);
    origin = take_origin("http", "127.0.0.1", &address);
}

static inline void stop(void)
{
    http_client_stop(client);
    for (unsigned i = 0; i < TURNS_MAX && !http_client_idle(client); i++)
        turn();
    cr_assert(http_client_idle(client));
    if (origin)
        http_origin_give(client, origin);
    http_client_close(client);
    close(listener);
    loop_close(loop);
}

/* ---- calls ---- */

struct trial {
    struct http_call call;
    char captured[32];
    unsigned heads, sent, done;
    struct trial *next; /* begun when this one is done */
};

static inline void begin(struct trial *trial);

static inline void on_done(struct http_call *call)
{
    struct trial *trial = container_of(call, struct trial, call);
    trial->done++;
    if (trial->next)
        begin(trial->next);
}

static inline void on_sent(struct http_call *call)
{
    container_of(call, struct trial, call)->sent++;
}

static inline void on_head(struct http_call *call, const struct http_head *head)
{
    cr_assert(head->status >= 200);
    container_of(call, struct trial, call)->heads++;
}

static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

static inline void prepare(struct trial *trial)
{
    *trial = (struct trial){0};
    struct http_call *call = &trial->call;
    call->parts[0] = (struct iovec){(void *)(uintptr_t)request, sizeof request - 1 - 4};
    call->parts[1] = (struct iovec){(void *)(uintptr_t)(request + sizeof request - 1 - 4), 4};
    call->part_count = 2;
    call->deadline_ms = wheel.now_ms + CALL_MS;
    call->capture = trial->captured;
    call->capture_room = sizeof trial->captured;
    call->on_head = on_head;
    call->on_sent = on_sent;
    call->on_done = on_done;
}

static inline void begin(struct trial *trial)
{
    http_client_call(client, origin, &trial->call);
}

static inline struct trial *begin_new(void)
{
    static struct trial trials[64];
    static unsigned used;
    struct trial *trial = &trials[used++ % 64];
    prepare(trial);
    begin(trial);
    return trial;
}

static inline void await_done(struct trial *trial)
{
    for (unsigned i = 0; i < TURNS_MAX && !trial->done; i++)
        turn();
    cr_assert(eq(u32, trial->done, 1));
}

static inline void expect(struct trial *trial, enum http_outcome outcome, int status)
{
    await_done(trial);
    cr_assert(eq(int, (int)trial->call.outcome, (int)outcome), "%s", trial->call.why);
    cr_assert(eq(int, trial->call.status, status));
    cr_assert(eq(int, trial->call.why[0] == '\0', outcome == HTTP_RESPONSE));
    cr_assert(trial->call.end_ns >= trial->call.start_ns && trial->call.end_ns > 0);
}

/* ---- receivers ---- */

static char heard[4096];

static inline int answer_call(void)
{
    int fd = -1;
    for (unsigned i = 0; i < TURNS_MAX && fd < 0; i++) {
        turn();
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    cr_assert(fd >= 0, "a connection comes");
    return fd;
}

/* Reads one request, as the trials send it. */
static inline void hear(int fd)
{
    size_t size = 0;
    for (unsigned i = 0; i < TURNS_MAX && size < sizeof request - 1; i++) {
        turn();
        ssize_t more = recv(fd, heard + size, sizeof heard - size, 0);
        size += more > 0 ? (size_t)more : 0;
    }
    cr_assert(eq(sz, size, sizeof request - 1));
    cr_assert(memcmp(heard, request, size) == 0);
}

static inline void say_bytes(int fd, const char *at, size_t size)
{
    for (unsigned i = 0; size > 0 && i < TURNS_MAX; i++) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN)
            return;
        at += sent > 0 ? sent : 0;
        size -= sent > 0 ? (size_t)sent : 0;
        if (size > 0)
            turn();
    }
}

static inline void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static inline void await_end(int fd)
{
    ssize_t size = -1;
    for (unsigned i = 0; i < TURNS_MAX && size != 0; i++) {
        turn();
        size = recv(fd, heard, sizeof heard, 0);
        if (size < 0 && errno == ECONNRESET)
            return;
    }
    cr_assert(eq(int, (int)size, 0), "the client ends the connection");
}

static inline void await_open(unsigned open, unsigned idle)
{
    for (unsigned i = 0; i < TURNS_MAX && http_client_counters(client).open != open; i++)
        turn();
    cr_assert(eq(u32, http_client_counters(client).open, open));
    cr_assert(eq(u32, http_client_counters(client).idle, idle));
}

/* A call on a new connection that is answered with `text`; the receiver stays in *fd. */
static inline struct trial *exchange(const char *text, int *fd)
{
    struct trial *trial = begin_new();
    *fd = answer_call();
    hear(*fd);
    say(*fd, text);
    return trial;
}

static inline void expect_exchange(const char *text, enum http_outcome outcome, int status,
                                   bool kept)
{
    int fd;
    struct trial *trial = exchange(text, &fd);
    expect(trial, outcome, status);
    if (kept) {
        await_open(1, 1);
        close(fd);
    } else {
        await_end(fd);
        close(fd);
    }
    await_open(0, 0);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

#endif
