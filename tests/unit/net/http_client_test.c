/* The client over real sockets, in one thread: the receivers are the test's own, saying what they
 * like, or net's server. Names are resolved by a fake that stands in for resolver.c; the time of
 * deadlines is the test's own. */
#include "net/http_client.h"
#include "net/http_server.h"

#include "../../support/certificate.h"
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

static bool allowed(void *context, const struct address *asked_for)
{
    (void)context;
    asked++;
    cr_assert(eq(int, asked_for->any.sa_family, AF_INET));
    return allow_all;
}

static void turn(void)
{
    loop_turn(loop, clock_monotonic_ns() + 1000000);
}

static struct http_origin *take_with(const char *scheme, const char *host, const struct address *at,
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

static struct http_origin *take_origin(const char *scheme, const char *host,
                                       const struct address *at)
{
    return take_with(scheme, host, at, NULL);
}

static int listen_somewhere(struct address *at)
{
    struct address wanted;
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &wanted), 0));
    int fd = loop_listen(&wanted, false, at);
    cr_assert(fd >= 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void start(void)
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

static void stop(void)
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

TestSuite(http_client, .init = start, .fini = stop);

/* ---- calls ---- */

struct trial {
    struct http_call call;
    char captured[32];
    unsigned heads, sent, done;
    struct trial *next; /* begun when this one is done */
};

static void begin(struct trial *trial);

static void on_done(struct http_call *call)
{
    struct trial *trial = container_of(call, struct trial, call);
    trial->done++;
    if (trial->next)
        begin(trial->next);
}

static void on_sent(struct http_call *call)
{
    container_of(call, struct trial, call)->sent++;
}

static void on_head(struct http_call *call, const struct http_head *head)
{
    cr_assert(head->status >= 200);
    container_of(call, struct trial, call)->heads++;
}

static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";

static void prepare(struct trial *trial)
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

static void begin(struct trial *trial)
{
    http_client_call(client, origin, &trial->call);
}

static struct trial *begin_new(void)
{
    static struct trial trials[64];
    static unsigned used;
    struct trial *trial = &trials[used++ % 64];
    prepare(trial);
    begin(trial);
    return trial;
}

static void await_done(struct trial *trial)
{
    for (unsigned i = 0; i < TURNS_MAX && !trial->done; i++)
        turn();
    cr_assert(eq(u32, trial->done, 1));
}

static void expect(struct trial *trial, enum http_outcome outcome, int status)
{
    await_done(trial);
    cr_assert(eq(int, (int)trial->call.outcome, (int)outcome), "%s", trial->call.why);
    cr_assert(eq(int, trial->call.status, status));
    cr_assert(eq(int, trial->call.why[0] == '\0', outcome == HTTP_RESPONSE));
    cr_assert(trial->call.end_ns >= trial->call.start_ns && trial->call.end_ns > 0);
}

/* ---- receivers ---- */

static char heard[4096];

static int answer_call(void)
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
static void hear(int fd)
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

static void say_bytes(int fd, const char *at, size_t size)
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

static void say(int fd, const char *text)
{
    say_bytes(fd, text, strlen(text));
}

static void await_end(int fd)
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

static void await_open(unsigned open, unsigned idle)
{
    for (unsigned i = 0; i < TURNS_MAX && http_client_counters(client).open != open; i++)
        turn();
    cr_assert(eq(u32, http_client_counters(client).open, open));
    cr_assert(eq(u32, http_client_counters(client).idle, idle));
}

/* A call on a new connection that is answered with `text`; the receiver stays in *fd. */
static struct trial *exchange(const char *text, int *fd)
{
    struct trial *trial = begin_new();
    *fd = answer_call();
    hear(*fd);
    say(*fd, text);
    return trial;
}

static void expect_exchange(const char *text, enum http_outcome outcome, int status, bool kept)
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

/* ---- responses ---- */

Test(http_client, gives_the_response)
{
    int fd;
    struct trial *trial = exchange(OK, &fd);
    expect(trial, HTTP_RESPONSE, 200);
    struct http_call *call = &trial->call;
    cr_assert(eq(sz, call->captured, 2));
    cr_assert(memcmp(trial->captured, "ok", 2) == 0);
    cr_assert(not(call->truncated));
    cr_assert(not(call->reused));
    cr_assert(address_equal(&call->remote, &address));
    cr_assert(eq(u32, trial->heads, 1));
    cr_assert(eq(u32, trial->sent, 1));
    cr_assert(call->connect_ns >= call->start_ns && call->first_byte_ns >= call->connect_ns);
    cr_assert(eq(u64, call->tls_ns, 0));
    close(fd);
}

Test(http_client, uses_a_connection_again_last_in_first_out)
{
    int first, second;
    struct trial *a = begin_new(), *b = begin_new();
    first = answer_call();
    second = answer_call();
    hear(first);
    hear(second);
    say(first, OK);
    await_done(a);
    say(second, OK);
    await_done(b);
    await_open(2, 2);
    struct trial *c = begin_new();
    hear(second);
    say(second, OK);
    expect(c, HTTP_RESPONSE, 200);
    cr_assert(c->call.reused);
    cr_assert(eq(u64, http_client_counters(client).reuses, 1));
    cr_assert(eq(u64, http_client_counters(client).connects, 2));
    close(first);
    close(second);
}

Test(http_client, lets_on_done_begin_the_next_call)
{
    static struct trial a, b;
    prepare(&a);
    prepare(&b);
    a.next = &b;
    begin(&a);
    int fd = answer_call();
    hear(fd);
    say(fd, OK);
    hear(fd);
    say(fd, OK);
    expect(&b, HTTP_RESPONSE, 200);
    cr_assert(b.call.reused);
    close(fd);
}

Test(http_client, reads_bodies_of_every_kind)
{
    expect_exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                    HTTP_RESPONSE, 200, true);
    expect_exchange("HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", HTTP_RESPONSE, 204,
                    true);
    expect_exchange("HTTP/1.1 500 \r\nContent-Length: 0\r\n\r\n", HTTP_RESPONSE, 500, true);
}

