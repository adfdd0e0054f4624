/* The client through a proxy, which is the test's own and says what it likes. Names are resolved by
 * a fake that stands in for resolver.c. */
#include "net/http_client.h"

#include "base/clock.h"
#include "tests/support/certificate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALL_MS = 15000, TURNS_MAX = 20000, RECEIVER_PORT = 4711 };

static struct loop *loop;
static struct wheel wheel;
static struct http_client *client;
static struct http_client_options options;
static struct http_origin *origin;
static struct proxy proxy;
static struct authority authority;
static struct certificate certificate;
static struct tls_context *server_tls;
static int listener;
static struct address bound;
static unsigned asked; /* addresses that the client asked about */
static const char *refused = "";

/* ---- a resolver that knows a few names ---- */

void resolver_find(struct resolver *resolver, struct slice host, struct resolver_query *query)
{
    (void)resolver;
    struct resolver_result result = {.count = 1};
    const char *first = slice_equal(host, SLICE("proxy.test")) ? "127.0.0.1" : "192.0.2.1";
    cr_assert(eq(int, address_parse_ip(slice_str(first), 0, &result.addresses[0]), 0));
    cr_assert(eq(int, address_parse_ip(SLICE("2001:db8::2"), 0, &result.addresses[1]), 0));
    if (slice_equal(host, SLICE("two.test")))
        result.count = 2;
    if (slice_equal(host, SLICE("missing.test"))) {
        result.error = -ENOENT;
        result.why = "no such name";
    }
    query->on_done(query, &result);
}

void resolver_cancel(struct resolver_query *query)
{
    (void)query;
}

static bool allowed(void *context, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    (void)context;
    asked++;
    cr_assert(ne(int, address_port(address), address_port(&bound)), "nobody asks for the proxy");
    return !slice_equal(address_print_ip(address, text), slice_str(refused));
}

/* ---- life ---- */

static void turn(void)
{
    loop_turn(loop, clock_monotonic_ns() + 1000000);
}

/* `format` has a place for the port of the proxy. */
static void use_proxy(const char *format)
{
    char url[128], why[PROXY_WHY_SIZE];
    snprintf(url, sizeof url, format, address_port(&bound));
    cr_assert(eq(int, proxy_parse(&proxy, slice_str(url), why), 0), "%s", why);
}

static void use_origin(const char *scheme, const char *host)
{
    char text[128], why[URL_WHY_SIZE];
    struct url url;
    if (origin)
        http_origin_give(client, origin);
    snprintf(text, sizeof text, "%s://%s:%d/", scheme, host, RECEIVER_PORT);
    cr_assert(eq(int, url_parse(slice_str(text), &url, why), 0), "%s", why);
    origin = http_origin_take(client, &url, NULL);
    cr_assert(origin != NULL);
}

static void start(void)
{
    char why[LOOP_WHY_SIZE] = "";
    const struct loop_options sizes = {.entries = 256, .buffers = 64, .buffer_bytes = 4096};
    struct address wanted;
    authority_open(&authority);
    authority_sign(&authority, &certificate, "DNS:a.test", 3600);
    cr_assert(eq(int, tls_server_open(&server_tls, certificate.chain, certificate.key, why), 0));
    cr_assert(eq(int, tls_client_open(&options.tls, authority.roots, why), 0), "%s", why);
    cr_assert(eq(int, loop_open(&loop, &sizes, why), 0), "%s", why);
    wheel_init(&wheel, 1000);
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &wanted), 0));
    listener = loop_listen(&wanted, false, &bound);
    cr_assert(listener >= 0);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    options.connections_max = 4;
    options.idle_per_origin_max = 2;
    options.idle_timeout_ms = 4000;
    options.allowed = allowed;
    options.proxy = &proxy;
    cr_assert(eq(int, http_client_open(&client, loop, &wheel, NULL, &options), 0));
    use_proxy("http://127.0.0.1:%u");
    use_origin("http", "a.test");
}

static void stop(void)
{
    http_client_stop(client);
    for (unsigned i = 0; i < TURNS_MAX && !http_client_idle(client); i++)
        turn();
    cr_assert(http_client_idle(client));
    http_origin_give(client, origin);
    http_client_close(client);
    close(listener);
    loop_close(loop);
    tls_context_close(server_tls);
    tls_context_close(options.tls);
    authority_close(&authority);
}

TestSuite(http_tunnel, .init = start, .fini = stop);

/* ---- calls ---- */

static struct http_call call;
static char captured[64];
static unsigned done, sent;

static void on_done(struct http_call *ended)
{
    (void)ended;
    done++;
}

