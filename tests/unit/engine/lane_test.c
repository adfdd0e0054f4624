/* Lanes: who is first, what may come into memory, and what is read again; against a plain model. */
#include "lane.h"

#include "base/random.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { EVENTS = 400, KEYS = 5 };

static struct shard shard;
static char pointer[] = "/user/id";
static struct subscription strict = {.ordering = ORDERING_STRICT},
                           keyed = {.ordering = ORDERING_KEY, .ordering_key = pointer}, free_of_it;
static struct endpoint endpoint;
static struct id parked; /* what endpoint_parked() was told last */
static unsigned parked_count;

void endpoint_parked(struct shard *of, struct endpoint *which, const struct id *event)
{
    cr_assert(of == &shard && which == &endpoint);
    parked = *event;
    parked_count++;
}

static void start(void)
{
    cr_assert(zero(int, lanes_open(&shard.lanes, LIMIT_DELIVERIES)));
    cr_assert(zero(int, payloads_open(&shard.payloads)));
    endpoint = (struct endpoint){.subscription = &keyed};
    list_init(&endpoint.lanes);
    parked_count = 0;
}

static void stop(void)
{
    lanes_close(&shard.lanes);
    payloads_close(&shard.payloads);
}

TestSuite(lane, .init = start, .fini = stop);

static struct id event_of(unsigned number)
{
    return (struct id){.bytes = {0, (uint8_t)(number >> 8), (uint8_t)number}};
}

static struct delivery delivery_of(unsigned number, uint64_t key)
{
    struct delivery made = {.endpoint = &endpoint, .event = event_of(number), .key = key};
    return made;
}

/* As delivery.c does. */
static void enter(struct delivery *delivery)
{
    bool is_first = lane_enter(&shard, delivery);
    delivery->state = is_first ? STATE_READY : STATE_BEHIND;
    struct delivery *after = is_first ? lane_after(delivery) : NULL;
    if (after && after->state == STATE_READY)
        after->state = STATE_BEHIND;
}

static void leave(struct delivery *delivery)
{
    struct delivery *next = lane_leave(&shard, delivery);
    delivery->state = STATE_GHOST;
    if (next)
        next->state = STATE_READY;
}

static uint64_t key_of(const char *payload)
{
    return lane_key(&shard, &keyed, slice_str(payload));
}

Test(lane, key_is_a_string_a_number_or_a_boolean_at_the_pointer)
{
    cr_assert(eq(u64, key_of("{\"user\":{\"id\":\"a\"}}"),
                 key_of(" {\"n\":1,\"user\": {\"id\" :\"\\u0061\"}}")));
    cr_assert(ne(u64, key_of("{\"user\":{\"id\":\"a\"}}"), key_of("{\"user\":{\"id\":\"b\"}}")));
    cr_assert(ne(u64, key_of("{\"user\":{\"id\":\"1\"}}"), key_of("{\"user\":{\"id\":1}}")));
    cr_assert(ne(u64, key_of("{\"user\":{\"id\":true}}"), key_of("{\"user\":{\"id\":false}}")));
    cr_assert(ne(u64, key_of("{\"user\":{\"id\":0}}"), 0));
}

