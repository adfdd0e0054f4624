/* The server over real sockets, in one thread: raw clients write what they like, the loop turns,
 * and what came back is looked at. Time for the server's timers is the test's own. */
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

static size_t body_max(void *context, const struct http_head *head)
{
    (void)context;
    return slice_equal(head->target, SLICE("/none")) ? 0 : BODY_MAX;
}

static void answer(struct http_ticket ticket, const char *text)
{
    struct http_response response = {
        .status = 200, .content_type = SLICE("text/plain"), .body = slice_str(text)};
    http_server_reply(server, ticket, &response);
}

static void note(const struct http_request *request)
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

static void on_request(void *context, struct http_ticket ticket, const struct http_request *request)
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

static void start_with(size_t memory)
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

static void start(void)
{
    start_with(8 * 1024 * 1024);
}

static void turn(void)
{
    loop_turn(loop, clock_monotonic_ns() + 1000000);
}

/* Everything that was taken has been given back. */
static void stop(void)
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

TestSuite(http_server, .init = start, .fini = stop);

/* ---- clients ---- */

static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0);
    cr_assert(eq(int, connect(fd, &address.any, address_length(&address)), 0));
    heard_size = 0;
    heard_end = heard_reset = false;
    return fd;
}

/* Sends it all, turning the loop while the socket is full. */
static void say_bytes(int fd, const char *at, size_t size)
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

static void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static void hear(int fd)
{
    ssize_t size = recv(fd, heard + heard_size, sizeof heard - 1 - heard_size, MSG_DONTWAIT);
    if (size > 0)
        heard_size += (size_t)size;
    heard_end |= size == 0;
    heard_reset |= size < 0 && errno != EAGAIN;
    heard[heard_size] = '\0';
}

/* Counts whole responses in what was heard; `to_head`: they answer HEAD requests. */
static unsigned count_responses(bool to_head)
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

static void await_responses(int fd, unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && count_responses(false) < count; i++) {
        turn();
        hear(fd);
        cr_assert(not(heard_reset));
    }
    cr_assert(eq(u32, count_responses(false), count), "%s", heard);
}

static void await_end(int fd)
{
    for (unsigned i = 0; i < TURNS_MAX && !heard_end && !heard_reset; i++) {
        turn();
        hear(fd);
    }
    cr_assert(heard_end, "the server ends in good order");
}

static void await_connections(unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && http_server_connections(server) != count; i++)
        turn();
    cr_assert(eq(u32, http_server_connections(server), count));
}

static void await_seen(unsigned count)
{
    for (unsigned i = 0; i < TURNS_MAX && seen_count < count; i++)
        turn();
    cr_assert(eq(u32, seen_count, count));
}

/* Lets the server take in what was sent to it: it has, when what another client says is answered.
 */
static void settle(void)
{
    for (unsigned i = 0; i < 3; i++)
        loop_turn(loop, 0);
    turn();
}

static bool has_heard(const char *text)
{
    return strstr(heard, text) != NULL;
}

static bool has_seen(const char *text)
{
    return seen_size == strlen(text) && memcmp(seen, text, seen_size) == 0;
}

/* Says `text` on a new connection and expects one answer of that status, and the end. */
static void expect_refusal(const char *text, size_t size, int status)
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

/* ---- requests that are served ---- */