static void on_sent(struct http_call *ended)
{
    (void)ended;
    sent++;
}

static char head[] = "POST /hook?a=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\n";
static char body[] = "body";

static void begin(void)
{
    call = (struct http_call){.parts = {{head, sizeof head - 1}, {body, 4}},
                              .part_count = 2,
                              .deadline_ms = wheel.now_ms + CALL_MS,
                              .capture = captured,
                              .capture_room = sizeof captured,
                              .on_sent = on_sent,
                              .on_done = on_done};
    done = sent = 0;
    http_client_call(client, origin, &call);
}

static void expect(enum http_outcome outcome, const char *why)
{
    for (unsigned i = 0; i < TURNS_MAX && !done; i++)
        turn();
    cr_assert(eq(u32, done, 1));
    cr_assert(eq(int, (int)call.outcome, (int)outcome), "%s", call.why);
    cr_assert(strstr(call.why, why) != NULL, "%s", call.why);
}

/* ---- the proxy ---- */

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

static void hear(int fd, const char *expected)
{
    static char heard[4096];
    size_t size = 0, wanted = strlen(expected);
    for (unsigned i = 0; i < TURNS_MAX && size < wanted; i++) {
        turn();
        ssize_t more = recv(fd, heard + size, sizeof heard - 1 - size, 0);
        size += more > 0 ? (size_t)more : 0;
    }
    heard[size] = '\0';
    cr_assert_str_eq(heard, expected);
}

static void say(int fd, const char *text)
{
    cr_assert(eq(int, (int)send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text)));
}

static void await_end(int fd)
{
    static char rest[4096];
    ssize_t size = -1;
    for (unsigned i = 0; i < TURNS_MAX && size != 0; i++) {
        turn();
        size = recv(fd, rest, sizeof rest, 0);
        if (size < 0 && errno == ECONNRESET)
            size = 0;
    }
    cr_assert(eq(int, (int)size, 0), "the client ends the connection");
    close(fd);
}

#define CONNECT     "CONNECT 192.0.2.1:4711 HTTP/1.1\r\nHost: 192.0.2.1:4711\r\n\r\n"
#define REQUEST     "POST /hook?a=1 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 4\r\n\r\nbody"
#define ESTABLISHED "HTTP/1.0 200 Connection established\r\nProxy-agent: test\r\n\r\n"
#define OK          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* A call that comes as far as the question for a tunnel. */
static int begin_tunnel(void)
{
    begin();
    int fd = answer_call();
    hear(fd, CONNECT);
    return fd;
}

/* ---- tunnels ---- */

Test(http_tunnel, is_asked_for_by_the_address_that_was_allowed)
{
    char text[ADDRESS_TEXT_SIZE];
    int fd = begin_tunnel();
    cr_assert(eq(u32, asked, 1));
    cr_assert(eq(u32, sent, 0), "the request is not sent before");
    say(fd, ESTABLISHED);
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    cr_assert(eq(int, call.status, 200));
    cr_assert(eq(u32, sent, 1));
    cr_assert_str_eq(address_print(&call.remote, text).at, "192.0.2.1:4711");

    begin(); /* the tunnel is kept */
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    cr_assert(call.reused);
    cr_assert_str_eq(address_print(&call.remote, text).at, "192.0.2.1:4711");
    cr_assert(eq(u64, http_client_counters(client).connects, 1));
    close(fd);
}

Test(http_tunnel, is_asked_for_with_credentials)
{
    use_proxy("http://me:secret@127.0.0.1:%u");
    begin();
    int fd = answer_call();
    hear(fd, "CONNECT 192.0.2.1:4711 HTTP/1.1\r\nHost: 192.0.2.1:4711\r\n"
             "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n");
    say(fd, ESTABLISHED);
    hear(fd, REQUEST); /* and without them here */
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    close(fd);
}

Test(http_tunnel, goes_to_literal_addresses_of_both_kinds)
{
    use_origin("http", "[2001:db8::1]");
    begin();
    int fd = answer_call();
    hear(fd, "CONNECT [2001:db8::1]:4711 HTTP/1.1\r\nHost: [2001:db8::1]:4711\r\n\r\n");
    http_client_cancel(client, &call);
    expect(HTTP_CANCELLED, "");
    await_end(fd);
}

Test(http_tunnel, goes_through_a_proxy_that_has_a_name)
{
    use_proxy("http://proxy.test:%u");
    int fd = begin_tunnel();
    say(fd, ESTABLISHED);
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    close(fd);
    use_proxy("http://missing.test:%u");
    use_origin("http", "b.test");
    begin();
    expect(HTTP_DNS_FAILED, "the proxy's name: no such name");
}

