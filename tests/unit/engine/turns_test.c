/* Who sends next, and how much of a shard's attempts one endpoint may have. On a whole shard, of
 * which the test has the rest in its hands. */
#include "shard_stage.h"

enum { ATTEMPTS = 32 };

static void open_small(void)
{
    stage_open();
    shard.attempts.capacity = ATTEMPTS;
}

TestSuite(turns, .init = open_small, .fini = stage_close);

#define TO(host, more) "{\"url\":\"https://" host "/\"" more "}"

static unsigned calls_to(const struct subscription *subscription)
{
    unsigned count = 0;
    for (unsigned i = 0; i < client.count; i++)
        count += slice_equal(client.to[i]->url.host, subscription->url.host);
    return count;
}

static struct endpoint *find(const struct subscription *subscription)
{
    return endpoint_find(&shard, &subscription->id);
}

static void publish_many(const struct subscription *subscription, unsigned count)
{
    while (count-- > 0)
        publish(subscription);
    settle();
}

static void prove(const struct subscription *subscription)
{
    publish(subscription);
    settle();
    end_call(client.count - 1, HTTP_RESPONSE, 200);
    cr_assert(find(subscription)->gate.is_proven);
}

/* The attempts to it end, as they do when an answer is late. */
static void end_all(int status)
{
    while (client.count > 0)
        end_call(0, status ? HTTP_RESPONSE : HTTP_TIMEOUT, status);
    settle();
}

Test(turns, one_endpoint_has_a_part_of_what_is_free)
{
    struct subscription *well = subscribe(TO("a.example", ",\"concurrency\":{\"adaptive\":false}"));
    prove(well);
    publish_many(well, ATTEMPTS);
    cr_assert(eq(u32, calls_to(well), 6), "a fourth of what six leave is six");
    end_all(200);
}

Test(turns, endpoints_in_doubt_have_half_of_all_and_the_others_the_rest)
{
    static const char *const urls[] = {TO("a.example", ""), TO("b.example", ""),
                                       TO("c.example", ""), TO("d.example", ""),
                                       TO("e.example", "")};
    struct subscription *new_ones[5];
    struct subscription *well = subscribe(TO("w.example", ""));
    prove(well);
    for (unsigned i = 0; i < 5; i++) {
        new_ones[i] = subscribe(urls[i]);
        publish_many(new_ones[i], 5);
    }
    cr_assert(eq(u32, client.count, ATTEMPTS / 2));
    cr_assert(zero(u32, calls_to(new_ones[4])));
    publish_many(well, 3);
    cr_assert(eq(u32, calls_to(well), 3));

    end_call(0, HTTP_TIMEOUT, 0);
    settle();
    cr_assert(eq(u32, calls_to(new_ones[4]), 1), "who was held comes first");
    end_all(200);
}

/* Their places are taken back by ends that begin nothing new. */
Test(turns, none_is_held_for_ever)
{
    static const char *const urls[] = {TO("a.example", ""), TO("b.example", ""),
                                       TO("c.example", ""), TO("d.example", ""),
                                       TO("e.example", ""), TO("f.example", "")};
    struct subscription *all[6];
    for (unsigned i = 0; i < 6; i++) {
        all[i] = subscribe(urls[i]);
        publish_many(all[i], 4);
    }
    cr_assert(eq(u32, client.count, ATTEMPTS / 2));
    struct subscription paused = *all[4]; /* who would be let go first may not send any more */
    paused.status = SUBSCRIPTION_PAUSED;
    change(DIRECTORY_SUBSCRIPTION, all[4], &paused);
    while (client.count > 0 && calls_to(all[5]) == 0) {
        end_call(0, HTTP_RESPONSE, 500);
        settle();
    }
    cr_assert(lt(u32, 0, calls_to(all[5])));
    end_all(200);
}

static void end_one_to(const struct subscription *subscription, int status)
{
    unsigned i = 0;
    while (!slice_equal(client.to[i]->url.host, subscription->url.host))
        i++;
    end_call(i, HTTP_RESPONSE, status);
    settle();
}

/* It had to wait with those in doubt, who have no room, and is in doubt no more. */
Test(turns, a_success_takes_it_out_of_those_that_are_held)
{
    static const char *const urls[] = {TO("b.example", ""), TO("c.example", ""),
                                       TO("d.example", ""), TO("e.example", "")};
    struct subscription *well = subscribe(TO("a.example", ""));
    prove(well);
    publish_many(well, 4);
    for (unsigned i = 0; i < 4; i++)
        publish_many(subscribe(urls[i]), 4);
    cr_assert(eq(u32, client.count, 4 + ATTEMPTS / 2));
    for (unsigned failures = 0; failures < 3; failures++)
        end_one_to(well, 500);
    publish_many(well, 4);
    cr_assert(eq(u32, calls_to(well), 1), "it is held");
    end_one_to(well, 200);
    cr_assert(eq(u32, calls_to(well), 4), "no more with those in doubt");
    end_all(200);
}

Test(turns, a_large_body_costs_more_than_one_turn)
{
    struct subscription *large = subscribe(TO("l.example", "")),
                        *small = subscribe(TO("s.example", ""));
    client.has_no_connection = true; /* all wait, for a moment */
    publish_many(large, 2);
    publish_many(small, 4);
    struct list_node *ready = &find(large)->ready;
    for (struct list_node *node = ready->next; node != ready; node = node->next)
        container_of(node, struct delivery, link)->cost = 8;
    client.has_no_connection = false;
    pass(100);
    cr_assert(eq(u32, client.count, 6));
    for (unsigned i = 0; i < 4; i++)
        cr_assert(slice_equal(client.to[i]->url.host, small->url.host), "%u", i);
    end_all(200);
}

