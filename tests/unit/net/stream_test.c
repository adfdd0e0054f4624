/* Streams in pairs over the loopback interface, each case in the clear and under TLS. Every end
 * lives in memory of its own that is freed in on_closed, so the sanitizer sees a touch that comes
 * later. */
#include "net/stream.h"

#include "base/list.h"
#include "tests/support/certificate.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, MUCH = 4 << 20, NOT_YET = 1 };

enum moment { NEVER, AT_OPEN, AT_DATA, AT_SENT, AT_END };

/* What is known of an end, also when its stream has gone. */
struct report {
    int open, end, sent; /* NOT_YET, or the result */
    unsigned sents, closes;
    size_t bytes;
    bool in_order;
    char why[TLS_WHY_SIZE];
};

struct end {
    struct stream stream;
    struct report *report;
    enum moment close_at;
};

static struct loop *loop;
static int listener;
static struct address bound;
static struct loop_op accept_op;
static bool secure;
static struct authority authority;
static struct tls_context *server_tls, *client_tls;

static struct end *client, *server;
static struct report client_report, server_report;
static char pattern[MUCH];

/* ---- an end ---- */

static struct end *end_of(struct stream *stream)
{
    return container_of(stream, struct end, stream);
}

static void close_if(struct end *end, enum moment moment)
{
    if (end->close_at == moment)
        stream_close(&end->stream);
}

static void on_open(struct stream *stream, int result)
{
    struct end *end = end_of(stream);
    cr_assert(eq(int, end->report->open, NOT_YET), "once");
    end->report->open = result;
    if (result)
        snprintf(end->report->why, sizeof end->report->why, "%s", stream_why(stream));
    close_if(end, AT_OPEN);
}

static void on_data(struct stream *stream, char *at, size_t size)
{
    struct end *end = end_of(stream);
    struct report *report = end->report;
    cr_assert(eq(int, report->open, 0));
    cr_assert(eq(int, report->end, NOT_YET));
    cr_assert(report->bytes + size <= MUCH);
    report->in_order = report->in_order && memcmp(at, pattern + report->bytes, size) == 0;
    report->bytes += size;
    memset(at, 0, size + LOOP_SLACK); /* the slack is ours, too */
    close_if(end, AT_DATA);
}

static void on_sent(struct stream *stream, int result)
{
    struct end *end = end_of(stream);
    end->report->sent = result;
    end->report->sents++;
    cr_assert(not(stream_is_sending(stream)));
    close_if(end, AT_SENT);
}

static void on_end(struct stream *stream, int result)
{
    struct end *end = end_of(stream);
    cr_assert(eq(int, end->report->open, 0));
    cr_assert(eq(int, end->report->end, NOT_YET), "once");
    end->report->end = result;
    if (result)
        snprintf(end->report->why, sizeof end->report->why, "%s", stream_why(stream));
    close_if(end, AT_END);
}

static void on_closed(struct stream *stream)
{
    struct end *end = end_of(stream);
    end->report->closes++;
    if (end == client)
        client = NULL;
    if (end == server)
        server = NULL;
    free(end);
}

static const struct stream_events events = {on_open, on_data, on_sent, on_end, on_closed};

static struct end *new_end(struct report *report)
{
    struct end *end = malloc(sizeof *end);
    cr_assert(end != NULL);
    memset(end, 0xa5, sizeof *end); /* a stream's memory may be anything before */
    end->report = report;
    end->close_at = NEVER;
    *report = (struct report){.open = NOT_YET, .end = NOT_YET, .sent = NOT_YET, .in_order = true};
    return end;
}

/* ---- a pair ---- */

static enum moment server_close_at;

static void on_accept(struct loop_op *op, const struct loop_event *event)
{
    (void)op;
    if (event->result < 0)
        return;
    server = new_end(&server_report);
    server->close_at = server_close_at;
    cr_assert(eq(int, stream_accept(&server->stream, loop, &events, event->result, server_tls), 0));
}