Test(http_client, reads_a_response_that_comes_byte_by_byte)
{
    static const char text[] =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nX: y\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n";
    int fd;
    struct trial *trial = exchange("", &fd);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        cr_assert(eq(u32, trial->done, 0));
        say_bytes(fd, text + i, 1);
        loop_turn(loop, clock_monotonic_ns() + 100000);
    }
    expect(trial, HTTP_RESPONSE, 202);
    cr_assert(eq(sz, trial->call.captured, 5));
    cr_assert(memcmp(trial->captured, "abcde", 5) == 0);
    await_open(1, 1);
    close(fd);
}

Test(http_client, reads_until_the_end_if_no_length_is_given)
{
    int fd;
    struct trial *trial = exchange("HTTP/1.1 200 OK\r\n\r\nall of it", &fd);
    turn();
    cr_assert(eq(u32, trial->done, 0));
    close(fd);
    expect(trial, HTTP_RESPONSE, 200);
    cr_assert(eq(sz, trial->call.captured, 9));
    await_open(0, 0);
}

Test(http_client, expects_no_body_after_head)
{
    static struct trial trial;
    prepare(&trial);
    trial.call.is_head = true;
    begin(&trial);
    int fd = answer_call();
    hear(fd);
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    expect(&trial, HTTP_RESPONSE, 200);
    await_open(1, 1);
    close(fd);
}

Test(http_client, keeps_the_beginning_of_a_body)
{
    int fd;
    struct trial *trial = exchange("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
                                   "0123456789012345678901234567890123456789",
                                   &fd);
    expect(trial, HTTP_RESPONSE, 200);
    cr_assert(eq(sz, trial->call.captured, 32));
    cr_assert(trial->call.truncated);
    await_open(1, 1);
    close(fd);
}

