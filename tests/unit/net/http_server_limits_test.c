/* What the server refuses, how long it waits, and what it does at its limits. */
#include "http_server_stage.h"

TestSuite(http_server_limits, .init = start, .fini = stop);

/* ---- requests that are refused ---- */

Test(http_server_limits, refuses_malformed_requests_and_reads_no_further)
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

Test(http_server_limits, refuses_ambiguous_lengths_and_reads_no_further)
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

Test(http_server_limits, refuses_heads_and_targets_that_are_too_long)
{
    static char text[64 * 1024];
    memset(text, 'a', sizeof text);
    memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    expect_refusal(text, sizeof text, 431);
    memcpy(text, "GET /", 5);
    memset(text + 5, 'a', 30);
    expect_refusal(text, sizeof text, 414);
}

Test(http_server_limits, refuses_bodies_that_are_too_large_before_reading_them)
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

Test(http_server_limits, refuses_chunked_bodies_when_they_have_become_too_large)
{
    static char text[3 * BODY_MAX];
    size_t size = (size_t)sprintf(text, POST_WITH("Transfer-Encoding: chunked"));
    while (size < sizeof text - 16)
        size += (size_t)sprintf(text + size, "8\r\n01234567\r\n");
    expect_refusal(text, size, 413);
}

Test(http_server_limits, never_hands_over_a_truncated_request)
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

Test(http_server_limits, lets_an_error_arrive_though_the_peer_goes_on_sending)
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

Test(http_server_limits, lingers_only_so_long_and_so_much)
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

Test(http_server_limits, answers_408_when_a_head_does_not_end)
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

Test(http_server_limits, answers_408_when_a_body_makes_no_progress)
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

Test(http_server_limits, closes_idle_connections_silently)
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

Test(http_server_limits, waits_for_the_application_without_end)
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

Test(http_server_limits, drops_a_peer_that_does_not_take_its_answer)
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

Test(http_server_limits, drops_the_answer_when_the_connection_has_gone)
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

Test(http_server_limits, closes_connections_that_are_too_many_at_once)
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

Test(http_server_limits, answers_503_when_memory_runs_out)
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

Test(http_server_limits, drains)
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