static void turn(void)
{
    loop_turn(loop, UINT64_MAX);
}

#define TURN_UNTIL(condition) \
    while (!(condition))      \
    turn()

static void open_tls(void)
{
    char why[TLS_WHY_SIZE] = "";
    struct certificate certificate;
    authority_open(&authority);
    authority_sign(&authority, &certificate, "DNS:a.test", DAY_S);
    cr_assert(eq(int, tls_server_open(&server_tls, certificate.chain, certificate.key, why), 0),
              "%s", why);
    cr_assert(eq(int, tls_client_open(&client_tls, authority.roots, why), 0), "%s", why);
}

static void set_up(bool with_tls)
{
    char why[LOOP_WHY_SIZE] = "";
    struct loop_options options = {.entries = 16, .buffers = 16, .buffer_bytes = 2048};
    struct address address;
    cr_assert(eq(int, loop_open(&loop, &options, why), 0), "%s", why);
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &address), 0));
    listener = loop_listen(&address, false, &bound);
    cr_assert(listener >= 0);
    accept_op = (struct loop_op){.on_done = on_accept};
    loop_accept(loop, &accept_op, listener);

    secure = with_tls;
    if (secure)
        open_tls();
    server_close_at = NEVER;
    for (size_t i = 0; i < MUCH; i++)
        pattern[i] = (char)(i * 31 + i / 1021);
}

static void start_client(const char *host)
{
    client = new_end(&client_report);
    server_report = (struct report){.open = NOT_YET, .end = NOT_YET};
    cr_assert(eq(int, stream_connect(&client->stream, loop, &events, &bound), 0));
    if (secure)
        cr_assert(eq(
            int, stream_use_tls_client(&client->stream, client_tls, slice_str(host), false, true),
            0));
}

static void open_pair(void)
{
    start_client("a.test");
    TURN_UNTIL(client_report.open != NOT_YET && server_report.open != NOT_YET);
    cr_assert(eq(int, client_report.open, 0), "%s", client_report.why);
    cr_assert(eq(int, server_report.open, 0), "%s", server_report.why);
}

static void tear_down(void)
{
    if (client)
        stream_close(&client->stream);
    if (server)
        stream_close(&server->stream);
    loop_cancel(loop, &accept_op);
    TURN_UNTIL(!client && !server && !loop_op_busy(&accept_op));
    cr_assert(client_report.closes <= 1);
    cr_assert(server_report.closes <= 1);

    loop_close_socket(loop, listener);
    loop_close(loop);
    if (secure) {
        tls_context_close(client_tls);
        tls_context_close(server_tls);
        authority_close(&authority);
    }
}

/* A case that is tried in the clear and under TLS. */
#define BOTH(name)                  \
    static void name(void);         \
    Test(stream_in_the_clear, name) \
    {                               \
        set_up(false);              \
        name();                     \
        tear_down();                \
    }                               \
    Test(stream_under_tls, name)    \
    {                               \
        set_up(true);               \
        name();                     \
        tear_down();                \
    }                               \
    static void name(void)

/* Sends `size` bytes of the pattern from `from` on, as three parts. */
static void send_pattern(struct end *end, size_t from, size_t size)
{
    size_t third = size / 3;
    struct iovec parts[] = {
        {pattern + from, third},
        {pattern + from + third, third},
        {pattern + from + 2 * third, size - 2 * third},
    };
    stream_send(&end->stream, parts, 3);
    memset(parts, 0, sizeof parts); /* the array need not stay */
    cr_assert(stream_is_sending(&end->stream));
}

BOTH(carries_bytes_both_ways)
{
    open_pair();
    send_pattern(client, 0, 30);
    send_pattern(server, 0, 3000);
    TURN_UNTIL(server_report.bytes == 30 && client_report.bytes == 3000);
    TURN_UNTIL(client_report.sents == 1 && server_report.sents == 1);
    cr_assert(eq(int, client_report.sent, 0));
    cr_assert(client_report.in_order);
    cr_assert(server_report.in_order);
}

