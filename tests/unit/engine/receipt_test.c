/* What producers are told when their events are on disk. Who sends the answers is replaced by one
 * that takes them down, and the clock by one that stands. */
#include "receipt.h"

#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { BLOCK_SIZE = 8192, NOW_US = 5000, ARENA = 1 << 20, BUDDY_PIECES = 4096 };

static struct shard shard;
static struct requester requester = {.ticket.serial = 7};
static const struct id subscriptions[3];

/* ---- in place of requester.c and clock.c ---- */

static struct {
    unsigned count;
    int status;
    char type[32], headers[64], body[1 << 19];
    size_t size, room; /* room: that the server could have */
} answer;

/* The largest piece that is to be had. */
static size_t free_room(void)
{
    size_t room = ARENA;
    void *piece = NULL;
    while (room > 1 && !(piece = buddy_take(&shard.memory, room)))
        room /= 2;
    buddy_give(&shard.memory, piece);
    return piece ? room : 0;
}

uint64_t clock_wall_ms(void)
{
    return 0;
}

uint64_t clock_monotonic_ns(void)
{
    return (uint64_t)NOW_US * 1000;
}

void requester_reply(struct shard *sender, const struct requester *to,
                     const struct http_response *response)
{
    cr_assert(sender == &shard);
    cr_assert(eq(u64, to->ticket.serial, 7));
    cr_assert(lt(sz, response->body.size, sizeof answer.body));
    answer.count++;
    answer.status = response->status;
    answer.size = response->body.size;
    answer.room = free_room();
    snprintf(answer.type, sizeof answer.type, "%.*s", SLICE_ARGS(response->content_type));
    snprintf(answer.body, sizeof answer.body, "%.*s", SLICE_ARGS(response->body));
}

void requester_problem(struct shard *sender, const struct requester *to, int status,
                       const char *detail, struct slice headers)
{
    cr_assert(sender == &shard);
    cr_assert(eq(u64, to->ticket.serial, 7));
    answer.count++;
    answer.status = status;
    snprintf(answer.headers, sizeof answer.headers, "%.*s", SLICE_ARGS(headers));
    snprintf(answer.body, sizeof answer.body, "%s", detail);
}

/* ---- the stage ---- */

/* A chain of two blocks. */
static struct event_block first, second;
static char memory[2][BLOCK_SIZE];
static struct claim claims[8];
static unsigned claim_count;

static void open_shard(void)
{
    cr_assert(zero(int, buddy_open(&shard.memory, ARENA)));
    block_init(&first.journal.block, BLOCK_EVENTS, 0, 1, memory[0], BLOCK_SIZE);
    block_init(&second.journal.block, BLOCK_EVENTS, 0, 2, memory[1], BLOCK_SIZE);
    first.journal.next = &second.journal;
}

static void close_shard(void)
{
    cr_assert(zero(sz, shard.memory.used), "nothing is kept");
    buddy_close(&shard.memory);
}

TestSuite(receipt, .init = open_shard, .fini = close_shard);

/* The record of event `number`, for so many subscriptions; where it begins in the block. */
static size_t add(struct event_block *to, uint8_t number, uint32_t deliveries)
{
    struct event_record event = {.event = {{number}},
                                 .type = SLICE("a.b"),
                                 .payload = SLICE("{}"),
                                 .subscriptions = subscriptions,
                                 .subscription_count = deliveries};
    struct block *block = &to->journal.block;
    size_t record_at = block->size;
    char *at = block_append(block, event_record_size(&event), 0);
    cr_assert(at != NULL);
    event_record_encode(&event, at);
    return record_at;
}

/* The record of event `number`, with a key; `of` another event (not 0) that has the key already. */
static void add_with_key(struct event_block *to, uint8_t number, uint8_t of)
{
    size_t record_at = add(to, number, 2);
    struct claim **link = &to->journal.claims;
    struct claim *claim = &claims[claim_count++];
    *claim = (struct claim){.record = memory[to == &second] + record_at + BLOCK_RECORD_HEAD,
                            .duplicate = of != 0,
                            .first = {{of}}};
    if (of)
        event_record_mark_duplicate(claim->record);
    while (*link)
        link = &(*link)->next;
    *link = claim;
}

static struct receipt receipt_for(uint32_t count)
{
    return (struct receipt){.requester = requester,
                            .received_ns = 0,
                            .block = &first,
                            .record_at = BLOCK_HEAD_SIZE,
                            .count = count,
                            .is_batch = count > 1};
}

static void send_for(uint32_t count)
{
    struct receipt receipt = receipt_for(count);
    cr_assert(receipt_reserve(&shard, &receipt));
    receipt_send(&shard, &receipt);
    cr_assert(eq(u32, answer.count, 1));
}

/* The same text with "<N>" replaced by the id of event N. */
static void expect_body(const char *expected)
{
    char text[sizeof answer.body] = "";
    size_t size = 0;
    for (const char *at = expected; *at; at++) {
        struct id id = {{(uint8_t)(at[0] == '<' ? at[1] - '0' : 0)}};
        if (*at != '<') {
            text[size++] = *at;
            continue;
        }
        size += id_print(&id, "evt", text + size).size;
        at += 2;
    }
    text[size] = '\0';
    cr_expect_str_eq(answer.body, text);
    cr_expect(eq(int, answer.status, 202));
    cr_expect_str_eq(answer.type, "application/json");
}

/* ---- one event ---- */

Test(receipt, names_the_event_and_counts_its_deliveries)
{
    add(&first, 1, 3);
    send_for(1);
    expect_body("{\"id\":\"<1>\",\"deliveries\":3,\"duplicate\":false}");
    cr_expect(eq(u64, shard.metrics.events_accepted, 1));
}