Test(http_client, takes_a_very_long_response_by_its_status)
{
    static char body[70 * 1000];
    int fd;
    struct trial *trial = exchange("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", &fd);
    say_bytes(fd, body, sizeof body);
    expect(trial, HTTP_RESPONSE, 200);
    await_open(0, 0);
    close(fd);
    trial = exchange("HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", &fd);
    say_bytes(fd, body, sizeof body);
    expect(trial, HTTP_RESPONSE, 201);
    await_open(0, 0);
    close(fd);
}

#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define CONTINUE_8                                        \
    CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE CONTINUE \
        "HTTP/1.1 102 \r\n\r\n"                           \
        "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"

Test(http_client, skips_interim_responses)
{
    expect_exchange(CONTINUE OK, HTTP_RESPONSE, 200, true);
    expect_exchange(CONTINUE_8 OK, HTTP_RESPONSE, 200, true);
    expect_exchange(CONTINUE_8 CONTINUE OK, HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 101 Switching\r\n\r\n", HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 199 x\r\n\r\n" OK, HTTP_RESPONSE_INVALID, 0, false);
}

Test(http_client, does_not_keep_a_connection_that_is_to_end)
{
    expect_exchange("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
                    HTTP_RESPONSE, 200, false);
    expect_exchange("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", HTTP_RESPONSE, 200, false);
    expect_exchange("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
                    HTTP_RESPONSE, 200, true);
}

Test(http_client, does_not_keep_a_connection_with_more_than_was_asked_for)
{
    expect_exchange(OK "HTTP/1.1 500 Poison\r\n\r\n", HTTP_RESPONSE, 200, false);
}

Test(http_client, refuses_what_is_not_http)
{
    expect_exchange("SSH-2.0-OpenSSH_9.2\r\n", HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 200 OK\nContent-Length: 0\n\n", HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    HTTP_RESPONSE_INVALID, 0, false);
    expect_exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", HTTP_RESPONSE_INVALID, 0,
                    false);
    expect_exchange("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
                    HTTP_RESPONSE_INVALID, 200, false);
}

Test(http_client, refuses_a_response_that_ends_too_soon)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"", 0},
        {"HTTP/1.1 200 OK\r\n", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", 200},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", 200},
    };
    for (unsigned i = 0; i < 4; i++) {
        int fd;
        struct trial *trial = exchange(cases[i].text, &fd);
        close(fd);
        expect(trial, HTTP_RESPONSE_INVALID, cases[i].status);
        await_open(0, 0);
    }
}

Test(http_client, refuses_a_body_without_length_that_is_reset)
{
    int fd;
    struct trial *trial = exchange("HTTP/1.1 200 OK\r\n\r\nhalf", &fd);
    for (unsigned i = 0; i < TURNS_MAX && !trial->heads; i++)
        turn();
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
    expect(trial, HTTP_RESPONSE_INVALID, 200);
}

/* ---- connections ---- */

Test(http_client, says_when_nobody_listens)
{
    struct address gone;
    int fd = listen_somewhere(&gone);
    close(fd);
    http_origin_give(client, origin);
    origin = take_origin("http", "127.0.0.1", &gone);
    expect(begin_new(), HTTP_CONNECT_REFUSED, 0);
    await_open(0, 0);
}

Test(http_client, connects_to_no_address_that_is_not_allowed)
{
    allow_all = false;
    struct trial *trial = begin_new();
    cr_assert(eq(u32, trial->done, 1), "at once");
    expect(trial, HTTP_BLOCKED_ADDRESS, 0);
    cr_assert(eq(u32, asked, 1));
    cr_assert(eq(u64, http_client_counters(client).blocked, 1));
    http_origin_give(client, origin);
    origin = take_origin("http", "two.test", &address);
    expect(begin_new(), HTTP_BLOCKED_ADDRESS, 0);
    cr_assert(eq(u32, asked, 3), "each address of a name is asked for");
    turn();
    cr_assert(accept4(listener, NULL, NULL, 0) < 0);
}

