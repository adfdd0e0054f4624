/* Records and rows: what is encoded is decoded to the same, and bytes that are not an encoding are
 * refused or at least read without harm. */
#include "store/record.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static struct random chance;
static char bytes[4096];
static struct id ids[50];

static void setup(void)
{
    random_init(&chance, 9);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)random_u64(&chance);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        ids[i] = id_new(i, &chance);
}

TestSuite(record, .init = setup);

static struct slice any_slice(size_t size_max)
{
    size_t size = random_below(&chance, size_max);
    return slice_of(bytes + random_below(&chance, sizeof bytes - size), size);
}

static struct event_record any_event(void)
{
    return (struct event_record){
        .event = ids[0],
        .tenant = ids[1],
        .duplicate = random_below(&chance, 2),
        .first_delivery = (uint32_t)random_u64(&chance),
        .time_ms = random_u64(&chance),
        .type = any_slice(128),
        .version = any_slice(10),
        .correlation_id = any_slice(100),
        .content_type = any_slice(40),
        .channels = any_slice(300),
        .trace_parent = any_slice(60),
        .trace_state = any_slice(520),
        .payload = any_slice(2000),
        .subscriptions = ids + 2,
        .subscription_count = (uint32_t)random_below(&chance, 40),
    };
}

static struct attempt_record any_attempt(void)
{
    return (struct attempt_record){
        .event = ids[0],
        .subscription = ids[1],
        .tenant = ids[2],
        .outcome = (enum attempt_outcome)random_below(&chance, ATTEMPT_CANCELLED + 1),
        .status_after = (enum delivery_status)(1 + random_below(&chance, DELIVERY_CANCELLED)),
        .number = (uint32_t)random_u64(&chance),
        .http_status = (uint16_t)random_u64(&chance),
        .body_truncated = random_below(&chance, 2),
        .headers_truncated = random_below(&chance, 2),
        .reused = random_below(&chance, 2),
        .at_ms = random_u64(&chance),
        .duration_ms = (uint32_t)random_u64(&chance),
        .dns_us = (uint32_t)random_u64(&chance),
        .connect_us = (uint32_t)random_u64(&chance),
        .tls_us = (uint32_t)random_u64(&chance),
        .first_byte_us = (uint32_t)random_u64(&chance),
        .next_attempt_ms = random_u64(&chance),
        .address = any_slice(60),
        .error = any_slice(200),
        .response_body = any_slice(1000),
        .request_headers = any_slice(300),
        .response_headers = any_slice(300),
    };
}

static struct slice encode_event(const struct event_record *event)
{
    size_t size = event_record_size(event);
    char *at = malloc(size);
    event_record_encode(event, at);
    return slice_of(at, size);
}

static struct slice encode_attempt(const struct attempt_record *attempt)
{
    size_t size = attempt_record_size(attempt);
    char *at = malloc(size);
    attempt_record_encode(attempt, at);
    return slice_of(at, size);
}

static void give(struct slice encoded)
{
    free((void *)(uintptr_t)encoded.at);
}

Test(record, of_an_event_comes_back)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct event_record event = any_event(), read;
        struct slice encoded = encode_event(&event);
        cr_assert(zero(int, event_record_decode(encoded, &read)));
        cr_assert(id_equal(&read.event, &event.event) && id_equal(&read.tenant, &event.tenant));
        cr_assert(eq(int, read.duplicate, event.duplicate));
        cr_assert(eq(u32, read.first_delivery, event.first_delivery));
        cr_assert(eq(u64, read.time_ms, event.time_ms));
        cr_assert(slice_equal(read.type, event.type));
        cr_assert(slice_equal(read.version, event.version));
        cr_assert(slice_equal(read.correlation_id, event.correlation_id));
        cr_assert(slice_equal(read.content_type, event.content_type));
        cr_assert(slice_equal(read.channels, event.channels));
        cr_assert(slice_equal(read.trace_parent, event.trace_parent));
        cr_assert(slice_equal(read.trace_state, event.trace_state));
        cr_assert(slice_equal(read.payload, event.payload));
        cr_assert(eq(u32, read.subscription_count, event.subscription_count));
        cr_assert(zero(int, memcmp(read.subscriptions, event.subscriptions,
                                   event.subscription_count * sizeof(struct id))));
        give(encoded);
    }
}