Test(lane, key_is_the_same_of_all_that_have_none)
{
    static const char *const none[] = {"",
                                       "{",
                                       "1",
                                       "\xff",
                                       "{\"user\":1}",
                                       "{\"user\":{\"id\":null}}",
                                       "{\"user\":{\"id\":[1]}}",
                                       "{\"user\":{\"id\":{}}}"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_assert(zero(u64, key_of(none[i])), "%s", none[i]);
    cr_assert(zero(u64, lane_key(&shard, &strict, SLICE("{\"user\":{\"id\":1}}"))));
}

Test(lane, key_is_found_in_a_payload_of_any_size)
{
    static char payload[300000];
    int size =
        snprintf(payload, sizeof payload, "{\"pad\":\"%0*d\",\"user\":{\"id\":7}}", 250000, 0);
    cr_assert(lt(int, 250000, size));
    cr_assert(eq(u64, key_of(payload), key_of("{\"user\":{\"id\":7}}")));
}

Test(lane, is_none_where_there_is_no_order)
{
    struct delivery one = delivery_of(1, 0), two = delivery_of(2, 0);
    endpoint.subscription = &free_of_it;
    endpoint.has_parked = true;
    cr_assert(lane_admits(&shard, &endpoint, 0));
    cr_assert(lane_enter(&shard, &one) && lane_enter(&shard, &two));
    cr_assert(zero(ptr, one.lane));
    cr_assert(zero(ptr, lane_leave(&shard, &one)));
    cr_assert(eq(ptr, lane_last(&one), &one));
}

Test(lane, lets_one_that_comes_late_go_first_if_nothing_was_begun)
{
    struct delivery five = delivery_of(5, 0), three = delivery_of(3, 0), four = delivery_of(4, 0);
    enter(&five);
    enter(&three);
    cr_assert(eq(int, three.state, STATE_READY));
    cr_assert(eq(int, five.state, STATE_BEHIND));
    three.state = STATE_SENDING;
    enter(&four);
    cr_assert(eq(ptr, lane_after(&three), &four));
    leave(&three);
    leave(&four);
    cr_assert(eq(int, five.state, STATE_READY));
    leave(&five);
    cr_assert(zero(sz, shard.lanes.pool.used));
}

Test(lane, keeps_out_what_comes_while_something_of_it_is_on_disk)
{
    struct delivery one = delivery_of(1, 7), other = delivery_of(2, 8);
    struct id five = event_of(5), three = event_of(3);
    enter(&one);
    enter(&other);
    cr_assert(lane_admits(&shard, &endpoint, 7));
    cr_assert(lane_has_rest(&shard, &endpoint, 7, &five));
    cr_assert(lane_has_rest(&shard, &endpoint, 7, &three));
    cr_assert(not(lane_admits(&shard, &endpoint, 7)));
    cr_assert(lane_admits(&shard, &endpoint, 8));
    cr_assert(not(lane_has_rest(&shard, &endpoint, 9, &five)));
    leave(&one);
    cr_assert(eq(u32, parked_count, 1));
    cr_assert(id_equal(&parked, &three), "it is read again from the first of the rest");
    endpoint.has_parked = true;
    cr_assert(not(lane_admits(&shard, &endpoint, 9)));
    leave(&other);
}

Test(lane, takes_no_rows_while_its_first_waits)
{
    struct delivery one = delivery_of(1, 7);
    struct id two = event_of(2), three = event_of(3);
    enter(&one);
    one.state = STATE_WAITING;
    cr_assert(not(lane_takes(&shard, &endpoint, 7, &two, false)));
    cr_assert(lane_takes(&shard, &endpoint, 8, &three, false));
    one.state = STATE_SENDING;
    cr_assert(not(lane_takes(&shard, &endpoint, 7, &three, false)),
              "what is before it was left out");
    leave(&one);
    cr_assert(id_equal(&parked, &two));
}

/* It was begun before one with a lower id was known, and waits; now that one is the first. */
Test(lane, ends_the_page_at_a_retry_that_is_not_the_first)
{
    struct delivery one = delivery_of(1, 0);
    struct id two = event_of(2), three = event_of(3);
    endpoint.subscription = &strict;
    enter(&one);
    cr_assert(not(lane_ends_page(&shard, &endpoint)));
    cr_assert(not(lane_takes(&shard, &endpoint, 0, &two, true)));
    cr_assert(lane_ends_page(&shard, &endpoint));
    cr_assert(not(lane_takes(&shard, &endpoint, 0, &three, false)));
    leave(&one);
    cr_assert(id_equal(&parked, &two));
    cr_assert(lane_takes(&shard, &endpoint, 0, &two, true));
}

Test(lane, of_strict_order_holds_up_the_endpoint)
{
    endpoint.subscription = &strict;
    cr_assert(not(lane_is_held_up(&endpoint)));
    endpoint.waiting_count = 1;
    cr_assert(lane_is_held_up(&endpoint));
    endpoint.subscription = &keyed;
    cr_assert(not(lane_is_held_up(&endpoint)));
    endpoint.waiting_count = 256;
    cr_assert(lane_is_held_up(&endpoint));
    endpoint.subscription = &free_of_it;
    cr_assert(not(lane_is_held_up(&endpoint)));
}

/* The lowest of a key in memory; or of those after `above`. NULL: none. */
static struct delivery *lowest(struct delivery *all, uint64_t key, int above)
{
    for (int i = above + 1; i < EVENTS; i++)
        if (all[i].lane && all[i].key == key)
            return &all[i];
    return NULL;
}

static void check(struct delivery *all)
{
    for (uint64_t key = 0; key < KEYS; key++) {
        const struct lane *lane = lane_find(&shard, &endpoint, key);
        struct delivery *sending = NULL;
        for (int i = 0; i < EVENTS; i++)
            if (all[i].lane && all[i].key == key && all[i].state == STATE_SENDING)
                sending = &all[i];
        struct delivery *first = sending ? sending : lowest(all, key, -1);
        cr_assert(eq(int, lane != NULL, first != NULL));
        if (!lane)
            continue;
        cr_assert(eq(ptr, lane_first(lane), first));
        cr_assert(eq(int, first->state, sending ? STATE_SENDING : STATE_READY));
        unsigned count = 0;
        for (struct delivery *each = first; each; each = lane_after(each), count++)
            cr_assert(each == first || each->state == STATE_BEHIND);
        cr_assert(eq(u32, count, lane->count));
        /* behind the first: in order */
        struct delivery *before = NULL;
        for (struct delivery *each = lane_after(first); each;
             before = each, each = lane_after(each))
            cr_assert(before == NULL ||
                      memcmp(&before->event, &each->event, sizeof(struct id)) < 0);
    }
}

Test(lane, is_in_order_whatever_comes_and_goes)
{
    static struct delivery all[EVENTS];
    struct random chance;
    uint64_t seed = 20;
    random_init(&chance, seed);
    cr_log_info("seed %lu", seed);
    for (unsigned i = 0; i < EVENTS; i++)
        all[i] = delivery_of(i + 1, random_below(&chance, KEYS));
    for (unsigned round = 0; round < 20000; round++) {
        struct delivery *any = &all[random_below(&chance, EVENTS)];
        if (!any->lane)
            enter(any);
        else if (any->state == STATE_READY && random_below(&chance, 2))
            any->state = STATE_SENDING;
        else if (any->state == STATE_SENDING)
            leave(any);
        else if (any->state == STATE_BEHIND && lane_last(any) == any)
            leave(any);
        if (round % 16 == 0)
            check(all);
    }
    for (unsigned i = 0; i < EVENTS; i++)
        if (all[i].lane)
            leave(&all[i]);
    cr_assert(zero(sz, shard.lanes.pool.used));
    cr_assert(not(list_is_linked(&endpoint.lanes)));
}
