/* Where one subscription's deliveries go: turns, slots, the window, and what a change and an end of
 * the subscription do. On a whole shard, of which the test has the rest in its hands. */
#include "shard_stage.h"

TestSuite(endpoint, .init = stage_open, .fini = stage_close);

enum { TURN = 4 }; /* so many small ones in a row, and it is another's */

#define TO(host, more) "{\"url\":\"https://" host "/\"" more "}"

static bool goes_to(unsigned call, const char *host)
{
    return slice_equal(client.to[call]->url.host, slice_str(host));
}

static unsigned calls_to(const char *host)
{
    unsigned count = 0;
    for (unsigned i = 0; i < client.count; i++)
        count += goes_to(i, host);
    return count;
}

static struct endpoint *find(const struct subscription *subscription)
{
    return endpoint_find(&shard, &subscription->id);
}

static struct subscription *copy_of(const struct subscription *before)
{
    struct subscription *copy = subscription_copy(before);
    subscriptions[subscription_count++] = copy;
    return copy;
}

/* ---- being there ---- */

Test(endpoint, is_found_from_its_making_to_its_deletion)
{
    struct subscription *a = subscribe(TO("a.example", ""));
    struct subscription *b = subscribe(TO("b.example", ""));
    cr_assert(find(a) != NULL);
    cr_assert(find(b) != NULL);
    cr_assert(find(a) != find(b));
    settle();
    change(DIRECTORY_SUBSCRIPTION, a, NULL);
    cr_assert(find(a) == NULL);
    cr_assert(find(b) != NULL);
    cr_assert(eq(u64, shard.endpoints.count, 1));
}

Test(endpoint, is_not_made_where_its_home_is_not)
{
    struct subscription *elsewhere = make_subscription(TO("a.example", ""));
    while (keys_home(&elsewhere->id, crew.shards) == 0)
        elsewhere->id.bytes[15]++;
    change(DIRECTORY_SUBSCRIPTION, NULL, elsewhere);
    cr_assert(find(elsewhere) == NULL);
}

Test(endpoint, sends_to_the_new_url_after_a_change)
{
    struct subscription *before = subscribe(TO("a.example", ""));
    struct subscription *after = make_subscription(TO("b.example", ""));
    publish(before);
    after->id = before->id;
    change(DIRECTORY_SUBSCRIPTION, before, after);
    publish(before);
    cr_assert(eq(u32, client.count, 2));
    cr_expect(goes_to(1, "b.example"));
    cr_expect(eq(u32, client.origins, 1), "what is being sent needs the old one no more");
    end_call(0, HTTP_RESPONSE, 200);
    end_call(0, HTTP_RESPONSE, 200);
}

/* The shard that took the event knew the subscription before its home did. */
Test(endpoint, looks_for_what_was_parked_before_it_was_known)
{
    struct subscription *late = make_subscription(TO("a.example", ""));
    publish(late);
    settle();
    cr_assert(zero(u32, client.count));
    change(DIRECTORY_SUBSCRIPTION, NULL, late);
    settle();
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_assert(zero(u32, rows_of(ROW_PARKED)));
}

