/* The resolver against a name server in the same loop that knows a few names. The wheel's time is
 * the test's own, so that five minutes pass at once. */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, RCODE_NXDOMAIN = 3, RCODE_SERVFAIL = 2 };

static struct loop *loop;
static struct wheel wheel;
static struct resolver *resolver;

/* ---- the name server ---- */

struct record {
    const char *name;
    unsigned type, ttl;
    const char *address;
};

static const struct record records[] = {
    {"one.test", TYPE_A, 60, "10.0.0.1"},
    {"both.test", TYPE_AAAA, 60, "2001:db8::1"},
    {"both.test", TYPE_A, 90, "10.0.0.2"},
    {"both.test", TYPE_A, 30, "10.0.0.3"},
    {"zero.test", TYPE_A, 0, "10.0.0.4"},
    {"ages.test", TYPE_A, 1000000, "10.0.0.5"},
    {"empty.test", 0, 0, ""}, /* exists, but has no address */
};

static int name_server;
static struct loop_op name_server_poll;
static bool closing;
static unsigned asked; /* questions for an IPv4 address */

/* Reads the name of the question into `name` and returns the question's size. */
static size_t read_question(const uint8_t *packet, char name[static 256])
{
    size_t at = HEADER, size = 0;
    while (packet[at] != 0) {
        size_t length = packet[at++];
        memcpy(name + size, packet + at, length);
        size += length;
        name[size++] = '.';
        at += length;
    }
    name[size ? size - 1 : 0] = '\0';
    return at + 5 - HEADER;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static size_t put_record(uint8_t *at, const struct record *record)
{
    int family = record->type == TYPE_A ? AF_INET : AF_INET6;
    unsigned size = record->type == TYPE_A ? 4 : 16;
    put16(at, 0xc000 | HEADER); /* the name of the question */
    put16(at + 2, record->type);
    put16(at + 4, 1);
    put16(at + 6, record->ttl >> 16);
    put16(at + 8, record->ttl & 0xffff);
    put16(at + 10, size);
    cr_assert(eq(int, inet_pton(family, record->address, at + 12), 1));
    return 12 + size;
}

/* Turns the question in `packet` into its answer and returns the size; 0: none is given. */
static size_t make_answer(uint8_t packet[static 512])
{
    char name[256];
    size_t size = HEADER + read_question(packet, name);
    unsigned type = packet[size - 3], answers = 0, code = RCODE_NXDOMAIN;
    asked += type == TYPE_A;
    if (strcmp(name, "silent.test") == 0)
        return 0;
    if (strcmp(name, "broken.test") == 0)
        code = RCODE_SERVFAIL;

    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (strcmp(records[i].name, name) != 0)
            continue;
        code = 0;
        if (records[i].type != type)
            continue;
        size += put_record(packet + size, &records[i]);
        answers++;
    }
    put16(packet + 2, 0x8180 | code);
    put16(packet + 6, answers);
    put16(packet + 10, 0);
    return size;
}

static void on_question(struct loop_op *op, const struct loop_event *event)
{
    if (event->result < 0 || closing)
        return;
    uint8_t packet[512];
    struct address from;
    socklen_t length = sizeof from;
    while (recvfrom(name_server, packet, sizeof packet, MSG_DONTWAIT, &from.any, &length) > 0) {
        size_t size = make_answer(packet);
        if (size > 0)
            cr_assert(lt(long, 0, sendto(name_server, packet, size, 0, &from.any, length)));
    }
    loop_poll(loop, op, name_server, POLLIN);
}

static void open_name_server(char servers[static ADDRESS_TEXT_SIZE])
{
    struct address address;
    socklen_t length = sizeof address;
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &address), 0));
    name_server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    cr_assert(name_server >= 0);
    cr_assert(eq(int, bind(name_server, &address.any, address_length(&address)), 0));
    cr_assert(eq(int, getsockname(name_server, &address.any, &length), 0));
    address_print(&address, servers);
    name_server_poll = (struct loop_op){.on_done = on_question};
    loop_poll(loop, &name_server_poll, name_server, POLLIN);
}

/* ---- one who asks ---- */

struct asker {
    struct resolver_query query;
    struct resolver_result result;
    unsigned answers;
};

static void on_answer(struct resolver_query *query, const struct resolver_result *result)
{
    struct asker *asker = container_of(query, struct asker, query);
    asker->result = *result;
    asker->answers++;
}

static void ask(struct asker *asker, const char *host)
{
    *asker = (struct asker){.query.on_done = on_answer};
    resolver_find(resolver, slice_str(host), &asker->query);
}

static void turn_until_answered(struct asker *asker)
{
    while (!asker->answers)
        loop_turn(loop, UINT64_MAX);
    cr_assert(eq(u32, asker->answers, 1));
}

static void find(struct asker *asker, const char *host)
{
    ask(asker, host);
    turn_until_answered(asker);
}

