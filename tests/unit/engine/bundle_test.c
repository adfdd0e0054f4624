/* What goes together in a request, when, and how it is written. */
#include "bundle.h"

#include "body.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { DELIVERIES = 200 };

static struct shard shard;
static struct subscription subscription;
static struct endpoint endpoint;
static struct delivery deliveries[DELIVERIES];
static struct fetched_event events[DELIVERIES];

static void open_shard(void)
{
    cr_assert(zero(int, buddy_open(&shard.memory, 1 << 20)));
    cr_assert(zero(int, payloads_open(&shard.payloads)));
    shard.now_ms = 5000;
    shard.attempts.capacity = LIMIT_ATTEMPTS;
    subscription.batch = (struct batch_settings){.events = 3, .bytes = 4096, .wait_ms = 700};
    endpoint.subscription = &subscription;
    list_init(&endpoint.ready);
    list_init(&endpoint.again);
}

static void close_shard(void)
{
    cr_assert(zero(sz, shard.memory.used), "nothing is left taken");
    payloads_close(&shard.payloads);
    buddy_close(&shard.memory);
}

TestSuite(bundle, .init = open_shard, .fini = close_shard);

/* A fresh one if attempt_count is 0. */
static struct delivery *add(unsigned number, struct slice payload, uint32_t attempt_count)
{
    struct delivery *delivery = &deliveries[number];
    events[number].event = (struct event_record){.event = {.bytes = {1, (uint8_t)number}},
                                                 .type = SLICE("a.b"),
                                                 .content_type = SLICE("application/json"),
                                                 .time_ms = 1000,
                                                 .payload = payload};
    *delivery = (struct delivery){.endpoint = &endpoint,
                                  .fetched = &events[number],
                                  .event = events[number].event.event,
                                  .attempt_count = attempt_count,
                                  .taken_ms = 4000 + number};
    delivery->weight = bundle_weight(&subscription, &events[number].event);
    list_push_back(attempt_count ? &endpoint.again : &endpoint.ready, &delivery->link);
    endpoint.ready_count++;
    endpoint.ready_bytes += delivery->weight;
    return delivery;
}

Test(bundle, is_one_where_there_are_no_batches)
{
    subscription.batch.events = 0;
    struct delivery *first = add(0, SLICE("1"), 0);
    add(1, SLICE("2"), 0);
    cr_assert(eq(u32, bundle_count(&shard, first), 1));
    cr_assert(zero(u64, bundle_opens_ms(&shard, &endpoint)));
    cr_assert(zero(u32, first->weight));
}

Test(bundle, waits_for_its_number_or_its_time)
{
    add(0, SLICE("1"), 0);
    cr_assert(eq(u64, bundle_opens_ms(&shard, &endpoint), 4000 + 700));
    add(1, SLICE("2"), 0);
    cr_assert(eq(u64, bundle_opens_ms(&shard, &endpoint), 4000 + 700));
    add(2, SLICE("3"), 0);
    cr_assert(zero(u64, bundle_opens_ms(&shard, &endpoint)));
}

Test(bundle, waits_for_its_bytes_and_keeps_to_them)
{
    static char long_text[3000] = "\"";
    memset(long_text + 1, 'x', sizeof long_text - 2);
    long_text[sizeof long_text - 1] = '"';
    struct delivery *first = add(0, slice_of(long_text, sizeof long_text), 0);
    cr_assert(lt(u64, 0, bundle_opens_ms(&shard, &endpoint)));
    add(1, slice_of(long_text, sizeof long_text), 0);
    cr_assert(zero(u64, bundle_opens_ms(&shard, &endpoint)));
    cr_assert(eq(u32, bundle_count(&shard, first), 1));
    subscription.batch.bytes = 100;
    cr_assert(eq(u32, bundle_count(&shard, first), 1), "what is too long goes alone");
}

Test(bundle, has_no_more_members_than_it_may)
{
    struct delivery *first = add(0, SLICE("0"), 0);
    for (unsigned i = 1; i < 10; i++)
        add(i, SLICE("0"), 0);
    cr_assert(eq(u32, bundle_count(&shard, first), 3));
    subscription.batch.events = 100;
    cr_assert(eq(u32, bundle_count(&shard, first), 10));
    shard.deliveries.sending = LIMIT_ATTEMPTS - 20;
    cr_assert(eq(u32, bundle_count(&shard, first), 5), "a fourth of what is free");
    shard.deliveries.sending = LIMIT_ATTEMPTS - 1;
    cr_assert(eq(u32, bundle_count(&shard, first), 1));
}