BOTH(carries_much_both_ways_at_once)
{
    open_pair();
    send_pattern(client, 0, MUCH);
    send_pattern(server, 0, MUCH);
    TURN_UNTIL(server_report.bytes == MUCH && client_report.bytes == MUCH);
    cr_assert(client_report.in_order);
    cr_assert(server_report.in_order);
}

BOTH(keeps_the_order_of_many_small_sends)
{
    open_pair();
    srandom(17);
    size_t sent = 0;
    for (unsigned i = 0; i < 500; i++) {
        size_t size = 3 + (size_t)random() % 5000;
        send_pattern(client, sent, size);
        sent += size;
        TURN_UNTIL(client_report.sents == i + 1);
        if (i % 7 == 0) {
            size_t before = client_report.bytes;
            send_pattern(server, before, 100);
            TURN_UNTIL(client_report.bytes == before + 100);
        }
    }
    TURN_UNTIL(server_report.bytes == sent);
    cr_assert(server_report.in_order);
    cr_assert(client_report.in_order);
}

BOTH(ends_orderly)
{
    open_pair();
    send_pattern(client, 0, 100000);
    stream_end(&client->stream); /* after what is being sent */
    TURN_UNTIL(server_report.end != NOT_YET);
    cr_assert(eq(int, server_report.end, 0), "%s", server_report.why);
    cr_assert(eq(sz, server_report.bytes, 100000));

    send_pattern(server, 0, 50000); /* the other direction is still open */
    TURN_UNTIL(client_report.bytes == 50000);
    stream_end(&server->stream);
    TURN_UNTIL(client_report.end != NOT_YET);
    cr_assert(eq(int, client_report.end, 0));
}

BOTH(reports_a_reset)
{
    struct linger drop = {.l_onoff = 1};
    open_pair();
    int fd = client->stream.fd;
    cr_assert(eq(int, setsockopt(fd, SOL_SOCKET, SO_LINGER, &drop, sizeof drop), 0));
    stream_close(&client->stream);
    TURN_UNTIL(server_report.end != NOT_YET);
    cr_assert(eq(int, server_report.end, -ECONNRESET));
    cr_assert(strstr(server_report.why, "reset") != NULL, "%s", server_report.why);
}

BOTH(holds_the_peer_back_while_paused)
{
    open_pair();
    stream_pause(&server->stream);
    send_pattern(client, 0, MUCH);
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 0);
    size_t before = server_report.bytes;
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 0);
    cr_assert(eq(sz, server_report.bytes, before), "nothing comes any more");
    cr_assert(lt(sz, before, MUCH));

    stream_resume(&server->stream);
    TURN_UNTIL(server_report.bytes == MUCH);
    cr_assert(server_report.in_order);
}

BOTH(may_be_paused_and_resumed_at_once)
{
    open_pair();
    for (int i = 0; i < 10; i++) {
        stream_pause(&server->stream);
        stream_resume(&server->stream);
        stream_pause(&server->stream);
        stream_resume(&server->stream);
        loop_turn(loop, 0);
    }
    send_pattern(client, 0, 10000);
    TURN_UNTIL(server_report.bytes == 10000);
    cr_assert(server_report.in_order);
}

BOTH(may_be_closed_by_either_side_when_it_opens)
{
    start_client("a.test");
    client->close_at = AT_OPEN;
    server_close_at = AT_OPEN;
    TURN_UNTIL(client_report.closes == 1 && server_report.open != NOT_YET);
    TURN_UNTIL(server == NULL);
}

BOTH(may_be_closed_in_the_midst_of_data)
{
    server_close_at = AT_DATA;
    open_pair();
    send_pattern(client, 0, MUCH);
    TURN_UNTIL(server_report.closes == 1);
    TURN_UNTIL(client_report.sents == 1 && client_report.end != NOT_YET);
    cr_assert(lt(int, client_report.sent, 0), "nobody took all of it");
}