/* Version 2 has no trace, and version 1 no time either. */
Test(record, of_an_event_is_read_as_the_versions_before_wrote_it)
{
    enum { HEAD_1 = 56, HEAD_2 = 64, HEAD = 68 };
    static const size_t heads[] = {0, HEAD_1, HEAD_2};
    for (char version = 1; version <= 2; version++) {
        struct event_record event = any_event(), read;
        event.trace_parent = event.trace_state = SLICE("");
        struct slice encoded = encode_event(&event);
        size_t head = heads[(unsigned char)version];
        char *old = (char *)(uintptr_t)encoded.at;
        memmove(old + head, old + HEAD, encoded.size - HEAD);
        old[0] = version;
        struct slice older = slice_of(old, encoded.size - (HEAD - head));
        cr_assert(zero(int, event_record_decode(older, &read)));
        cr_assert(eq(u64, read.time_ms, version == 1 ? 0 : event.time_ms));
        cr_assert(slice_equal(read.type, event.type));
        cr_assert(slice_equal(read.channels, event.channels));
        cr_assert(zero(sz, read.trace_parent.size + read.trace_state.size));
        cr_assert(slice_equal(read.payload, event.payload));
        cr_assert(eq(int, event_record_decode(encoded, &read), -EBADMSG));
        old[0] = 4;
        cr_assert(eq(int, event_record_decode(older, &read), -EBADMSG));
        give(encoded);
    }
}

Test(record, of_an_event_with_all_its_subscriptions_comes_back)
{
    struct id *many = calloc(RECORD_SUBSCRIPTIONS_MAX, sizeof *many);
    struct event_record read, event = {.event = ids[0],
                                       .tenant = ids[1],
                                       .subscriptions = many,
                                       .subscription_count = RECORD_SUBSCRIPTIONS_MAX};
    struct slice encoded = encode_event(&event);
    cr_assert(zero(int, event_record_decode(encoded, &read)));
    cr_assert(eq(u32, read.subscription_count, RECORD_SUBSCRIPTIONS_MAX));
    give(encoded);
    free(many);
}

Test(record, becomes_a_duplicate_in_place)
{
    struct event_record event = any_event(), read;
    event.duplicate = false;
    struct slice encoded = encode_event(&event);
    event_record_mark_duplicate((char *)(uintptr_t)encoded.at);
    cr_assert(zero(int, event_record_decode(encoded, &read)));
    cr_assert(read.duplicate);
    cr_assert(slice_equal(read.payload, event.payload));
    give(encoded);
}

Test(record, of_an_attempt_comes_back)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct attempt_record attempt = any_attempt(), read;
        struct slice encoded = encode_attempt(&attempt);
        cr_assert(zero(int, attempt_record_decode(encoded, &read)));
        cr_assert(id_equal(&read.event, &attempt.event));
        cr_assert(id_equal(&read.subscription, &attempt.subscription));
        cr_assert(id_equal(&read.tenant, &attempt.tenant));
        cr_assert(eq(int, (int)read.outcome, (int)attempt.outcome));
        cr_assert(eq(int, (int)read.status_after, (int)attempt.status_after));
        cr_assert(eq(u32, read.number, attempt.number));
        cr_assert(eq(u32, read.http_status, attempt.http_status));
        cr_assert(eq(int, read.body_truncated, attempt.body_truncated));
        cr_assert(eq(int, read.headers_truncated, attempt.headers_truncated));
        cr_assert(eq(int, read.reused, attempt.reused));
        cr_assert(eq(u64, read.at_ms, attempt.at_ms));
        cr_assert(eq(u32, read.duration_ms, attempt.duration_ms));
        cr_assert(eq(u32, read.dns_us, attempt.dns_us));
        cr_assert(eq(u32, read.connect_us, attempt.connect_us));
        cr_assert(eq(u32, read.tls_us, attempt.tls_us));
        cr_assert(eq(u32, read.first_byte_us, attempt.first_byte_us));
        cr_assert(eq(u64, read.next_attempt_ms, attempt.next_attempt_ms));
        cr_assert(slice_equal(read.address, attempt.address));
        cr_assert(slice_equal(read.error, attempt.error));
        cr_assert(slice_equal(read.response_body, attempt.response_body));
        cr_assert(slice_equal(read.request_headers, attempt.request_headers));
        cr_assert(slice_equal(read.response_headers, attempt.response_headers));
        give(encoded);
    }
}