static void assert_address(const struct asker *asker, unsigned index, const char *expected)
{
    char text[ADDRESS_TEXT_SIZE];
    cr_assert(index < asker->result.count, "error %d", asker->result.error);
    address_print_ip(&asker->result.addresses[index], text);
    cr_assert(strcmp(text, expected) == 0, "%s", text);
    cr_assert(eq(int, address_port(&asker->result.addresses[index]), 0));
}

static void pass_seconds(unsigned seconds)
{
    wheel_advance(&wheel, wheel.now_ms + seconds * UINT64_C(1000));
}

static void open_all(void)
{
    char why[LOOP_WHY_SIZE] = "", servers[ADDRESS_TEXT_SIZE];
    struct loop_options options = {.entries = 8, .buffers = 8, .buffer_bytes = 256};
    cr_assert(eq(int, loop_open(&loop, &options, why), 0), "%s", why);
    wheel_init(&wheel, 1000);
    open_name_server(servers);
    cr_assert(eq(int, resolver_open(&resolver, loop, &wheel, servers, why), 0), "%s", why);
    asked = 0;
}

static void close_all(void)
{
    if (resolver)
        resolver_close(resolver);
    closing = true;
    loop_cancel(loop, &name_server_poll);
    while (loop_op_busy(&name_server_poll))
        loop_turn(loop, UINT64_MAX);
    loop_turn(loop, 0);
    pass_seconds(3600); /* would fire a timer that was left behind */
    close(name_server);
    loop_close(loop);
}

TestSuite(resolver, .init = open_all, .fini = close_all);

Test(resolver, finds_a_name)
{
    struct asker asker;
    find(&asker, "one.test");
    cr_assert(eq(int, asker.result.error, 0));
    cr_assert(eq(u32, asker.result.count, 1));
    assert_address(&asker, 0, "10.0.0.1");
}

Test(resolver, gives_all_addresses_ipv4_first)
{
    struct asker asker;
    find(&asker, "both.test");
    cr_assert(eq(u32, asker.result.count, 3));
    assert_address(&asker, 0, "10.0.0.2");
    assert_address(&asker, 1, "10.0.0.3");
    assert_address(&asker, 2, "2001:db8::1");
}

Test(resolver, knows_this_machine_without_asking)
{
    const char *names[] = {"localhost", "LocalHost", "a.localhost", "a.b.localhost"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct asker asker;
        ask(&asker, names[i]);
        cr_assert(eq(u32, asker.answers, 1), "at once");
        assert_address(&asker, 0, "127.0.0.1");
        assert_address(&asker, 1, "::1");
    }
    cr_assert(eq(u32, asked, 0));
}

Test(resolver, asks_for_names_that_only_look_like_this_machine)
{
    const char *names[] = {"notlocalhost", "localhost.test"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct asker asker;
        find(&asker, names[i]);
    }
    cr_assert(ne(u32, asked, 0));
}

Test(resolver, keeps_an_answer_for_the_shortest_of_its_ttls)
{
    struct asker asker;
    find(&asker, "both.test");
    pass_seconds(29);
    ask(&asker, "BOTH.test");
    cr_assert(eq(u32, asker.answers, 1), "at once");
    assert_address(&asker, 0, "10.0.0.2");
    cr_assert(eq(u32, asked, 1));

    pass_seconds(1);
    find(&asker, "both.test");
    cr_assert(eq(u32, asked, 2));
    struct resolver_counters counters = resolver_counters(resolver);
    cr_assert(eq(u64, counters.lookups, 3));
    cr_assert(eq(u64, counters.hits, 1));
}

Test(resolver, keeps_answers_within_its_own_bounds)
{
    struct asker asker;
    find(&asker, "zero.test");
    ask(&asker, "zero.test");
    cr_assert(eq(u32, asker.answers, 1), "a second at least");

    find(&asker, "ages.test");
    pass_seconds(300);
    ask(&asker, "ages.test");
    cr_assert(eq(u32, asker.answers, 0), "five minutes at most");
    turn_until_answered(&asker);
}

Test(resolver, says_that_there_is_no_such_name_and_remembers_it_briefly)
{
    struct asker asker;
    find(&asker, "none.test");
    cr_assert(eq(int, asker.result.error, -ENOENT));
    cr_assert(ne(sz, strlen(asker.result.why), 0));
    unsigned before = asked;
    ask(&asker, "none.test");
    cr_assert(eq(int, asker.result.error, -ENOENT));
    cr_assert(eq(u32, asked, before));

    pass_seconds(5);
    find(&asker, "none.test");
    cr_assert(lt(u32, before, asked));
}

Test(resolver, says_that_a_name_has_no_address)
{
    struct asker asker;
    find(&asker, "empty.test");
    cr_assert(eq(int, asker.result.error, -ENOENT));
}

