/* What the server makes of requests that are as they should be. What it refuses, and when it gives
 * up, is in http_server_limits_test.c. */
#include "http_server_stage.h"

TestSuite(http_server, .init = start, .fini = stop);

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