Test(http_client, keeps_no_connection_of_an_origin_that_was_retired)
{
    int fd;
    struct trial *trial = begin_new();
    fd = answer_call();
    hear(fd);
    struct http_origin *old = origin;
    http_origin_retire(client, old);
    origin = take_origin("http", "a.test", &address);
    cr_assert(ne(ptr, origin, old), "the call still holds the old one");
    say(fd, OK);
    expect(trial, HTTP_RESPONSE, 200);
    await_open(0, 0);
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    cr_assert(eq(u64, http_client_counters(client).reuses, 0));
}

Test(http_client, tries_the_addresses_of_a_name_in_turn)
{
    http_origin_give(client, origin);
    origin = take_origin("http", "two.test", &address);
    int fd;
    struct trial *trial = exchange(OK, &fd);
    expect(trial, HTTP_RESPONSE, 200);
    cr_assert(address_equal(&trial->call.remote, &address));
    cr_assert(trial->call.dns_ns > 0);
    cr_assert(eq(u32, asked, 2));
    close(fd);
}

Test(http_client, says_when_a_name_is_not_found)
{
    http_origin_give(client, origin);
    origin = take_origin("http", "missing.test", &address);
    struct trial *trial = begin_new();
    expect(trial, HTTP_DNS_FAILED, 0);
    cr_assert(strcmp(trial->call.why, "no such name") == 0);
}

Test(http_client, sends_once_more_when_a_kept_connection_has_died)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    struct trial *trial = begin_new();
    hear(fd);
    close(fd);
    fd = answer_call();
    hear(fd);
    say(fd, OK);
    expect(trial, HTTP_RESPONSE, 200);
    cr_assert(not(trial->call.reused));
    cr_assert(eq(u64, http_client_counters(client).resends, 1));

    trial = begin_new();
    hear(fd);
    close(fd);
    fd = answer_call();
    hear(fd);
    close(fd);
    expect(trial, HTTP_RESPONSE_INVALID, 0);
}

Test(http_client, does_not_send_again_after_the_first_byte)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    struct trial *trial = begin_new();
    hear(fd);
    say(fd, "H");
    close(fd);
    expect(trial, HTTP_RESPONSE_INVALID, 0);
    cr_assert(eq(u64, http_client_counters(client).resends, 0));
}

static unsigned resends_asked;

static bool refuse_resend(struct http_call *call)
{
    (void)call;
    resends_asked++;
    return false;
}

Test(http_client, asks_before_it_sends_again)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    static struct trial trial;
    prepare(&trial);
    trial.call.resend = refuse_resend;
    begin(&trial);
    hear(fd);
    close(fd);
    expect(&trial, HTTP_RESPONSE_INVALID, 0);
    cr_assert(eq(u32, resends_asked, 1));
    await_open(0, 0);
}

Test(http_client, closes_an_idle_connection_that_says_something_or_ends)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    await_open(1, 1);
    say(fd, OK);
    await_end(fd);
    await_open(0, 0);
    close(fd);
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    await_open(1, 1);
    close(fd);
    await_open(0, 0);
}

Test(http_client, closes_connections_that_are_idle_for_long)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    wheel_advance(&wheel, wheel.now_ms + IDLE_MS - 1);
    turn();
    await_open(1, 1);
    wheel_advance(&wheel, wheel.now_ms + 1);
    await_end(fd);
    await_open(0, 0);
    close(fd);
}

Test(http_client, keeps_only_so_many_idle_connections)
{
    int fds[IDLE_PER_ORIGIN + 1];
    struct trial *trials[IDLE_PER_ORIGIN + 1];
    for (unsigned i = 0; i <= IDLE_PER_ORIGIN; i++)
        trials[i] = exchange("", &fds[i]);
    for (unsigned i = 0; i <= IDLE_PER_ORIGIN; i++) {
        say(fds[i], OK);
        expect(trials[i], HTTP_RESPONSE, 200);
    }
    await_open(IDLE_PER_ORIGIN, IDLE_PER_ORIGIN);
    for (unsigned i = 0; i <= IDLE_PER_ORIGIN; i++)
        close(fds[i]);
}

