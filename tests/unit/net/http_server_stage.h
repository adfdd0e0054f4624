/* http_server_stage.h - the server over real sockets, in one thread: raw clients write what they
 * like, the loop turns, and what came back is looked at. Time for the server's timers is the test's
 * own.
 */
#ifndef TESTS_UNIT_NET_HTTP_SERVER_STAGE_H
#define TESTS_UNIT_NET_HTTP_SERVER_STAGE_H

#include "net/http_server.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    CONNECTIONS = 8,
    HEAD_MS = 10000,
    IDLE_MS = 60000,
    BODY_MS = 30000,
    BODY_MAX = 100 * 1000,
    TURNS_MAX = 20000,
    LOG_SIZE = 4 * 1024 * 1024,
};

static struct loop *loop;
static struct wheel wheel;
static struct buddy buddy;
static struct http_server *server;
static struct address address;

/* What the application saw, and how it answers. */
static char seen[LOG_SIZE]; /* "METHOD path?query [body]" and a newline for each request */
static size_t seen_size;
static unsigned seen_count;
static struct http_ticket tickets[64];
static unsigned ticket_count;
static size_t big_size;

/* What one client received. */
static char heard[LOG_SIZE];
static size_t heard_size;
static bool heard_end, heard_reset;

/* ---- the application ---- */

static inline size_t body_max(void *context, const struct http_head *head)
{
    (void)context;
    return slice_equal(head->target, SLICE("/none")) ? 0 : BODY_MAX;
}

static inline void answer(struct http_ticket ticket, const char *text)
{
    struct http_response response = {
        .status = 200, .content_type = SLICE("text/plain"), .body = slice_str(text)};
    http_server_reply(server, ticket, &response);
}

static inline void note(const struct http_request *request)
{
    volatile char slack = 0;
    for (unsigned i = 0; i < LOOP_SLACK; i++) /* these are readable, or the sanitizer says so */
        slack = request->body.at[request->body.size + i];
    (void)slack;

    int size = snprintf(seen + seen_size, sizeof seen - seen_size, "%.*s %.*s?%.*s [%.*s]\n",
                        SLICE_ARGS(request->head->method), SLICE_ARGS(request->path),
                        SLICE_ARGS(request->query), SLICE_ARGS(request->body));
    cr_assert(size > 0 && (size_t)size < sizeof seen - seen_size);
    seen_size += (size_t)size;
    seen_count++;
    cr_assert(eq(int, request->peer->any.sa_family, AF_INET));
}

static inline void on_request(void *context, struct http_ticket ticket,
                              const struct http_request *request)
{
    (void)context;
    note(request);
    if (slice_equal(request->path, SLICE("/later"))) {
        tickets[ticket_count++] = ticket;
    } else if (slice_equal(request->path, SLICE("/problem"))) {
        http_server_problem(server, ticket, 409, "it \"is\" there", SLICE("X-More: yes\r\n"));
    } else if (slice_equal(request->path, SLICE("/empty"))) {
        http_server_reply(server, ticket, &(struct http_response){.status = 204});
    } else if (slice_equal(request->path, SLICE("/close"))) {
        http_server_reply(server, ticket, &(struct http_response){.status = 200, .close = true});
    } else if (slice_equal(request->path, SLICE("/big"))) {
        char *body = malloc(big_size);
        memset(body, 'b', big_size);
        struct http_response response = {.status = 200, .body = slice_of(body, big_size)};
        http_server_reply(server, ticket, &response);
        free(body);
    } else {
        char text[32];
        snprintf(text, sizeof text, "answer %u", seen_count);
        answer(ticket, text);
    }
}

static inline void start_with(size_t memory)
{
    char why[LOOP_WHY_SIZE] = "";
    struct loop_options loop_options = {.entries = 256, .buffers = 64, .buffer_bytes = 4096};
    cr_assert(eq(int, loop_open(&loop, &loop_options, why), 0), "%s", why);
    wheel_init(&wheel, 1000);
    cr_assert(eq(int, buddy_open(&buddy, memory), 0));
    struct http_server_options options = {
        .connections_max = CONNECTIONS,
        .head_timeout_ms = HEAD_MS,
        .idle_timeout_ms = IDLE_MS,
        .body_timeout_ms = BODY_MS,
        .body_max = body_max,
        .on_request = on_request,
    };
    cr_assert(eq(int, http_server_open(&server, loop, &wheel, &buddy, &options), 0));
    struct address wanted;
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &wanted), 0));
    int fd = loop_listen(&wanted, false, &address);
    cr_assert(fd >= 0);
    cr_assert(eq(int, http_server_listen(server, fd, NULL), 0));
}