Test(endpoint, stays_until_its_last_attempt_has_ended)
{
    struct subscription *subscription = subscribe(TO("a.example", ""));
    publish(subscription);
    publish(subscription);
    settle();
    change(DIRECTORY_SUBSCRIPTION, subscription, NULL);
    cr_assert(eq(u64, shard.endpoints.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    cr_assert(eq(u64, shard.endpoints.count, 1));
    end_call(0, HTTP_TIMEOUT, 0);
    cr_assert(zero(u64, shard.endpoints.count));
    cr_assert(zero(u32, client.origins));
}

/* ---- slots ---- */

Test(endpoint, keeps_to_its_slots_and_fills_each_that_is_free_again)
{
    struct subscription *subscription = subscribe(TO("a.example", ",\"concurrency\":{\"max\":2}"));
    for (unsigned i = 0; i < 5; i++)
        publish(subscription);
    cr_assert(eq(u32, client.count, 2));
    for (unsigned begun = 3; begun <= 5; begun++) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        cr_assert(eq(u32, client.count, 2));
        cr_assert(eq(u32, client.begun, begun));
    }
    end_call(0, HTTP_RESPONSE, 200);
    end_call(0, HTTP_RESPONSE, 200);
}

Test(endpoint, begins_none_over_slots_that_have_become_fewer)
{
    struct subscription *four = subscribe(TO("a.example", ",\"concurrency\":{\"max\":4}"));
    struct subscription *one = make_subscription(TO("a.example", ",\"concurrency\":{\"max\":1}"));
    one->id = four->id;
    for (unsigned i = 0; i < 6; i++)
        publish(four);
    cr_assert(eq(u32, client.count, 4));
    change(DIRECTORY_SUBSCRIPTION, four, one);
    for (unsigned left = 3; left > 0; left--) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        cr_assert(eq(u32, client.count, left));
    }
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_assert(eq(u32, client.count, 1));
}

Test(endpoint, delays_no_other_when_its_receiver_hangs)
{
    struct subscription *hangs = subscribe(TO("a.example", ",\"concurrency\":{\"max\":3}"));
    struct subscription *other = subscribe(TO("b.example", ""));
    for (unsigned i = 0; i < 50; i++)
        publish(hangs);
    for (unsigned i = 0; i < 20; i++) {
        publish(other);
        cr_assert(eq(u32, client.count, 4));
        cr_assert(goes_to(3, "b.example"));
        end_call(3, HTTP_RESPONSE, 200);
    }
    cr_assert(eq(u32, calls_to("a.example"), 3));
}

#define MANY_SLOTS ",\"concurrency\":{\"max\":64,\"adaptive\":false}"

/* When nothing could be sent for a while, both have a queue. */
Test(endpoint, takes_turns_with_others)
{
    struct subscription *one = subscribe(TO("a.example", MANY_SLOTS));
    struct subscription *other = subscribe(TO("b.example", MANY_SLOTS));
    publish(one);
    publish(other);
    end_call(0, HTTP_RESPONSE, 200);
    end_call(0, HTTP_RESPONSE, 200); /* both receivers are known to answer */
    client.has_no_connection = true;
    for (unsigned i = 0; i < 40; i++)
        publish(i < 20 ? one : other);
    client.has_no_connection = false;
    pass(100);
    cr_assert(eq(u32, client.count, 40));
    for (unsigned i = 1, run = 1; i < 32; i++) {
        run = goes_to(i, "a.example") == goes_to(i - 1, "a.example") ? run + 1 : 1;
        cr_assert(le(u32, run, TURN), "call %u", i);
    }
}

/* ---- the window ---- */

Test(endpoint, may_hold_a_few_however_full_and_else_a_part_of_what_is_free)
{
    struct endpoint *endpoint = find(subscribe(TO("a.example", "")));
    struct pool *pool = &shard.deliveries.pool;
    cr_assert(endpoint_has_window(&shard, endpoint));
    endpoint->in_memory = 1000;
    pool->used = pool->capacity - 5000;
    cr_expect(endpoint_has_window(&shard, endpoint));
    pool->used = pool->capacity - 3000;
    cr_expect(not(endpoint_has_window(&shard, endpoint)));
    endpoint->in_memory = 10;
    cr_expect(endpoint_has_window(&shard, endpoint));
    pool->used = pool->capacity;
    cr_expect(not(endpoint_has_window(&shard, endpoint)));
    endpoint->in_memory = 0;
    pool->used = 0;
}

Test(endpoint, holds_no_more_than_a_few_when_memory_is_low)
{
    struct endpoint *endpoint = find(subscribe(TO("a.example", "")));
    size_t used = shard.memory.used;
    shard.memory.used = shard.memory.arena_size / 10 * 9;
    endpoint->in_memory = 1000;
    cr_expect(not(endpoint_has_window(&shard, endpoint)));
    endpoint->in_memory = 10;
    cr_expect(endpoint_has_window(&shard, endpoint));
    endpoint->in_memory = 0;
    shard.memory.used = used;
}