Test(record, of_an_attempt_of_version_1_is_still_read)
{
    enum { HEAD_1 = 104, HEAD = 112 };
    struct attempt_record attempt = any_attempt(), read;
    attempt.headers_truncated = attempt.reused = false;
    attempt.request_headers = attempt.response_headers = SLICE("");
    attempt.dns_us = 10;
    attempt.connect_us = 20;
    attempt.tls_us = 0;
    attempt.first_byte_us = 50; /* since the attempt began */
    struct slice encoded = encode_attempt(&attempt);
    char *first = (char *)(uintptr_t)encoded.at;
    first[0] = 1;
    memmove(first + HEAD_1, first + HEAD, encoded.size - HEAD);
    struct slice old = slice_of(first, encoded.size - (HEAD - HEAD_1));
    cr_assert(zero(int, attempt_record_decode(old, &read)));
    cr_assert(eq(u32, read.number, attempt.number));
    cr_assert(slice_equal(read.address, attempt.address));
    cr_assert(slice_equal(read.error, attempt.error));
    cr_assert(slice_equal(read.response_body, attempt.response_body));
    cr_assert(zero(sz, read.request_headers.size + read.response_headers.size));
    cr_assert(eq(u32, read.first_byte_us, 20), "since the connection stood");
    cr_assert(eq(int, attempt_record_decode(encoded, &read), -EBADMSG));
    first[0] = 3;
    cr_assert(eq(int, attempt_record_decode(old, &read), -EBADMSG));
    give(encoded);
}

Test(record, refuses_any_other_length)
{
    struct event_record event = any_event();
    struct slice encoded = encode_event(&event);
    for (size_t size = 0; size < encoded.size; size++) {
        struct slice cut = slice_of(malloc(size), size);
        memcpy((void *)(uintptr_t)cut.at, encoded.at, size);
        cr_assert(eq(int, event_record_decode(cut, &event), -EBADMSG));
        give(cut);
    }
    give(encoded);
    struct attempt_record attempt = any_attempt();
    encoded = encode_attempt(&attempt);
    for (size_t size = 0; size < encoded.size; size++)
        cr_assert(eq(int, attempt_record_decode(slice_of(encoded.at, size), &attempt), -EBADMSG));
    give(encoded);
}

/* All that was borrowed lies within the record: the sanitizer watches. */
static unsigned touch(struct slice slice)
{
    unsigned sum = 0;
    for (size_t i = 0; i < slice.size; i++)
        sum += (unsigned char)slice.at[i];
    return sum;
}

static void mutate(struct slice encoded)
{
    for (uint64_t i = 1 + random_below(&chance, 4); i > 0; i--) {
        size_t at = random_below(&chance, random_below(&chance, 2) ? 60 : encoded.size);
        ((char *)(uintptr_t)encoded.at)[at % encoded.size] = (char)random_u64(&chance);
    }
}