Test(resolver, reports_a_server_that_fails)
{
    struct asker asker;
    find(&asker, "broken.test");
    cr_assert(eq(int, asker.result.error, -EIO), "%s", asker.result.why);
    cr_assert(eq(u64, resolver_counters(resolver).failures, 1));
}

Test(resolver, gives_up_on_a_server_that_does_not_answer)
{
    struct asker asker;
    ask(&asker, "silent.test");
    while (asked == 0)
        loop_turn(loop, UINT64_MAX);
    pass_seconds(4);
    cr_assert(eq(u32, asker.answers, 0));
    pass_seconds(1);
    cr_assert(eq(u32, asker.answers, 1));
    cr_assert(eq(int, asker.result.error, -ETIMEDOUT));
}

Test(resolver, asks_once_for_lookups_that_overlap)
{
    struct asker askers[10];
    for (size_t i = 0; i < 10; i++)
        ask(&askers[i], "one.test");
    for (size_t i = 0; i < 10; i++)
        turn_until_answered(&askers[i]);
    for (size_t i = 0; i < 10; i++)
        assert_address(&askers[i], 0, "10.0.0.1");
    cr_assert(eq(u32, asked, 1));
}

Test(resolver, does_not_answer_what_was_cancelled)
{
    struct asker cancelled, waiting;
    ask(&cancelled, "one.test");
    ask(&waiting, "one.test");
    resolver_cancel(&cancelled.query);
    resolver_cancel(&cancelled.query);
    turn_until_answered(&waiting);
    cr_assert(eq(u32, cancelled.answers, 0));
    resolver_cancel(&waiting.query); /* too late, harmless */
}

static struct asker second;

static void cancel_the_second(struct resolver_query *query, const struct resolver_result *result)
{
    on_answer(query, result);
    resolver_cancel(&second.query);
}

Test(resolver, lets_a_callback_cancel_another_query)
{
    struct asker first = {.query.on_done = cancel_the_second};
    resolver_find(resolver, SLICE("one.test"), &first.query);
    ask(&second, "one.test");
    turn_until_answered(&first);
    cr_assert(eq(u32, second.answers, 0));
}

static void ask_the_second(struct resolver_query *query, const struct resolver_result *result)
{
    on_answer(query, result);
    ask(&second, "both.test");
}

Test(resolver, lets_a_callback_ask_for_another_name)
{
    struct asker first = {.query.on_done = ask_the_second};
    resolver_find(resolver, SLICE("one.test"), &first.query);
    turn_until_answered(&first);
    turn_until_answered(&second);
    assert_address(&second, 0, "10.0.0.2");
}

Test(resolver, refuses_names_that_are_too_long_or_empty)
{
    static char name[257];
    struct asker asker;
    memset(name, 'a', sizeof name - 1);
    ask(&asker, name);
    cr_assert(eq(int, asker.result.error, -ENOENT));
    ask(&asker, "");
    cr_assert(eq(int, asker.result.error, -ENOENT));
}

Test(resolver, forgets_the_least_recently_used_name_when_full)
{
    struct asker asker;
    char host[32];
    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++) {
        snprintf(host, sizeof host, "n%u.test", i);
        find(&asker, host);
    }
    find(&asker, "n0.test"); /* now used more recently than n1.test */
    find(&asker, "one.test");
    uint64_t hits = resolver_counters(resolver).hits;
    find(&asker, "n0.test");
    cr_assert(eq(u64, resolver_counters(resolver).hits, hits + 1));
    find(&asker, "n1.test");
    cr_assert(eq(u64, resolver_counters(resolver).hits, hits + 1));
}

Test(resolver, refuses_a_name_when_all_it_can_hold_are_pending)
{
    static struct asker askers[RESOLVER_NAMES_MAX];
    struct asker refused;
    char host[32];
    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++) {
        snprintf(host, sizeof host, "n%u.test", i);
        ask(&askers[i], host);
    }
    ask(&refused, "one.test");
    cr_assert(eq(int, refused.result.error, -EIO));
    resolver_close(resolver);
    resolver = NULL;
    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++)
        cr_assert(eq(u32, askers[i].answers, 1));
}

Test(resolver, ends_open_queries_when_closed)
{
    struct asker asker;
    ask(&asker, "silent.test");
    while (asked == 0)
        loop_turn(loop, UINT64_MAX);
    resolver_close(resolver);
    resolver = NULL;
    cr_assert(eq(int, asker.result.error, -ECANCELED));
}

Test(resolver, says_which_servers_it_does_not_understand)
{
    char why[RESOLVER_WHY_SIZE] = "";
    struct resolver *bad;
    cr_assert(eq(int, resolver_open(&bad, loop, &wheel, "not an address", why), -EINVAL));
    cr_assert(strstr(why, "not an address") != NULL, "%s", why);
    cr_assert(eq(ptr, bad, NULL));
}