BOTH(may_be_closed_when_all_is_sent)
{
    open_pair();
    client->close_at = AT_SENT;
    send_pattern(client, 0, 1000);
    TURN_UNTIL(client_report.closes == 1);
    TURN_UNTIL(server_report.end != NOT_YET);
    cr_assert(eq(sz, server_report.bytes, 1000));
    cr_assert(eq(int, server_report.end, secure ? -ECONNRESET : 0), "no close_notify");
}

BOTH(may_be_closed_at_the_end)
{
    server_close_at = AT_END;
    open_pair();
    stream_end(&client->stream);
    TURN_UNTIL(server_report.closes == 1);
}

BOTH(may_be_closed_while_connecting)
{
    start_client("a.test");
    stream_close(&client->stream);
    TURN_UNTIL(client_report.closes == 1);
    cr_assert(eq(int, client_report.open, NOT_YET), "no callback between");
}

BOTH(may_be_closed_while_sending)
{
    open_pair();
    stream_pause(&server->stream);
    send_pattern(client, 0, MUCH);
    loop_turn(loop, 0);
    stream_close(&client->stream);
    TURN_UNTIL(client_report.closes == 1);
    cr_assert(eq(u32, client_report.sents, 0), "no callback between");
}

BOTH(says_that_a_connection_is_refused)
{
    struct address nobody;
    int unused = loop_listen(&bound, false, &nobody);
    cr_assert(eq(int, unused, -EADDRINUSE));
    loop_cancel(loop, &accept_op);
    TURN_UNTIL(!loop_op_busy(&accept_op));
    loop_close_socket(loop, listener);
    listener = -1;

    start_client("a.test");
    TURN_UNTIL(client_report.open != NOT_YET);
    cr_assert(eq(int, client_report.open, -ECONNREFUSED));
    cr_assert(strstr(client_report.why, "refused") != NULL, "%s", client_report.why);
}

/* ---- under TLS only ---- */

static void set_up_tls(void)
{
    set_up(true);
}

TestSuite(stream_tls, .init = set_up_tls, .fini = tear_down);

Test(stream_tls, does_not_take_a_fin_without_close_notify_for_an_end)
{
    open_pair();
    send_pattern(client, 0, 1000);
    TURN_UNTIL(client_report.sents == 1);
    loop_end_sending(loop, client->stream.fd);
    TURN_UNTIL(server_report.end != NOT_YET);
    cr_assert(eq(int, server_report.end, -ECONNRESET));
    cr_assert(strstr(server_report.why, "close_notify") != NULL, "%s", server_report.why);
    cr_assert(eq(sz, server_report.bytes, 1000));
}

Test(stream_tls, tells_both_sides_that_the_certificate_is_for_another)
{
    start_client("b.test");
    TURN_UNTIL(client_report.open != NOT_YET && server_report.open != NOT_YET);
    cr_assert(eq(int, client_report.open, -EPROTO));
    cr_assert(strstr(client_report.why, "host name does not match") != NULL, "%s",
              client_report.why);
    cr_assert(eq(int, server_report.open, -EPROTO));
}

Test(stream_tls, fails_to_open_when_the_peer_leaves_during_the_handshake)
{
    secure = false; /* the client only */
    start_client("");
    TURN_UNTIL(client_report.open != NOT_YET);
    stream_end(&client->stream);
    TURN_UNTIL(server_report.open != NOT_YET);
    cr_assert(eq(int, server_report.open, -EPROTO));
    cr_assert(strstr(server_report.why, "handshake") != NULL, "%s", server_report.why);
    secure = true;
}

Test(stream_tls, fails_to_open_when_the_peer_does_not_speak_tls)
{
    secure = false;
    start_client("");
    TURN_UNTIL(client_report.open != NOT_YET);
    send_pattern(client, 0, 1000);
    TURN_UNTIL(server_report.open != NOT_YET);
    cr_assert(eq(int, server_report.open, -EPROTO));
    secure = true;
}