Test(record, is_read_without_harm_whatever_the_bytes)
{
    for (unsigned i = 0; i < 20000; i++) {
        struct event_record event = any_event();
        struct slice encoded = encode_event(&event);
        mutate(encoded);
        if (event_record_decode(encoded, &event) == 0) {
            touch(event.type);
            touch(event.trace_parent);
            touch(event.trace_state);
            touch(event.payload);
            touch(slice_of(event.subscriptions, event.subscription_count * sizeof(struct id)));
        }
        give(encoded);
        struct attempt_record attempt = any_attempt();
        encoded = encode_attempt(&attempt);
        mutate(encoded);
        if (attempt_record_decode(encoded, &attempt) == 0) {
            cr_assert(attempt_outcome_name(attempt.outcome) != NULL);
            touch(attempt.address);
            touch(attempt.response_body);
            touch(attempt.request_headers);
            touch(attempt.response_headers);
        }
        give(encoded);
    }
}

Test(record, of_an_event_without_its_payload_has_all_else)
{
    struct id subscription = {{7}};
    struct event_record event = {.event = {{1}},
                                 .tenant = {{2}},
                                 .type = SLICE("a.b"),
                                 .content_type = SLICE("application/json"),
                                 .payload = SLICE("{\"card\":4111}"),
                                 .subscriptions = &subscription,
                                 .subscription_count = 1};
    struct event_record read;
    size_t size = event_record_size(&event);
    char encoded[512];
    cr_assert(le(sz, size, sizeof encoded));
    event_record_encode(&event, encoded);
    event_record_expunge(encoded, size);
    cr_assert(zero(int, event_record_decode(slice_of(encoded, size), &read)));
    cr_expect(read.expunged);
    cr_expect(not(read.duplicate));
    cr_expect(id_equal(&read.event, &event.event));
    cr_expect(slice_equal(read.type, event.type));
    cr_expect(eq(sz, read.payload.size, event.payload.size));
    cr_expect(memmem(encoded, size, "4111", 4) == NULL);
}

Test(record, of_an_attempt_without_the_response_has_all_else)
{
    struct attempt_record attempt = {.outcome = ATTEMPT_HTTP_ERROR,
                                     .status_after = DELIVERY_RETRYING,
                                     .number = 3,
                                     .error = SLICE("the status is 500"),
                                     .request_headers = SLICE("A: b\n"),
                                     .response_headers = SLICE("X: 4111\n"),
                                     .response_body = SLICE("4111")};
    struct attempt_record read;
    size_t size = attempt_record_size(&attempt);
    char encoded[512];
    cr_assert(le(sz, size, sizeof encoded));
    attempt_record_encode(&attempt, encoded);
    attempt_record_expunge(encoded, size);
    cr_assert(zero(int, attempt_record_decode(slice_of(encoded, size), &read)));
    cr_expect(read.expunged);
    cr_expect(eq(u32, read.number, 3));
    cr_expect(slice_equal(read.error, attempt.error));
    cr_expect(slice_equal(read.request_headers, attempt.request_headers));
    cr_expect(zero(sz, read.response_body.size + read.response_headers.size));
    cr_expect(memmem(encoded, size, "4111", 4) == NULL);
}

static struct delivery_row any_row(void)
{
    struct delivery_row row = {
        .status = (enum delivery_status)(1 + random_below(&chance, DELIVERY_CANCELLED)),
        .last_outcome = (enum attempt_outcome)random_below(&chance, ATTEMPT_CANCELLED + 1),
        .last_http_status = (uint16_t)random_u64(&chance),
        .attempt_count = (uint32_t)random_u64(&chance),
        .attempts_before = (uint32_t)random_u64(&chance),
        .next_attempt_ms = random_u64(&chance),
        .updated_ms = random_u64(&chance),
        .block_count = (uint32_t)random_below(&chance, RECORD_ATTEMPTS_KEPT + 1),
    };
    for (uint32_t i = 0; i < row.block_count; i++)
        row.blocks[i] = random_u64(&chance);
    return row;
}

