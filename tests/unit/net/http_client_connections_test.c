/* Connections of the client: where they lead, and which are kept, used again, and closed. */
#include "http_client_stage.h"

TestSuite(http_client_connections, .init = start, .fini = stop);

Test(http_client_connections, says_when_nobody_listens)
{
    struct address gone;
    int fd = listen_somewhere(&gone);
    close(fd);
    http_origin_give(client, origin);
    origin = take_origin("http", "127.0.0.1", &gone);
    expect(begin_new(), HTTP_CONNECT_REFUSED, 0);
    await_open(0, 0);
}

Test(http_client_connections, connects_to_no_address_that_is_not_allowed)
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

Test(http_client_connections, keeps_no_connection_of_an_origin_that_was_retired)
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

Test(http_client_connections, tries_the_addresses_of_a_name_in_turn)
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

Test(http_client_connections, says_when_a_name_is_not_found)
{
    http_origin_give(client, origin);
    origin = take_origin("http", "missing.test", &address);
    struct trial *trial = begin_new();
    expect(trial, HTTP_DNS_FAILED, 0);
    cr_assert(strcmp(trial->call.why, "no such name") == 0);
}

Test(http_client_connections, sends_once_more_when_a_kept_connection_has_died)
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

Test(http_client_connections, does_not_send_again_after_the_first_byte)
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

Test(http_client_connections, asks_before_it_sends_again)
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

Test(http_client_connections, closes_an_idle_connection_that_says_something_or_ends)
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

Test(http_client_connections, closes_connections_that_are_idle_for_long)
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

Test(http_client_connections, keeps_only_so_many_idle_connections)
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

Test(http_client_connections, has_no_more_connections_than_its_pool)
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

Test(http_client_connections, has_one_origin_for_equal_urls)
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

Test(http_client_connections, closes_the_connections_of_an_origin_that_nobody_holds)
{
    int fd;
    expect(exchange(OK, &fd), HTTP_RESPONSE, 200);
    http_origin_give(client, origin);
    origin = NULL;
    await_end(fd);
    close(fd);
    await_open(0, 0);
}