static inline void start(void)
{
    start_with(8 * 1024 * 1024);
}

static inline void turn(void)
{
    loop_turn(loop, clock_monotonic_ns() + 1000000);
}

/* Everything that was taken has been given back. */
static inline void stop(void)
{
    http_server_stop(server);
    for (unsigned i = 0; i < TURNS_MAX && !http_server_idle(server); i++)
        turn();
    cr_assert(http_server_idle(server));
    cr_assert(eq(sz, buddy.used, 0));
    http_server_close(server);
    buddy_close(&buddy);
    loop_close(loop);
}

/* ---- clients ---- */

static inline int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0);
    cr_assert(eq(int, connect(fd, &address.any, address_length(&address)), 0));
    heard_size = 0;
    heard_end = heard_reset = false;
    return fd;
}

/* Sends it all, turning the loop while the socket is full. */
static inline void say_bytes(int fd, const char *at, size_t size)
{
    for (unsigned i = 0; size > 0 && i < TURNS_MAX; i++) {
        ssize_t sent = send(fd, at, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
            continue;
        }
        if (sent < 0 && errno != EAGAIN)
            return; /* the server has had enough; what it said will be looked at */
        turn();
    }
}

static inline void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static inline void hear(int fd)
{
    ssize_t size = recv(fd, heard + heard_size, sizeof heard - 1 - heard_size, MSG_DONTWAIT);
    if (size > 0)
        heard_size += (size_t)size;
    heard_end |= size == 0;
    heard_reset |= size < 0 && errno != EAGAIN;
    heard[heard_size] = '\0';
}

/* Counts whole responses in what was heard; `to_head`: they answer HEAD requests. */
static inline unsigned count_responses(bool to_head)
{
    struct slice rest = slice_of(heard, heard_size);
    unsigned count = 0;
    for (;;) {
        static struct http_head head;
        const char *why;
        long size = http_parse_response(&head, rest.at, rest.size, to_head, &why);
        cr_assert(size >= 0, "%s: %.*s", why, SLICE_ARGS(rest));
        if (size == 0 || rest.size < (size_t)size + head.length)
            return count;
        rest = slice_skip(rest, (size_t)size + head.length);
        count++;
    }
}

static inline void await_responses(int fd, unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && count_responses(false) < count; i++) {
        turn();
        hear(fd);
        cr_assert(not(heard_reset));
    }
    cr_assert(eq(u32, count_responses(false), count), "%s", heard);
}

static inline void await_end(int fd)
{
    for (unsigned i = 0; i < TURNS_MAX && !heard_end && !heard_reset; i++) {
        turn();
        hear(fd);
    }
    cr_assert(heard_end, "the server ends in good order");
}

static inline void await_connections(unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && http_server_connections(server) != count; i++)
        turn();
    cr_assert(eq(u32, http_server_connections(server), count));
}

static inline void await_seen(unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && seen_count < count; i++)
        turn();
    cr_assert(eq(u32, seen_count, count));
}

/* Lets the server take in what was sent to it: it has, when what another client says is answered.
 */
static inline void settle(void)
{
    for (unsigned i = 0; i < 3; i++)
        loop_turn(loop, 0);
    turn();
}

static inline bool has_heard(const char *text)
{
    return strstr(heard, text) != NULL;
}

static inline bool has_seen(const char *text)
{
    return seen_size == strlen(text) && memcmp(seen, text, seen_size) == 0;
}

/* Says `text` on a new connection and expects one answer of that status, and the end. */
static inline void expect_refusal(const char *text, size_t size, int status)
{
    int fd = dial();
    unsigned before = seen_count;
    say_bytes(fd, text, size);
    await_end(fd);
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %d ", status);
    cr_assert(eq(u32, count_responses(false), 1), "%s -> %s", text, heard);
    cr_assert(strncmp(heard, line, strlen(line)) == 0, "%s -> %s", text, heard);
    cr_assert(has_heard("Connection: close\r\n"));
    cr_assert(has_heard("Content-Type: application/problem+json\r\n"));
    cr_assert(eq(u32, seen_count, before));
    close(fd);
}

#define EXPECT_REFUSAL(status, text) expect_refusal(text, sizeof(text) - 1, status)

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

#endif
