/* Calls and their ends: what comes of whatever a receiver says, of time, and of giving up. */
#include "http_client_stage.h"

TestSuite(http_client, .init = start, .fini = stop);

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