Test(http_client, has_no_more_connections_than_its_pool)
{
    int fds[LINKS];
    struct trial *trials[LINKS];
    for (unsigned i = 0; i < LINKS; i++)
        trials[i] = exchange("", &fds[i]);
    struct trial *trial = begin_new();
    cr_assert(eq(u32, trial->done, 1));
    expect(trial, HTTP_NO_CONNECTION, 0);
    say(fds[0], OK);
    expect(trials[0], HTTP_RESPONSE, 200);

    /* An idle connection of one origin makes room for another. */
    struct http_origin *first = origin;
    origin = take_origin("http", "localhost.test", &address);
    struct trial *other = NULL;
    for (unsigned i = 0; i < TURNS_MAX && (!other || other->call.outcome == HTTP_NO_CONNECTION);
         i++) {
        turn();
        other = begin_new();
        if (!other->done)
            break;
    }
    int fd = answer_call();
    hear(fd);
    say(fd, OK);
    expect(other, HTTP_RESPONSE, 200);
    for (unsigned i = 1; i < LINKS; i++) {
        say(fds[i], OK);
        expect(trials[i], HTTP_RESPONSE, 200);
        close(fds[i]);
    }
    close(fds[0]);
    close(fd);
    http_origin_give(client, first);
}

Test(http_client, has_one_origin_for_equal_urls)
{
    struct http_origin *same = take_origin("http", "127.0.0.1", &address);
    struct http_origin *name = take_origin("http", "a.test", &address);
    struct http_origin *upper = take_origin("HTTP", "A.Test", &address);
    struct http_origin *https = take_origin("https", "a.test", &address);
    cr_assert(eq(ptr, same, origin));
    cr_assert(eq(ptr, name, upper));
    cr_assert(ne(ptr, name, https));
    cr_assert(ne(ptr, name, origin));
    http_origin_give(client, same);
    http_origin_give(client, name);
    http_origin_give(client, upper);
    http_origin_give(client, https);
}

Test(http_client, closes_the_connections_of_an_origin_that_nobody_holds)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    http_origin_give(client, origin);
    origin = NULL;
    await_end(fd);
    close(fd);
    await_open(0, 0);
}

/* ---- time, and calls that are given up ---- */

Test(http_client, times_out_whatever_it_waits_for)
{
    int fd;
    struct trial *trial = exchange("HTTP/1.1 200 OK\r\nConte", &fd);
    wheel_advance(&wheel, wheel.now_ms + CALL_MS - 1);
    turn();
    cr_assert(eq(u32, trial->done, 0));
    wheel_advance(&wheel, wheel.now_ms + 1);
    expect(trial, HTTP_TIMEOUT, 0);
    await_end(fd);
    close(fd);

    http_origin_give(client, origin);
    origin = take_origin("http", "slow.test", &address);
    trial = begin_new();
    cr_assert(waiting_query != NULL);
    wheel_advance(&wheel, wheel.now_ms + CALL_MS);
    expect(trial, HTTP_TIMEOUT, 0);
    cr_assert(waiting_query == NULL, "the query is cancelled");
    await_open(0, 0);
}

Test(http_client, cancels)
{
    int fd;
    struct trial *trial = exchange("", &fd);
    for (unsigned i = 0; i < TURNS_MAX && !trial->sent; i++)
        turn();
    http_client_cancel(client, &trial->call);
    cr_assert(eq(u32, trial->done, 1), "before it returns");
    expect(trial, HTTP_CANCELLED, 0);
    await_end(fd);
    close(fd);

    trial = begin_new();
    http_client_cancel(client, &trial->call);
    expect(trial, HTTP_CANCELLED, 0);
    await_open(0, 0);
}