/* What does not fit goes to disk and comes back, page by page: none is lost, none is sent twice. */
Test(endpoint, sends_all_of_a_backlog_once)
{
    enum { BACKLOG = 300 };
    struct subscription *paused = subscribe(TO("a.example", ""));
    struct subscription *active = copy_of(paused);
    paused->status = SUBSCRIPTION_PAUSED; /* from the first: it is the test's own */
    for (unsigned i = 0; i < BACKLOG; i++)
        publish(paused);
    settle();
    cr_assert(zero(u32, client.begun));
    cr_assert(eq(u32, row_count, BACKLOG));
    change(DIRECTORY_SUBSCRIPTION, paused, active);
    for (unsigned i = 0; i < 2 * BACKLOG && client.begun < BACKLOG; i++) {
        settle();
        while (client.count > 0)
            end_call(0, HTTP_RESPONSE, 200);
    }
    settle();
    pass(2000);
    cr_assert(eq(u32, client.begun, BACKLOG));
    cr_assert(zero(u32, client.count));
    cr_assert(zero(sz, shard.deliveries.pool.used));
}

/* ---- where it may send ---- */

static struct egress_rules *deny_of(const char *text)
{
    struct egress_rules *rules = calloc(1, sizeof *rules + sizeof rules->networks[0]);
    rules->deny_count = 1;
    cr_assert(zero(int, network_parse(slice_str(text), &rules->networks[0])));
    return rules;
}

static bool lets_through(const struct endpoint *endpoint, const char *text)
{
    const struct http_origin_options *options = &endpoint->origin->options;
    struct address address;
    cr_assert(zero(int, address_parse_ip(slice_str(text), 443, &address)));
    return options->allowed(options->context, &address);
}

Test(endpoint, has_an_origin_of_its_own_while_there_are_rules)
{
    struct subscription *subscription = subscribe(TO("a.example", ""));
    struct tenant strict = tenant, same;
    cr_assert(find(subscription)->origin->options.allowed == NULL);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);

    strict.egress = deny_of("1.2.3.0/24");
    change(DIRECTORY_TENANT, &tenant, &strict);
    publish(subscription);
    cr_assert(not(lets_through(find(subscription), "1.2.3.4")));
    cr_assert(lets_through(find(subscription), "1.2.4.4"));
    cr_assert(not(lets_through(find(subscription), "10.0.0.1")), "the guard holds too");
    end_call(0, HTTP_RESPONSE, 200);
    cr_assert(zero(u32, client.retired), "what others may use stays");

    same = strict;
    same.name[0] = 'x';
    change(DIRECTORY_TENANT, &strict, &same);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    cr_assert(zero(u32, client.retired), "nothing that matters has changed");

    change(DIRECTORY_TENANT, &same, &tenant);
    publish(subscription);
    cr_assert(eq(u32, client.retired, 1));
    cr_assert(find(subscription)->origin->options.allowed == NULL);
    cr_assert(eq(u32, client.origins, 1));
    end_call(0, HTTP_RESPONSE, 200);
    free(strict.egress);
}

Test(endpoint, sends_nothing_by_http_while_https_is_asked_for)
{
    struct subscription *plain = subscribe("{\"url\":\"http://a.example/\"}");
    struct subscription *safe = subscribe(TO("b.example", ""));
    struct tenant strict = tenant;
    strict.https_only = true;
    change(DIRECTORY_TENANT, &tenant, &strict);
    publish(plain);
    publish(safe);
    cr_assert(eq(u32, client.count, 1));
    cr_assert(eq(u32, calls_to("b.example"), 1));
    cr_assert(eq(u64, shard.metrics.attempts[ATTEMPT_BLOCKED_ADDRESS], 1));
    end_call(0, HTTP_RESPONSE, 200);
    change(DIRECTORY_TENANT, &strict, &tenant);
    publish(plain);
    cr_assert(eq(u32, calls_to("a.example"), 1));
    end_call(0, HTTP_RESPONSE, 200);
}