Test(bundle, of_retries_is_of_those_that_failed_together)
{
    subscription.batch.events = 100;
    struct delivery *first = add(0, SLICE("0"), 2);
    add(1, SLICE("0"), 2);
    add(2, SLICE("0"), 2)->row_due_ms = 1;
    add(3, SLICE("0"), 2);
    add(4, SLICE("0"), 0);
    cr_assert(eq(u32, bundle_count(&shard, first), 2));
    cr_assert(zero(u64, bundle_opens_ms(&shard, &endpoint)));
    endpoint.loading_count = 1;
    cr_assert(eq(u64, bundle_opens_ms(&shard, &endpoint), UINT64_MAX), "one may belong to it");
}

Test(bundle, has_an_id_of_its_members)
{
    struct delivery *first = add(0, SLICE("0"), 0);
    struct delivery *second = add(1, SLICE("0"), 0);
    struct id both = bundle_id(first, 2), same = bundle_id(first, 2);
    struct id one = bundle_id(first, 1), other = bundle_id(second, 1);
    cr_assert(id_equal(&both, &same));
    cr_assert(not(id_equal(&both, &one)));
    cr_assert(not(id_equal(&one, &other)));
    cr_assert(eq(u64, id_time_ms(&both), id_time_ms(&first->event)));
    first->subscription.bytes[0] = 9;
    struct id elsewhere = bundle_id(first, 1);
    cr_assert(not(id_equal(&one, &elsewhere)));
}

Test(bundle, is_an_array_of_what_came)
{
    struct body body;
    struct delivery *first = add(0, SLICE("{ \"n\": 1 }"), 0);
    add(1, SLICE(""), 0);
    add(2, SLICE("{no"), 0);
    add(3, SLICE("ab\0c"), 0);
    events[3].event.content_type = SLICE("text/\"x\"");
    cr_assert(bundle_write(&shard, first, 4, &body));
    char got[1024], id[ID_TEXT_SIZE], expected[1024];
    struct text text;
    static const char *const payloads[] = {
        "\"payload\":{ \"n\": 1 }", "\"payload\":null",
        "\"content_type\":\"application/json\",\"payload_base64\":\"e25v\"",
        "\"content_type\":\"text/\\\"x\\\"\",\"payload_base64\":\"YWIAYw==\""};
    text_init(&text, expected, sizeof expected);
    for (unsigned i = 0; i < 4; i++)
        text_printf(&text,
                    "%s{\"id\":\"%s\",\"type\":\"a.b\","
                    "\"timestamp\":\"1970-01-01T00:00:01.000Z\",%s}",
                    i ? "," : "[", id_print(&deliveries[i].event, "evt", id).at, payloads[i]);
    text_put(&text, SLICE("]"));
    cr_assert(lt(sz, body.bytes.size, sizeof got));
    memcpy(got, body.bytes.at, body.bytes.size);
    got[body.bytes.size] = expected[text.size] = '\0';
    cr_assert_str_eq(got, expected);
    body_drop(&shard, &body);
}

Test(bundle, waits_for_memory)
{
    struct body body;
    struct delivery *first = add(0, SLICE("1"), 0);
    void *all = buddy_take(&shard.memory, 1 << 20);
    cr_assert(not(bundle_write(&shard, first, 1, &body)));
    buddy_give(&shard.memory, all);
    cr_assert(bundle_write(&shard, first, 1, &body));
    body_drop(&shard, &body);
}

Test(bundle, has_a_trace_if_all_have_the_same)
{
    struct delivery *first = add(0, SLICE("1"), 0);
    add(1, SLICE("2"), 0);
    add(2, SLICE("3"), 0);
    cr_expect(not(bundle_has_one_trace(first, 3)), "none has any");
    for (unsigned i = 0; i < 3; i++) {
        events[i].event.trace_parent = SLICE("p");
        events[i].event.trace_state = SLICE("s=1");
    }
    cr_expect(bundle_has_one_trace(first, 3));
    events[2].event.trace_state = SLICE("s=2");
    cr_expect(not(bundle_has_one_trace(first, 3)));
    cr_expect(bundle_has_one_trace(first, 2));
    events[1].event.trace_parent = SLICE("q");
    cr_expect(not(bundle_has_one_trace(first, 2)));
    events[1].event.trace_parent = SLICE("");
    cr_expect(not(bundle_has_one_trace(first, 2)));
    cr_expect(bundle_has_one_trace(first, 1));
}
