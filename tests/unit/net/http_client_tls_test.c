/* The client and net's own server, which echoes, in plain and over TLS; and what an origin asks of
 * TLS. */
#include "http_client_stage.h"

#include "net/http_server.h"

#include "../../support/certificate.h"

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

TestSuite(http_client_plain, .init = start, .fini = stop);

Test(http_client_plain, exchanges_whatever_with_the_server)
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