static char *large;
enum { LARGE = 16 * 1024 * 1024 };

/* A request so large that it cannot be sent before the receiver reads. */
static void begin_large(struct trial *trial)
{
    large = calloc(1, LARGE);
    prepare(trial);
    trial->call.parts[0] = (struct iovec){large, LARGE};
    trial->call.part_count = 1;
    begin(trial);
}

Test(http_client, reports_only_when_the_request_is_not_read_any_more)
{
    static struct trial trial;
    begin_large(&trial);
    int fd = answer_call();
    turn();
    http_client_cancel(client, &trial.call);
    cr_assert(eq(u32, trial.done, 0), "the kernel still has it");
    expect(&trial, HTTP_CANCELLED, 0);
    await_open(0, 0);
    free(large);
    close(fd);

    begin_large(&trial);
    fd = answer_call();
    turn();
    wheel_advance(&wheel, wheel.now_ms + CALL_MS);
    cr_assert(eq(u32, trial.done, 0));
    expect(&trial, HTTP_TIMEOUT, 0);
    free(large);
    close(fd);
}

Test(http_client, takes_a_response_that_comes_before_the_request_is_sent)
{
    static struct trial trial;
    begin_large(&trial);
    int fd = answer_call();
    turn();
    say(fd, "HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n");
    expect(&trial, HTTP_RESPONSE, 413);
    cr_assert(eq(u32, trial.sent, 0));
    await_open(0, 0);
    free(large);
    close(fd);
}

/* ---- with net's own server ---- */

static struct http_server *server;
static struct buddy buddy;
static struct address server_address;

static size_t body_max(void *context, const struct http_head *head)
{
    (void)context;
    (void)head;
    return 1024 * 1024;
}

static void echo(void *context, struct http_ticket ticket, const struct http_request *got)
{
    (void)context;
    struct http_response response = {
        .status = 200, .body = got->body, .close = got->body.size % 16 == 15};
    http_server_reply(server, ticket, &response);
}

static void start_server(struct tls_context *tls)
{
    cr_assert(eq(int, buddy_open(&buddy, 16 * 1024 * 1024), 0));
    struct http_server_options server_options = {.connections_max = 16,
                                                 .head_timeout_ms = 10000,
                                                 .idle_timeout_ms = 60000,
                                                 .body_timeout_ms = 10000,
                                                 .body_max = body_max,
                                                 .on_request = echo};
    cr_assert(eq(int, http_server_open(&server, loop, &wheel, &buddy, &server_options), 0));
    int fd = listen_somewhere(&server_address);
    cr_assert(eq(int, http_server_listen(server, fd, tls), 0));
}

static void stop_server(void)
{
    http_server_stop(server);
    for (unsigned i = 0; i < TURNS_MAX && !http_server_idle(server); i++)
        turn();
    http_server_close(server);
    cr_assert(eq(sz, buddy.used, 0));
    buddy_close(&buddy);
}

