/* How an endpoint stands, in times of the wall clock. Replaced are who finds it, and the clock. */
#include "stats.h"

#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { WALL_MS = 1000000, NOW_MS = 5000 };

static struct shard shard = {.now_ms = NOW_MS};
static struct endpoint endpoint = {.id = {{7}}};
static struct mail_stats mail = {.subscription = {{7}}};

/* ---- in place of clock.c and endpoint.c ---- */

uint64_t clock_wall_ms(void)
{
    return WALL_MS;
}

struct endpoint *endpoint_find(const struct shard *finder, const struct id *subscription)
{
    cr_assert(finder == &shard);
    return id_equal(subscription, &endpoint.id) ? &endpoint : NULL;
}

static void setup(void)
{
    list_init(&endpoint.ready);
    list_init(&endpoint.sending);
}

TestSuite(stats, .init = setup);

Test(stats, are_of_nothing_without_an_endpoint)
{
    mail.is_found = true;
    mail.subscription.bytes[0] = 8;
    stats_fill(&shard, &mail);
    cr_expect(not(mail.is_found));
}

Test(stats, tell_what_a_new_endpoint_is_like)
{
    mail.stats.breaker_reason[0] = 'x';
    stats_fill(&shard, &mail);
    cr_assert(mail.is_found);
    cr_expect(eq(int, (int)mail.stats.breaker, BREAKER_CLOSED));
    cr_expect(zero(u64, mail.stats.breaker_since_ms));
    cr_expect(zero(u64, mail.stats.breaker_until_ms));
    cr_expect(zero(u64, mail.stats.slow_until_ms));
    cr_expect_str_empty(mail.stats.breaker_reason);
}

Test(stats, tell_since_when_and_why_a_breaker_is_open_and_for_how_long)
{
    endpoint.gate.breaker = (struct breaker){
        .state = BREAKER_OPEN,
        .since_ms = NOW_MS - 100,
        .until_ms = NOW_MS + 300,
        .reason = BREAKER_BY_RATE,
        .seen = {.attempts = 10, .failures = 7},
        .settings.window_ms = 30000,
    };
    stats_fill(&shard, &mail);
    cr_expect(eq(int, (int)mail.stats.breaker, BREAKER_OPEN));
    cr_expect(eq(u64, mail.stats.breaker_since_ms, WALL_MS - 100));
    cr_expect(eq(u64, mail.stats.breaker_until_ms, WALL_MS + 300));
    cr_expect_str_eq(mail.stats.breaker_reason, "7 of 10 attempts failed within 30s");
}

Test(stats, tell_no_end_of_a_breaker_that_is_not_open)
{
    endpoint.gate.breaker = (struct breaker){.state = BREAKER_HALF_OPEN, .until_ms = NOW_MS + 300};
    stats_fill(&shard, &mail);
    cr_expect(eq(int, (int)mail.stats.breaker, BREAKER_HALF_OPEN));
    cr_expect(zero(u64, mail.stats.breaker_until_ms));
}

Test(stats, tell_until_when_a_receiver_wants_less_while_it_does)
{
    endpoint.gate.slow_until_ms = NOW_MS + 1;
    stats_fill(&shard, &mail);
    cr_expect(eq(u64, mail.stats.slow_until_ms, WALL_MS + 1));
    endpoint.gate.slow_until_ms = NOW_MS;
    stats_fill(&shard, &mail);
    cr_expect(zero(u64, mail.stats.slow_until_ms));
}

/* An outage is in times of the wall clock already. */
Test(stats, tell_since_when_it_has_failed)
{
    endpoint.outage.since_ms = 777;
    stats_fill(&shard, &mail);
    cr_expect(eq(u64, mail.stats.failing_since_ms, 777));
}

Test(stats, count_what_is_sent_what_is_ready_and_what_waits)
{
    endpoint.in_memory = 10;
    endpoint.ready_count = 4;
    endpoint.gate.in_flight = 3;
    endpoint.gate.concurrency.limit = 64;
    endpoint.parked_after = (struct id){{9}};
    stats_fill(&shard, &mail);
    cr_expect(eq(u32, mail.stats.in_flight, 3));
    cr_expect(eq(u32, mail.stats.ready, 4));
    cr_expect(eq(u32, mail.stats.waiting, 3));
    cr_expect(eq(u32, mail.stats.concurrency, 64));
    cr_expect(id_equal(&mail.stats.parked_after, &endpoint.parked_after));
}

/* Those that are sent and those that are ready; the lowest id of a list need not be its first. */
Test(stats, tell_the_oldest_event_in_memory)
{
    static struct delivery deliveries[] = {
        {.event = {{5}}}, {.event = {{3}}}, {.event = {{4}}}, {.event = {{6}}}};
    stats_fill(&shard, &mail);
    cr_expect(id_is_zero(&mail.stats.oldest));
    list_push_back(&endpoint.ready, &deliveries[0].link);
    list_push_back(&endpoint.ready, &deliveries[1].link);
    list_push_back(&endpoint.sending, &deliveries[2].link);
    list_push_back(&endpoint.sending, &deliveries[3].link);
    stats_fill(&shard, &mail);
    cr_expect(id_equal(&mail.stats.oldest, &deliveries[1].event));
}