Test(receipt, begins_where_the_requests_events_begin)
{
    add(&first, 1, 0);
    struct receipt receipt = receipt_for(1);
    receipt.record_at = add(&first, 2, 0);
    receipt_send(&shard, &receipt);
    expect_body("{\"id\":\"<2>\",\"deliveries\":0,\"duplicate\":false}");
}

Test(receipt, names_the_first_event_of_a_duplicate)
{
    add_with_key(&first, 1, 9);
    send_for(1);
    expect_body("{\"id\":\"<9>\",\"deliveries\":0,\"duplicate\":true}");
    cr_expect(eq(u64, shard.metrics.events_duplicate, 1));
    cr_expect(zero(u64, shard.metrics.events_accepted));
}

Test(receipt, is_not_misled_by_keys_of_others)
{
    add_with_key(&first, 1, 8);
    add(&first, 2, 0);
    struct receipt receipt = receipt_for(1);
    receipt.record_at = first.journal.block.size;
    add_with_key(&first, 3, 9);
    add_with_key(&first, 4, 7);
    receipt_send(&shard, &receipt);
    expect_body("{\"id\":\"<9>\",\"deliveries\":0,\"duplicate\":true}");
}

Test(receipt, tells_how_long_it_took)
{
    add(&first, 1, 0);
    send_for(1);
    cr_expect(eq(u64, shard.metrics.accept_us.count, 1));
    cr_expect(eq(u64, shard.metrics.accept_us.max, NOW_US));
}

/* ---- a batch ---- */

Test(receipt, lists_a_batch_in_order)
{
    add(&first, 1, 1);
    add_with_key(&first, 2, 0);
    add_with_key(&first, 3, 1);
    send_for(3);
    expect_body("{\"accepted\":2,\"duplicates\":1,\"events\":["
                "{\"id\":\"<1>\",\"deliveries\":1,\"duplicate\":false},"
                "{\"id\":\"<2>\",\"deliveries\":2,\"duplicate\":false},"
                "{\"id\":\"<1>\",\"deliveries\":0,\"duplicate\":true}]}");
    cr_expect(eq(u64, shard.metrics.events_accepted, 2));
    cr_expect(eq(u64, shard.metrics.events_duplicate, 1));
}

Test(receipt, lists_a_batch_of_one_as_a_batch)
{
    struct receipt receipt = receipt_for(1);
    add(&first, 1, 0);
    receipt.is_batch = true;
    cr_assert(receipt_reserve(&shard, &receipt));
    receipt_send(&shard, &receipt);
    expect_body("{\"accepted\":1,\"duplicates\":0,\"events\":["
                "{\"id\":\"<1>\",\"deliveries\":0,\"duplicate\":false}]}");
}

Test(receipt, goes_on_in_the_next_block_with_its_keys)
{
    add_with_key(&first, 1, 7);
    add_with_key(&second, 2, 8);
    add_with_key(&second, 3, 0);
    send_for(3);
    expect_body("{\"accepted\":1,\"duplicates\":2,\"events\":["
                "{\"id\":\"<7>\",\"deliveries\":0,\"duplicate\":true},"
                "{\"id\":\"<8>\",\"deliveries\":0,\"duplicate\":true},"
                "{\"id\":\"<3>\",\"deliveries\":2,\"duplicate\":false}]}");
}

Test(receipt, ends_before_the_events_of_the_next_request)
{
    add(&first, 1, 0);
    add(&first, 2, 0);
    add(&first, 3, 0);
    send_for(2);
    cr_expect(eq(u64, shard.metrics.events_accepted, 2));
    cr_expect(strstr(answer.body, "\"accepted\":2,") != NULL);
}

/* Once they are durable there is no way back, so the answer must not fail for want of memory. */
Test(receipt, of_a_batch_has_its_memory_before_the_events_are_durable)
{
    struct receipt receipt = receipt_for(2);
    add(&first, 1, 0);
    add(&first, 2, 0);
    cr_assert(receipt_reserve(&shard, &receipt));
    void *rest[BUDDY_PIECES];
    unsigned count = 0;
    while (count < BUDDY_PIECES && (rest[count] = buddy_take(&shard.memory, 1)))
        count++;
    cr_assert(lt(u32, count, BUDDY_PIECES), "all memory is taken");
    receipt_send(&shard, &receipt);
    cr_expect(eq(int, answer.status, 202));
    cr_expect(lt(sz, answer.size + HTTP_ANSWER_HEAD_MAX - 1, answer.room), "the server finds some");
    while (count > 0)
        buddy_give(&shard.memory, rest[--count]);
}

Test(receipt, of_a_batch_is_not_promised_without_memory)
{
    struct receipt receipt = receipt_for(2);
    void *all = buddy_take(&shard.memory, ARENA / 2);
    void *more = buddy_take(&shard.memory, ARENA / 2);
    cr_expect(not(receipt_reserve(&shard, &receipt)));
    buddy_give(&shard.memory, more);
    more = buddy_take(&shard.memory, ARENA / 2);
    cr_expect(ne(ptr, more, NULL), "nothing is kept");
    buddy_give(&shard.memory, more);
    buddy_give(&shard.memory, all);
}

/* The largest batch: no event may be cut from its answer. */
Test(receipt, has_room_for_every_event_of_a_batch)
{
    enum { EVENTS = 50 };
    static const uint32_t most = sizeof subscriptions / sizeof subscriptions[0];
    for (uint8_t i = 0; i < EVENTS; i++)
        add(i < EVENTS / 2 ? &first : &second, i, most);
    send_for(EVENTS);
    unsigned events = 0;
    for (const char *at = answer.body; (at = strstr(at, "\"id\"")); at++)
        events++;
    cr_expect(eq(u32, events, EVENTS));
    cr_expect(eq(sz, answer.size, strlen(answer.body)));
}