/* Bodies of random sizes, some calls at a time; each is answered with what was sent. */
static void exchange_many(struct http_origin *with, unsigned count)
{
    static struct {
        struct trial trial;
        char head[128], body[60000], captured[60000];
    } slots[LINKS];
    unsigned begun = 0, done = 0;
    http_origin_give(client, origin);
    origin = with;
    for (unsigned turns = 0; done < count && turns < TURNS_MAX; turns++) {
        for (unsigned i = 0; i < LINKS; i++) {
            struct trial *trial = &slots[i].trial;
            if (trial->done && trial->call.outcome == HTTP_NO_CONNECTION) {
                trial->done = 0; /* those that are being closed are still counted */
                begin(trial);
            } else if (trial->done) {
                expect(trial, HTTP_RESPONSE, 200);
                cr_assert(eq(sz, trial->call.captured, trial->call.parts[1].iov_len), "seed 7");
                cr_assert(memcmp(slots[i].captured, slots[i].body, trial->call.captured) == 0);
                trial->call.on_done = NULL;
                trial->done = 0;
                done++;
            }
            if (trial->call.on_done || begun == count)
                continue;
            prepare(trial);
            size_t size = (size_t)random() % (random() % 4 ? 300 : sizeof slots[i].body);
            memset(slots[i].body, 'a' + (int)(begun % 26), size);
            int head = snprintf(slots[i].head, sizeof slots[i].head,
                                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", size);
            trial->call.parts[0] = (struct iovec){slots[i].head, (size_t)head};
            trial->call.parts[1] = (struct iovec){slots[i].body, size};
            trial->call.capture = slots[i].captured;
            trial->call.capture_room = sizeof slots[i].captured;
            begin(trial);
            begun++;
        }
        turn();
    }
    cr_assert(eq(u32, done, count), "seed 7");
}

Test(http_client, exchanges_whatever_with_the_server)
{
    srandom(7);
    start_server(NULL);
    exchange_many(take_origin("http", "127.0.0.1", &server_address), 2000);
    cr_assert(http_client_counters(client).reuses > 1000);
    cr_assert(eq(u64, http_server_counters(server).requests,
                 2000 + http_client_counters(client).resends));
    stop_server();
}

static struct authority authority;
static struct certificate certificate;
static struct tls_context *server_tls;

/* A server for a.test and 127.0.0.1, and a client that trusts its authority. */
static void start_tls(void)
{
    char why[TLS_WHY_SIZE] = "";
    authority_open(&authority);
    authority_sign(&authority, &certificate, "DNS:a.test,IP:127.0.0.1", 3600);
    int error = tls_server_open(&server_tls, certificate.chain, certificate.key, why);
    cr_assert(eq(int, error, 0), "%s", why);
    cr_assert(eq(int, tls_client_open(&options.tls, authority.roots, why), 0), "%s", why);
    start();
    start_server(server_tls);
}

static void stop_tls(void)
{
    stop_server();
    stop();
    tls_context_close(server_tls);
    tls_context_close(options.tls);
    authority_close(&authority);
}

TestSuite(http_client_tls, .init = start_tls, .fini = stop_tls);

Test(http_client_tls, exchanges_whatever_with_the_server)
{
    srandom(7);
    exchange_many(take_origin("https", "a.test", &server_address), 500);
    struct http_client_counters counters = http_client_counters(client);
    cr_assert(counters.tls_handshakes > 0 && counters.reuses > 200);
    cr_assert(counters.tls_resumed > 0, "sessions are resumed");
}

Test(http_client_tls, verifies_names_and_addresses)
{
    http_origin_give(client, origin);
    origin = take_origin("https", "127.0.0.1", &server_address);
    struct trial *trial = begin_new();
    expect(trial, HTTP_RESPONSE, 200);
    cr_assert(trial->call.connect_ns >= trial->call.start_ns);
    cr_assert(trial->call.tls_ns > trial->call.connect_ns);
    http_origin_give(client, origin);
    origin = take_origin("https", "b.test", &server_address);
    expect(begin_new(), HTTP_TLS_FAILED, 0);
    await_open(0, 0);
}

Test(http_client_tls, fails_where_nobody_speaks_it)
{
    http_origin_give(client, origin);
    origin = take_origin("https", "127.0.0.1", &address);
    struct trial *trial = begin_new();
    int fd = answer_call();
    say(fd, OK);
    expect(trial, HTTP_TLS_FAILED, 0);
    close(fd);
}

/* ---- origins ---- */

static bool allowed_too(void *context, const struct address *asked_for)
{
    (void)asked_for;
    return *(const bool *)context;
}

Test(http_client_tls, keeps_origins_apart_that_ask_for_different_things)
{
    static bool yes = true, no = false;
    struct trust_pin pins[2] = {{"a"}, {"b"}};
    char *roots = certificate_text(authority.roots);
    char *chain = certificate_text(certificate.chain), *key = certificate_text(certificate.key);
    const struct http_origin_options all[] = {
        {0},
        {.is_unverified = true},
        {.trust.roots = roots},
        {.trust.certificate = chain, .trust.key = key},
        {.trust.pins = pins, .trust.pin_count = 1},
        {.trust.pins = pins + 1, .trust.pin_count = 1},
        {.trust.version_min = TRUST_TLS_1_3},
        {.trust.version_min = TRUST_TLS_1_3, .is_unverified = true},
        {.allowed = allowed_too, .context = &yes},
        {.allowed = allowed_too, .context = &no},
        {.allowed = allowed, .context = &yes},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    struct http_origin *taken[COUNT], *again[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        taken[i] = take_with("https", "a.test", &server_address, &all[i]);
        for (unsigned k = 0; k < i; k++)
            cr_assert(ne(ptr, taken[i], taken[k]), "%u and %u", i, k);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        again[i] = take_with("https", "A.TEST", &server_address, &all[i]);
        cr_assert(eq(ptr, again[i], taken[i]), "%u", i);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        http_origin_give(client, taken[i]);
        http_origin_give(client, again[i]);
    }
    free(roots);
    free(chain);
    free(key);
}

/* Calls once with other options than before, at the server's a.test. */
static void call_with(const struct http_origin_options *asked_of_it, enum http_outcome outcome)
{
    if (origin)
        http_origin_give(client, origin);
    origin = take_with("https", "a.test", &server_address, asked_of_it);
    expect(begin_new(), outcome, outcome == HTTP_RESPONSE ? 200 : 0);
}

Test(http_client_tls, shares_no_connection_and_no_session_between_them)
{
    struct trust_pin pin;
    certificate_pin(certificate.chain, pin.bytes);
    struct http_origin *usual = take_origin("https", "a.test", &server_address);
    call_with(NULL, HTTP_RESPONSE);
    call_with(NULL, HTTP_RESPONSE);
    cr_assert(eq(u64, http_client_counters(client).tls_handshakes, 1));
    cr_assert(eq(u64, http_client_counters(client).reuses, 1));
    call_with(&(struct http_origin_options){.trust.pins = &pin, .trust.pin_count = 1},
              HTTP_RESPONSE);
    cr_assert(eq(u64, http_client_counters(client).tls_handshakes, 2));
    cr_assert(eq(u64, http_client_counters(client).reuses, 1));
    cr_assert(eq(u64, http_client_counters(client).tls_resumed, 0));
    http_origin_give(client, usual);
}

Test(http_client_tls, asks_the_origins_own_rule_for_each_address)
{
    static bool yes = true, no = false;
    unsigned before = asked;
    call_with(&(struct http_origin_options){.allowed = allowed_too, .context = &no},
              HTTP_BLOCKED_ADDRESS);
    call_with(&(struct http_origin_options){.allowed = allowed_too, .context = &yes},
              HTTP_RESPONSE);
    cr_assert(eq(u32, asked, before), "in place of the client's");
    await_open(1, 1);
}

Test(http_client_tls, fails_with_a_receiver_that_is_not_the_pinned_one)
{
    struct trust_pin pin = {"nobody's"};
    const struct http_origin_options pinned = {.trust.pins = &pin, .trust.pin_count = 1};
    call_with(&pinned, HTTP_TLS_FAILED);
    await_open(0, 0);
}

Test(http_client_tls, fails_every_call_of_settings_that_cannot_be_used)
{
    unsigned before = asked;
    call_with(&(struct http_origin_options){.trust.roots = "no certificate"}, HTTP_TLS_FAILED);
    call_with(&(struct http_origin_options){.trust.certificate = "no", .trust.key = "no"},
              HTTP_TLS_FAILED);
    cr_assert(eq(u32, asked, before), "and connects to nothing");
    await_open(0, 0);
}