Test(turns, an_endpoint_that_waits_for_time_is_not_asked_again_and_again)
{
    struct subscription *slow =
        subscribe(TO("a.example", ",\"rate_limit\":{\"per_second\":1,\"burst\":1}"));
    publish_many(slow, 3);
    for (unsigned sent = 1; sent <= 3; sent++) {
        cr_assert(eq(u32, client.begun, sent));
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        cr_assert(not(list_is_linked(&find(slow)->turn)));
        cr_assert(eq(int, timer_is_armed(&find(slow)->opens), sent < 3));
        pass(900);
        cr_assert(eq(u32, client.begun, sent));
        pass(100);
    }
}

Test(turns, nothing_waits_in_memory_for_an_endpoint_with_an_open_breaker)
{
    struct subscription *dead = subscribe(TO("a.example", ",\"retry\":{\"schedule\":[\"1h\"]}"));
    struct endpoint *endpoint = find(dead);
    for (unsigned i = 0; i < BREAKER_UNREACHABLE_MAX; i++) {
        publish(dead);
        settle();
        end_call(0, HTTP_CONNECT_REFUSED, 0);
    }
    cr_assert(eq(int, (int)endpoint->gate.breaker.state, BREAKER_OPEN));
    publish_many(dead, 100);
    cr_assert(zero(u32, endpoint->in_memory));
    cr_assert(eq(u32, rows_of(ROW_PARKED), 100));
    cr_assert(eq(u32, client.begun, BREAKER_UNREACHABLE_MAX));
    cr_assert(not(list_is_linked(&endpoint->hungry)), "no page is read");

    pass(11500);
    cr_assert(eq(u32, client.count, 1), "a probe");
    cr_assert(le(u32, endpoint->ready_count, 64));
    end_call(0, HTTP_CONNECT_REFUSED, 0);
    settle();
    cr_assert(zero(u32, endpoint->in_memory));
    cr_assert(eq(u32, rows_of(ROW_PARKED), 99));

    pass(22500);
    for (unsigned i = 0; i < 200 && client.begun < 105; i++) {
        settle();
        while (client.count > 0)
            end_call(0, HTTP_RESPONSE, 200);
    }
    cr_assert(eq(u32, client.begun, 105), "the rest, as soon as it is well");
    settle();
    cr_assert(zero(u32, rows_of(ROW_PARKED)));
}

Test(turns, a_retry_that_falls_due_behind_an_open_breaker_waits_on_disk)
{
    struct subscription *dead = subscribe(TO("a.example", ",\"retry\":{\"schedule\":[\"1s\"]}"));
    for (unsigned i = 0; i < BREAKER_UNREACHABLE_MAX; i++)
        publish(dead);
    settle();
    while (client.count > 0 || client.begun < BREAKER_UNREACHABLE_MAX) {
        end_call(0, HTTP_CONNECT_REFUSED, 0);
        settle();
    }
    cr_assert(eq(u32, rows_of(ROW_RETRY), BREAKER_UNREACHABLE_MAX));
    pass(2000);
    cr_assert(zero(u32, rows_of(ROW_RETRY)));
    cr_assert(eq(u32, rows_of(ROW_PARKED), BREAKER_UNREACHABLE_MAX));
    cr_assert(zero(u32, find(dead)->in_memory));
    cr_assert(eq(u32, client.begun, BREAKER_UNREACHABLE_MAX));
    pass(10000);
    for (unsigned i = 0; i < 50; i++) {
        settle();
        while (client.count > 0)
            end_call(0, HTTP_RESPONSE, 200);
    }
    cr_assert(eq(u32, client.begun, 2 * BREAKER_UNREACHABLE_MAX));
}

Test(turns, retries_do_not_crowd_out_first_attempts)
{
    enum { RETRIES = 40 };
    struct subscription *one = subscribe(
        TO("a.example", ",\"retry\":{\"schedule\":[\"1s\",\"1s\"],\"jitter\":0},"
                        "\"concurrency\":{\"max\":1},\"breaker\":{\"min_attempts\":1000}"));
    for (unsigned i = 0; i < RETRIES; i++) {
        publish(one);
        settle();
        end_call(0, HTTP_RESPONSE, 500);
    }
    pass(3000);
    cr_assert(eq(u32, client.count, 1), "a retry");
    publish_many(one, 20);
    unsigned firsts = 0, begun = 0;
    for (; firsts < 20 && begun < 60; begun++) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        const char *head = client.open[0]->parts[0].iov_base;
        firsts +=
            memmem(head, client.open[0]->parts[0].iov_len, "X-Webhook-Attempt: 1\r", 21) != NULL;
    }
    cr_assert(eq(u32, firsts, 20));
    cr_assert(le(u32, begun, 20 + RETRY_BUDGET_MAX + 20 / RETRY_BUDGET_FIRSTS + 1));
    for (unsigned i = 0; i < 100; i++) {
        settle();
        while (client.count > 0)
            end_call(0, HTTP_RESPONSE, 200);
    }
}