Test(http_tunnel, is_not_asked_for_where_nobody_may_go)
{
    refused = "192.0.2.1";
    begin();
    expect(HTTP_BLOCKED_ADDRESS, "not allowed");
    cr_assert(eq(u64, http_client_counters(client).blocked, 1));
    cr_assert(eq(int, accept4(listener, NULL, NULL, 0), -1), "the proxy hears nothing of it");
    use_origin("http", "missing.test");
    begin();
    expect(HTTP_DNS_FAILED, "no such name");
}

Test(http_tunnel, skips_addresses_that_are_not_allowed)
{
    refused = "192.0.2.1";
    use_origin("http", "two.test");
    begin();
    int fd = answer_call();
    hear(fd, "CONNECT [2001:db8::2]:4711 HTTP/1.1\r\nHost: [2001:db8::2]:4711\r\n\r\n");
    close(fd);
    expect(HTTP_CONNECT_FAILED, "the proxy ended the connection");
}

Test(http_tunnel, is_asked_for_to_the_next_address_if_one_cannot_be_reached)
{
    use_origin("http", "two.test");
    int fd = begin_tunnel();
    say(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 100\r\n\r\nsorry");
    await_end(fd);
    fd = answer_call();
    hear(fd, "CONNECT [2001:db8::2]:4711 HTTP/1.1\r\nHost: [2001:db8::2]:4711\r\n\r\n");
    say(fd, "HTTP/1.1 504 Gateway Timeout\r\n\r\n");
    expect(HTTP_CONNECT_FAILED, "the proxy answered 504");
    await_end(fd);
}

Test(http_tunnel, is_understood_in_any_pieces)
{
    int fd = begin_tunnel();
    for (const char *at = ESTABLISHED; *at; at++) {
        cr_assert(eq(int, (int)send(fd, at, 1, MSG_NOSIGNAL), 1));
        turn();
    }
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    close(fd);
}

static void expect_refusal(const char *answer, const char *why)
{
    int fd = begin_tunnel();
    say(fd, answer);
    expect(HTTP_CONNECT_FAILED, why);
    cr_assert(eq(u32, sent, 0), "the request is never sent");
    await_end(fd);
}

Test(http_tunnel, that_is_refused_says_why)
{
    expect_refusal("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
                   "407: it wants other cred");
    expect_refusal("HTTP/1.1 403 Forbidden\r\n\r\nno", "the proxy answered 403");
    expect_refusal("HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered 502");
    expect_refusal("HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n", "the proxy answered 301");
    expect_refusal("HTTP/1.1 100 Continue\r\n\r\n", "the proxy answered 100");
    expect_refusal("SSH-2.0-OpenSSH\r\n", "the proxy's answer: ");
    expect_refusal("HTTP/1.1 200 OK\r\n\r\nand more", "said more than its answer");
    expect_refusal("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", "said more than its answer");
}

Test(http_tunnel, is_not_understood_without_end)
{
    static char fields[HTTP_HEAD_MAX];
    memset(fields, 'x', sizeof fields - 1);
    int fd = begin_tunnel();
    say(fd, "HTTP/1.1 200 OK\r\nX: ");
    say(fd, fields);
    expect(HTTP_CONNECT_FAILED, "the proxy");
    await_end(fd);
}

Test(http_tunnel, is_not_waited_for_without_end)
{
    int fd = begin_tunnel();
    say(fd, "HTTP/1.1 200 OK\r\n");
    turn();
    wheel_advance(&wheel, wheel.now_ms + CALL_MS + 1);
    expect(HTTP_TIMEOUT, "awaiting the proxy's answer");
    await_end(fd);
}

Test(http_tunnel, fails_without_a_proxy)
{
    close(listener);
    begin();
    expect(HTTP_CONNECT_FAILED, "the proxy cannot be reached: Connection refused");
    struct address again;
    listener = loop_listen(&bound, false, &again);
}

Test(http_tunnel, that_is_reset_is_asked_for_again_with_the_request)
{
    int fd = begin_tunnel();
    say(fd, ESTABLISHED);
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    begin();
    hear(fd, REQUEST);
    close(fd); /* a kept connection that was ended: once more, silently */
    fd = answer_call();
    hear(fd, CONNECT);
    say(fd, ESTABLISHED);
    hear(fd, REQUEST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    close(fd);
}

/* ---- TLS within ---- */

/* Speaks TLS at the other end of the tunnel until `text` was read or the session has failed. */
static void hear_within(int fd, struct tls *tls, const char *expected)
{
    static char cipher[16 * 1024], plain[4096];
    size_t size = 0;
    for (unsigned i = 0; i < TURNS_MAX && size < strlen(expected); i++) {
        turn();
        ssize_t more = recv(fd, cipher, sizeof cipher, 0);
        if (more > 0)
            tls_feed(tls, cipher, (size_t)more);
        long got = tls_read(tls, plain + size, sizeof plain - 1 - size);
        size += got > 0 ? (size_t)got : 0;
        struct slice output = tls_output(tls);
        if (output.size > 0)
            cr_assert(eq(int, (int)send(fd, output.at, output.size, 0), (int)output.size));
        tls_output_sent(tls, output.size);
        if (tls_state(tls) == TLS_FAILED)
            return;
    }
    plain[size] = '\0';
    cr_assert_str_eq(plain, expected);
}

Test(http_tunnel, carries_tls_that_is_verified_by_name)
{
    struct tls *tls;
    use_origin("https", "a.test");
    int fd = begin_tunnel();
    say(fd, ESTABLISHED);
    cr_assert(eq(int, tls_open_server(&tls, server_tls), 0));
    hear_within(fd, tls, REQUEST);
    cr_assert(eq(int, tls_write(tls, OK, strlen(OK)), 0));
    struct slice output = tls_output(tls);
    cr_assert(eq(int, (int)send(fd, output.at, output.size, 0), (int)output.size));
    expect(HTTP_RESPONSE, "");
    cr_assert(call.tls_ns > 0);
    cr_assert(eq(u64, http_client_counters(client).tls_handshakes, 1));
    tls_close(tls);
    close(fd);
}

Test(http_tunnel, does_not_vouch_for_what_is_at_its_end)
{
    struct tls *tls;
    use_origin("https", "b.test");
    int fd = begin_tunnel();
    say(fd, ESTABLISHED);
    cr_assert(eq(int, tls_open_server(&tls, server_tls), 0));
    hear_within(fd, tls, REQUEST);
    cr_assert(eq(int, (int)tls_state(tls), TLS_FAILED));
    expect(HTTP_TLS_FAILED, "host name does not match");
    tls_close(tls);
    await_end(fd);
}

Test(http_tunnel, fails_as_tls_does_where_nobody_speaks_it)
{
    use_origin("https", "a.test");
    int fd = begin_tunnel();
    say(fd, ESTABLISHED);
    for (unsigned i = 0; i < TURNS_MAX && recv(fd, captured, 1, MSG_PEEK) != 1; i++)
        turn();
    say(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    expect(HTTP_TLS_FAILED, "handshake failed");
    await_end(fd);
}

/* ---- forwarding ---- */

#define FORWARDED "POST http://a.test:4711/hook?a=1 HTTP/1.1\r\n"
#define REST      "Host: a.test\r\nContent-Length: 4\r\n\r\nbody"

Test(http_tunnel, is_not_needed_where_the_proxy_forwards)
{
    proxy.forwards = true;
    begin();
    int fd = answer_call();
    hear(fd, FORWARDED REST);
    say(fd, OK);
    expect(HTTP_RESPONSE, "");
    cr_assert(eq(u32, asked, 1));
    cr_assert(address_equal(&call.remote, &bound));
    begin();
    hear(fd, FORWARDED REST);
    say(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    expect(HTTP_RESPONSE, "");
    cr_assert(eq(int, call.status, 502), "whoever said it");
    close(fd);
}

Test(http_tunnel, forwards_with_credentials)
{
    use_proxy("http://me:secret@127.0.0.1:%u");
    proxy.forwards = true;
    begin();
    int fd = answer_call();
    hear(fd, FORWARDED "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" REST);
    say(fd, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    expect(HTTP_CONNECT_FAILED, "407");
    await_end(fd);
}

Test(http_tunnel, forwards_nothing_to_a_name_that_may_lead_astray)
{
    proxy.forwards = true;
    refused = "2001:db8::2";
    use_origin("http", "two.test");
    begin();
    expect(HTTP_BLOCKED_ADDRESS, "not allowed");
    cr_assert(eq(u32, asked, 2), "each of its addresses is looked at");
    cr_assert(eq(int, accept4(listener, NULL, NULL, 0), -1));
}

Test(http_tunnel, is_asked_for_all_the_same_for_https)
{
    proxy.forwards = true;
    use_origin("https", "a.test");
    int fd = begin_tunnel();
    close(fd);
    expect(HTTP_CONNECT_FAILED, "the proxy ended the connection");
}