Test(record, of_a_row_comes_back)
{
    for (unsigned i = 0; i < 2000; i++) {
        struct delivery_row row = any_row(), read;
        char encoded[DELIVERY_ROW_SIZE_MAX];
        size_t size = delivery_row_encode(&row, encoded);
        cr_assert(le(sz, size, DELIVERY_ROW_SIZE_MAX));
        cr_assert(zero(int, delivery_row_decode(slice_of(encoded, size), &read)));
        cr_assert(eq(int, (int)read.status, (int)row.status));
        cr_assert(eq(int, (int)read.last_outcome, (int)row.last_outcome));
        cr_assert(eq(u32, read.last_http_status, row.last_http_status));
        cr_assert(eq(u32, read.attempt_count, row.attempt_count));
        cr_assert(eq(u32, read.attempts_before, row.attempts_before));
        cr_assert(eq(u64, read.next_attempt_ms, row.next_attempt_ms));
        cr_assert(eq(u64, read.updated_ms, row.updated_ms));
        cr_assert(eq(u32, read.block_count, row.block_count));
        cr_assert(zero(int, memcmp(read.blocks, row.blocks, 8 * row.block_count)));
    }
}

Test(record, refuses_a_row_with_any_bit_turned)
{
    struct delivery_row row = any_row();
    char encoded[DELIVERY_ROW_SIZE_MAX];
    size_t size = delivery_row_encode(&row, encoded);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        encoded[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, delivery_row_decode(slice_of(encoded, size), &row), -EBADMSG));
        encoded[bit / 8] ^= (char)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < size; cut++)
        cr_assert(eq(int, delivery_row_decode(slice_of(encoded, cut), &row), -EBADMSG));

    struct wait_row wait = {.attempt_count = 7, .due_ms = UINT64_C(1) << 41}, read;
    char waiting[WAIT_ROW_SIZE];
    wait_row_encode(&wait, waiting);
    cr_assert(zero(int, wait_row_decode(slice_of(waiting, WAIT_ROW_SIZE), &read)));
    cr_assert(eq(u32, read.attempt_count, 7));
    cr_assert(eq(u64, read.due_ms, wait.due_ms));
    for (size_t bit = 0; bit < 8 * WAIT_ROW_SIZE; bit++) {
        waiting[bit / 8] ^= (char)(1 << bit % 8);
        cr_assert(eq(int, wait_row_decode(slice_of(waiting, WAIT_ROW_SIZE), &read), -EBADMSG));
        waiting[bit / 8] ^= (char)(1 << bit % 8);
    }
}

Test(record, of_a_wait_is_read_as_the_version_before_wrote_it)
{
    static const char old[] = {1, 7, 0, 0, 0, '\x8c', '\x11', '\x62', '\x6e'};
    struct wait_row read = {.due_ms = 1};
    cr_assert(zero(int, wait_row_decode(slice_of(old, sizeof old), &read)));
    cr_assert(eq(u32, read.attempt_count, 7));
    cr_assert(zero(u64, read.due_ms));
}

Test(record, names_each_outcome_and_status)
{
    cr_assert_str_eq(attempt_outcome_name(ATTEMPT_DNS_FAILED), "dns_failed");
    cr_assert_str_eq(delivery_status_name(DELIVERY_DEAD), "dead");
    cr_assert(zero(ptr, (void *)(uintptr_t)attempt_outcome_name((enum attempt_outcome)11)));
    cr_assert(zero(ptr, (void *)(uintptr_t)delivery_status_name((enum delivery_status)0)));
}

Test(record, keeps_the_place_of_an_attempt_wherever_its_row_goes)
{
    struct attempts_place plain = attempts_place(77, 3);
    cr_assert(eq(u32, plain.shard, 3));
    cr_assert(eq(u64, plain.block, 77));
    struct attempts_place kept = attempts_place(attempts_place_keep(plain), 5);
    cr_assert(eq(u32, kept.shard, 3));
    cr_assert(eq(u64, kept.block, 77));
}