Test(http_server, answers_a_request)
{
    int fd = dial();
    say(fd, "POST /v1?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    await_responses(fd, 1);
    cr_assert(has_seen("POST /v1?a=b [body]\n"));
    cr_assert(strncmp(heard, "HTTP/1.1 200 OK\r\nDate: ", 23) == 0, "%s", heard);
    cr_assert(has_heard("Content-Type: text/plain\r\n"));
    cr_assert(has_heard("Content-Length: 8\r\n\r\nanswer 1"));
    cr_assert(not(has_heard("Connection:")));
    say(fd, GET("/again"));
    await_responses(fd, 2);
    close(fd);
    await_connections(0);
    cr_assert(eq(u64, http_server_counters(server).requests, 2));
    cr_assert(eq(u64, http_server_counters(server).accepted, 1));
}

Test(http_server, answers_requests_that_come_byte_by_byte)
{
    static const char text[] = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
                               "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3;x=y\r\nbod\r\n1\r\ny\r\n0\r\nT: x\r\n\r\n"
                               "\r\nGET /c HTTP/1.1\r\nHost: a\r\n\r\n";
    int fd = dial();
    for (size_t i = 0; i < sizeof text - 1; i++) {
        say_bytes(fd, text + i, 1);
        loop_turn(loop, clock_monotonic_ns() + 100000);
    }
    await_responses(fd, 3);
    cr_assert(has_seen("POST /a? [body]\nPOST /b? [body]\nGET /c? []\n"));
    close(fd);
}

Test(http_server, answers_pipelined_requests_in_order)
{
    int fd = dial();
    say(fd, GET("/a") "POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" GET("/b"));
    await_seen(2);
    await_responses(fd, 1);
    settle();
    cr_assert(eq(u32, seen_count, 2), "the third waits for the second's answer");
    answer(tickets[0], "at last");
    await_responses(fd, 3);
    cr_assert(has_seen("GET /a? []\nPOST /later? [x]\nGET /b? []\n"));
    cr_assert(strstr(heard, "at last") < strstr(heard, "answer 3"));
    close(fd);
}

Test(http_server, gives_one_answer_to_each_of_many_pipelined_requests)
{
    int fd = dial();
    for (unsigned i = 0; i < 500; i++)
        say(fd, GET("/a"));
    await_responses(fd, 500);
    cr_assert(eq(u32, seen_count, 500));
    close(fd);
}

Test(http_server, holds_back_a_peer_that_pipelines_without_end)
{
    int fd = dial();
    say(fd, GET("/later"));
    await_seen(1);
    static char flood[1024 * 1024];
    static const char request[] = "GET /a HTTP/1.1\r\nHost: a\r\nX-Padding: %0200d\r\n\r\n";
    size_t count = 0, size = 0;
    while (size < sizeof flood - 512) {
        size += (size_t)sprintf(flood + size, request, 0);
        count++;
    }
    size_t sent = 0;
    for (unsigned idle = 0; idle < 20 && sent < size;) {
        ssize_t more = send(fd, flood + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        idle = more > 0 ? 0 : idle + 1;
        sent += more > 0 ? (size_t)more : 0;
        settle();
    }
    cr_assert(buddy.used > 0 && buddy.used <= 512 * 1024, "%zu", buddy.used);
    answer(tickets[0], "go on");
    while (sent < size) {
        ssize_t more = send(fd, flood + sent, size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += more > 0 ? (size_t)more : 0;
        turn();
        hear(fd);
    }
    await_seen((unsigned)count + 1);
    await_responses(fd, (unsigned)count + 1);
    close(fd);
}

Test(http_server, reads_large_bodies)
{
    int fd = dial();
    static char body[BODY_MAX];
    memset(body, 'x', sizeof body);
    char head[128];
    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
             BODY_MAX);
    say(fd, head);
    say_bytes(fd, body, sizeof body);
    await_responses(fd, 1);
    cr_assert(eq(sz, seen_size, BODY_MAX + sizeof "POST /? []\n" - 1));
    close(fd);
    await_connections(0);
}

Test(http_server, sends_large_answers_whole)
{
    big_size = 2 * 1000 * 1000;
    int fd = dial();
    say(fd, GET("/big"));
    await_responses(fd, 1);
    cr_assert(eq(sz, buddy.used, 0), "the answer's memory is given back");
    close(fd);
}

Test(http_server, answers_head_requests_without_a_body)
{
    int fd = dial();
    say(fd, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
    for (unsigned i = 0; i < TURNS_MAX && count_responses(true) < 1; i++) {
        turn();
        hear(fd);
    }
    cr_assert(has_heard("Content-Length: 8\r\n"));
    cr_assert(not(has_heard("answer")));
    heard_size = 0;
    say(fd, GET("/x"));
    await_responses(fd, 1);
    cr_assert(has_heard("answer 2"));
    close(fd);
}

Test(http_server, sends_no_length_with_204)
{
    int fd = dial();
    say(fd, GET("/empty"));
    await_responses(fd, 1);
    cr_assert(not(has_heard("Content-Length")));
    close(fd);
}

Test(http_server, continues_a_client_that_asks)
{
    int fd = dial();
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    await_responses(fd, 1);
    cr_assert(strcmp(heard, "HTTP/1.1 100 Continue\r\n\r\n") == 0);
    say(fd, "body");
    await_responses(fd, 2);
    cr_assert(has_seen("POST /? [body]\n"));
    close(fd);
}

Test(http_server, continues_nobody_whose_body_is_there)
{
    int fd = dial();
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
    await_responses(fd, 1);
    cr_assert(not(has_heard("100 Continue")));
    close(fd);
}

Test(http_server, closes_after_the_answer_if_asked)
{
    int fd = dial();
    say(fd, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/b"));
    await_end(fd);
    cr_assert(eq(u32, count_responses(false), 1));
    cr_assert(has_heard("Connection: close\r\n"));
    cr_assert(eq(u32, seen_count, 1), "nothing after it is read as a request");
    close(fd);
    await_connections(0);

    fd = dial();
    say(fd, GET("/close"));
    await_end(fd);
    close(fd);
    await_connections(0);
}

Test(http_server, closes_after_http_1_0_unless_told_to_keep)
{
    int fd = dial();
    say(fd, "GET /a HTTP/1.0\r\n\r\n");
    await_end(fd);
    close(fd);
    fd = dial();
    say(fd, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    await_responses(fd, 1);
    cr_assert(has_heard("Connection: keep-alive\r\n"));
    close(fd);
}

Test(http_server, answers_a_peer_that_has_ended_its_side)
{
    int fd = dial();
    say(fd, GET("/later") GET("/b"));
    shutdown(fd, SHUT_WR);
    await_seen(1);
    settle();
    answer(tickets[0], "still");
    await_end(fd);
    cr_assert(eq(u32, count_responses(false), 2));
    close(fd);
}

Test(http_server, sends_problems)
{
    int fd = dial();
    say(fd, GET("/problem"));
    await_responses(fd, 1);
    cr_assert(has_heard("HTTP/1.1 409 Conflict\r\n"));
    cr_assert(has_heard("X-More: yes\r\n"));
    cr_assert(has_heard("\r\n\r\n{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                        "\"detail\":\"it \\\"is\\\" there\"}"));
    cr_assert(not(has_heard("Connection")), "the connection is kept");
    close(fd);
}

/* ---- requests that are refused ---- */

Test(http_server, refuses_malformed_requests_and_reads_no_further)
{
    EXPECT_REFUSAL(400, "GET / HTTP/1.1\nHost: a\n\n" GET("/smuggled"));
    EXPECT_REFUSAL(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n" GET("/smuggled"));
    EXPECT_REFUSAL(400, "GET / HTTP/1.1\r\n\r\n" GET("/smuggled"));
    EXPECT_REFUSAL(400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    EXPECT_REFUSAL(505, "GET / HTTP/2.0\r\n\r\n");
    EXPECT_REFUSAL(501, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    EXPECT_REFUSAL(417, "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\nContent-Length: 1\r\n\r\n");
    cr_assert(eq(u64, http_server_counters(server).bad_requests, 7));
}

Test(http_server, refuses_ambiguous_lengths_and_reads_no_further)
{
#define POST_WITH(fields) "POST / HTTP/1.1\r\nHost: a\r\n" fields "\r\n\r\n"
    EXPECT_REFUSAL(
        400,
        POST_WITH("Content-Length: 0\r\nTransfer-Encoding: chunked") "0\r\n\r\n" GET("/smuggled"));
    EXPECT_REFUSAL(400, POST_WITH("Content-Length: 0\r\nContent-Length: 0") GET("/smuggled"));
    EXPECT_REFUSAL(501, POST_WITH("Transfer-Encoding: xchunked") "0\r\n\r\n" GET("/smuggled"));
    EXPECT_REFUSAL(400, POST_WITH("Transfer-Encoding: chunked") "1\nx\r\n0\r\n\r\n" GET("/s"));
    EXPECT_REFUSAL(400, POST_WITH("Transfer-Encoding: chunked") "1\r\nxyz0\r\n\r\n" GET("/s"));
    EXPECT_REFUSAL(400, POST_WITH("Transfer-Encoding: chunked") "ffffffffffffffff0\r\n");
}

Test(http_server, refuses_heads_and_targets_that_are_too_long)
{
    static char text[64 * 1024];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    expect_refusal(text, sizeof text, 431);
    memcpy(text, "GET /", 5);
    memset(text + 5, 'a', 30);
    expect_refusal(text, sizeof text, 414);
}

Test(http_server, refuses_bodies_that_are_too_large_before_reading_them)
{
    EXPECT_REFUSAL(413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n\r\n");
    EXPECT_REFUSAL(413,
                   "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n");
    EXPECT_REFUSAL(413, "POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    EXPECT_REFUSAL(413, "POST /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "1\r\nx\r\n");
    EXPECT_REFUSAL(413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100001\r\n"
                        "Expect: 100-continue\r\n\r\n");
}

Test(http_server, refuses_chunked_bodies_when_they_have_become_too_large)
{
    static char text[3 * BODY_MAX];
    size_t size = (size_t)sprintf(text, POST_WITH("Transfer-Encoding: chunked"));
    while (size < sizeof text - 16)
        size += (size_t)sprintf(text + size, "8\r\n01234567\r\n");
    expect_refusal(text, size, 413);
}

Test(http_server, never_hands_over_a_truncated_request)
{
    static const char *const texts[] = {
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
    };
    for (unsigned i = 0; i < 2; i++)
        for (size_t size = 0; size < strlen(texts[i]); size++) {
            int fd = dial();
            say_bytes(fd, texts[i], size);
            shutdown(fd, SHUT_WR);
            await_end(fd);
            cr_assert(eq(sz, heard_size, 0));
            close(fd);
        }
    cr_assert(eq(u32, seen_count, 0));
    await_connections(0);
}

Test(http_server, lets_an_error_arrive_though_the_peer_goes_on_sending)
{
    int fd = dial();
    static char flood[200 * 1000];
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n");
    say_bytes(fd, flood, sizeof flood);
    await_end(fd);
    cr_assert(has_heard("HTTP/1.1 413 "));
    say_bytes(fd, flood, 1000);
    cr_assert(eq(u32, http_server_connections(server), 1), "it lingers");
    close(fd);
    await_connections(0);
}

Test(http_server, lingers_only_so_long_and_so_much)
{
    int fd = dial();
    say(fd, "x\n");
    await_end(fd);
    settle();
    cr_assert(eq(u32, http_server_connections(server), 1));
    wheel_advance(&wheel, wheel.now_ms + 2100);
    await_connections(0);
    close(fd);

    fd = dial();
    say(fd, "x\n");
    await_end(fd);
    static char flood[1024 * 1024];
    say_bytes(fd, flood, sizeof flood);
    await_connections(0);
    close(fd);
}

/* ---- time ---- */

Test(http_server, answers_408_when_a_head_does_not_end)
{
    int fd = dial();
    await_connections(1);
    say(fd, "GET / HTT");
    settle();
    wheel_advance(&wheel, wheel.now_ms + HEAD_MS - 1);
    settle();
    hear(fd);
    cr_assert(eq(sz, heard_size, 0));
    wheel_advance(&wheel, wheel.now_ms + 2);
    await_end(fd);
    cr_assert(has_heard("HTTP/1.1 408 "));
    cr_assert(has_heard("Connection: close\r\n"));
    close(fd);
    cr_assert(eq(u64, http_server_counters(server).timeouts, 1));
}

Test(http_server, answers_408_when_a_body_makes_no_progress)
{
    int fd = dial();
    await_connections(1);
    say(fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nb");
    settle();
    wheel_advance(&wheel, wheel.now_ms + BODY_MS - 1);
    say(fd, "o");
    settle();
    wheel_advance(&wheel, wheel.now_ms + BODY_MS - 1);
    settle();
    hear(fd);
    cr_assert(eq(sz, heard_size, 0));
    wheel_advance(&wheel, wheel.now_ms + BODY_MS);
    await_end(fd);
    cr_assert(has_heard("HTTP/1.1 408 "));
    close(fd);
}

Test(http_server, closes_idle_connections_silently)
{
    int fd = dial();
    say(fd, GET("/a"));
    await_responses(fd, 1);
    size_t before = heard_size;
    wheel_advance(&wheel, wheel.now_ms + IDLE_MS - 1);
    settle();
    cr_assert(eq(u32, http_server_connections(server), 1));
    wheel_advance(&wheel, wheel.now_ms + 2);
    await_end(fd);
    cr_assert(eq(sz, heard_size, before));
    close(fd);

    fd = dial();
    await_connections(1);
    wheel_advance(&wheel, wheel.now_ms + HEAD_MS);
    await_end(fd);
    cr_assert(eq(sz, heard_size, 0), "also if nothing was ever said");
    close(fd);
}

Test(http_server, waits_for_the_application_without_end)
{
    int fd = dial();
    say(fd, GET("/later"));
    await_seen(1);
    wheel_advance(&wheel, wheel.now_ms + 1000 * 1000);
    settle();
    answer(tickets[0], "patience");
    await_responses(fd, 1);
    close(fd);
}

Test(http_server, drops_a_peer_that_does_not_take_its_answer)
{
    big_size = 8 * 1000 * 1000;
    int fd = dial();
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say(fd, GET("/big"));
    await_seen(1);
    say(fd, GET("/a")); /* waits behind the answer */
    settle();
    cr_assert(buddy.used > 0);
    for (unsigned i = 0; i < 100; i++) /* until no more fits into the kernel's buffers */
        settle();
    wheel_advance(&wheel, wheel.now_ms + BODY_MS + 1);
    await_connections(0);
    cr_assert(eq(sz, buddy.used, 0));
    close(fd);
}

/* ---- limits and life ---- */

Test(http_server, drops_the_answer_when_the_connection_has_gone)
{
    int fd = dial();
    say(fd, GET("/later"));
    await_seen(1);
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    await_connections(0);
    answer(tickets[0], "nobody is there");

    fd = dial();
    say(fd, GET("/later"));
    await_seen(2);
    answer(tickets[0], "an old ticket");
    answer(tickets[1], "the right one");
    answer(tickets[1], "once more");
    await_responses(fd, 1);
    cr_assert(has_heard("the right one"));
    close(fd);
}

Test(http_server, closes_connections_that_are_too_many_at_once)
{
    int fds[CONNECTIONS];
    for (unsigned i = 0; i < CONNECTIONS; i++)
        fds[i] = dial();
    await_connections(CONNECTIONS);
    int fd = dial();
    for (unsigned i = 0; i < TURNS_MAX && !heard_end && !heard_reset; i++) {
        turn();
        hear(fd);
    }
    cr_assert(heard_end || heard_reset);
    cr_assert(eq(u64, http_server_counters(server).refused, 1));
    close(fd);
    close(fds[0]);
    await_connections(CONNECTIONS - 1);
    fd = dial();
    say(fd, GET("/a"));
    await_responses(fd, 1);
    close(fd);
    for (unsigned i = 1; i < CONNECTIONS; i++)
        close(fds[i]);
}

Test(http_server, answers_503_when_memory_runs_out)
{
    void *taken[64];
    unsigned count = 0;
    for (size_t size = 8 * 1024 * 1024; size >= 512; size /= 2)
        while (count < 64 && (taken[count] = buddy_take(&buddy, size)))
            count++;
    EXPECT_REFUSAL(503, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    cr_assert(has_heard("Retry-After: 1\r\n"));
    int fd = dial();
    say(fd, GET("/whole"));
    await_responses(fd, 1);
    cr_assert(has_heard("answer 1"), "what fits one receive buffer needs no memory");
    big_size = 5000;
    say(fd, GET("/big"));
    await_responses(fd, 2);
    cr_assert(has_heard("HTTP/1.1 503 "));
    close(fd);
    while (count > 0)
        buddy_give(&buddy, taken[--count]);
}

Test(http_server, drains)
{
    int idle = dial(), waiting = dial(), partial = dial();
    say(waiting, GET("/later"));
    await_seen(1);
    say(partial, "GET /a HTTP/1.1\r\n");
    await_connections(3);
    settle();
    http_server_drain(server);
    await_connections(2);
    await_end(idle);
    heard_end = false;
    answer(tickets[0], "last");
    await_end(waiting);
    cr_assert(has_heard("last") && has_heard("Connection: close\r\n"));
    heard_end = false;
    say(partial, "Host: a\r\n\r\n");
    await_end(partial);
    close(idle);
    close(waiting);
    close(partial);
    await_connections(0);
    for (unsigned i = 0; i < TURNS_MAX && !http_server_idle(server); i++)
        turn();
    cr_assert(http_server_idle(server));
}

/* ---- the model ---- */

/* A random request, and what the application has to see of it. */
static size_t make_request(char *text, char *expected)
{
    char body[6000];
    size_t body_size = random() % 3 ? (size_t)random() % 200 : (size_t)random() % sizeof body;
    for (size_t i = 0; i < body_size; i++)
        body[i] = (char)('a' + random() % 26);
    unsigned number = (unsigned)random() % 1000;
    size_t size = (size_t)sprintf(text, "%sPOST /%u HTTP/1.1\r\nHost: a\r\n",
                                  random() % 8 ? "" : "\r\n", number);
    if (random() % 2) {
        size += (size_t)sprintf(text + size, "Content-Length: %zu\r\n\r\n%.*s", body_size,
                                (int)body_size, body);
    } else {
        size += (size_t)sprintf(text + size, "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0; at < body_size;) {
            size_t run = 1 + (size_t)random() % (body_size - at);
            size += (size_t)sprintf(text + size, "%zx%s\r\n%.*s\r\n", run,
                                    random() % 4 ? "" : ";a=b", (int)run, body + at);
            at += run;
        }
        size += (size_t)sprintf(text + size, "0\r\n%s\r\n", random() % 4 ? "" : "T: x\r\n");
    }
    sprintf(expected, "POST /%u? [%.*s]\n", number, (int)body_size, body);
    return size;
}

Test(http_server, sees_the_same_requests_however_they_are_cut)
{
    static char text[LOG_SIZE], expected[LOG_SIZE];
    srandom(7);
    size_t size = 0, expected_size = 0;
    enum { REQUESTS = 300 };
    for (unsigned i = 0; i < REQUESTS; i++) {
        size += make_request(text + size, expected + expected_size);
        expected_size += strlen(expected + expected_size);
    }
    int fd = dial();
    for (size_t at = 0; at < size;) {
        size_t piece = 1 + (size_t)random() % (random() % 4 ? 100 : 9000);
        if (piece > size - at)
            piece = size - at;
        say_bytes(fd, text + at, piece);
        at += piece;
        if (random() % 2)
            loop_turn(loop, clock_monotonic_ns() + 100000);
        hear(fd);
    }
    await_responses(fd, REQUESTS);
    cr_assert(eq(sz, seen_size, expected_size), "seed 7");
    cr_assert(memcmp(seen, expected, seen_size) == 0, "seed 7");
    close(fd);
    await_connections(0);
    cr_assert(eq(sz, buddy.used, 0));
}
