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

/* Those that can be sealed. */
static void expect_event_texts(const struct event_record *read, const struct event_record *event)
{
    cr_assert(slice_equal(read->correlation_id, event->correlation_id));
    cr_assert(slice_equal(read->content_type, event->content_type));
    cr_assert(slice_equal(read->channels, event->channels));
    cr_assert(slice_equal(read->trace_parent, event->trace_parent));
    cr_assert(slice_equal(read->trace_state, event->trace_state));
    cr_assert(slice_equal(read->payload, event->payload));
}

static void expect_attempt_texts(const struct attempt_record *read,
                                 const struct attempt_record *attempt)
{
    cr_assert(slice_equal(read->address, attempt->address));
    cr_assert(slice_equal(read->error, attempt->error));
    cr_assert(slice_equal(read->request_headers, attempt->request_headers));
    cr_assert(slice_equal(read->response_headers, attempt->response_headers));
    cr_assert(slice_equal(read->response_body, attempt->response_body));
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
        expect_event_texts(&read, &event);
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
        struct id event;
        enum delivery_status status;
        cr_assert(zero(int, attempt_record_peek(encoded, &event, &status)));
        cr_assert(id_equal(&event, &attempt.event));
        cr_assert(eq(int, (int)status, (int)attempt.status_after));
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
        expect_attempt_texts(&read, &attempt);
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

Test(record, names_each_outcome_and_status)
{
    cr_assert_str_eq(attempt_outcome_name(ATTEMPT_DNS_FAILED), "dns_failed");
    cr_assert_str_eq(delivery_status_name(DELIVERY_DEAD), "dead");
    cr_assert(zero(ptr, (void *)(uintptr_t)attempt_outcome_name((enum attempt_outcome)11)));
    cr_assert(zero(ptr, (void *)(uintptr_t)delivery_status_name((enum delivery_status)0)));
}

/* ---- sealed ---- */

static uint8_t log_key[AEAD_KEY_SIZE], other_key[AEAD_KEY_SIZE] = {1};
static struct aead_nonces nonces;
static const struct sealing by = {log_key, &nonces};

/* Is any run of eight bytes of `text` to be seen in the record? */
static bool shows(struct slice encoded, struct slice text)
{
    for (size_t i = 0; i + 8 <= text.size; i++)
        if (memmem(encoded.at, encoded.size, text.at + i, 8))
            return true;
    return false;
}

/* For one record of this size, sealed. */
static char *room_of(size_t size)
{
    static char room[sizeof bytes * 2];
    must(size + SEALED_OVERHEAD <= sizeof room);
    return room;
}

static struct slice seal_event(const struct event_record *event)
{
    size_t size = event_record_size(event);
    char *room = room_of(size);
    event_record_encode(event, room);
    event_record_seal(room, size, &by);
    return slice_of(room, size + SEALED_OVERHEAD);
}

static struct slice seal_attempt(const struct attempt_record *attempt)
{
    size_t size = attempt_record_size(attempt);
    char *room = room_of(size);
    attempt_record_encode(attempt, room);
    attempt_record_seal(room, size, &by);
    return slice_of(room, size + SEALED_OVERHEAD);
}

Test(record, of_a_sealed_event_opens_with_its_key_alone)
{
    char labels[4096], payload[4096];
    for (unsigned i = 0; i < 500; i++) {
        struct event_record event = any_event(), read;
        event.type = SLICE("order.paid"); /* else it may be a part of the others */
        event.version = SLICE("");
        struct slice encoded = seal_event(&event);
        cr_assert(not(shows(encoded, event.payload)));
        cr_assert(not(shows(encoded, event.correlation_id)));
        cr_assert(zero(int, event_record_decode(encoded, &read)));
        cr_assert(slice_equal(read.type, event.type));
        cr_assert(slice_equal(read.version, event.version));
        cr_assert(id_equal(&read.tenant, &event.tenant));
        cr_assert(eq(sz, read.payload.size, event.payload.size));
        cr_assert(zero(ptr, (void *)(uintptr_t)read.payload.at));
        cr_assert(eq(int, event_record_open_labels(&read, NULL, labels), -ENOKEY));
        cr_assert(eq(int, event_record_open_labels(&read, other_key, labels), -EBADMSG));
        cr_assert(eq(int, event_record_open_payload(&read, other_key, payload), -EBADMSG));
        cr_assert(zero(int, event_record_open_labels(&read, log_key, labels)));
        cr_assert(zero(int, event_record_open_payload(&read, log_key, payload)));
        expect_event_texts(&read, &event);
    }
}

Test(record, of_a_sealed_event_does_not_open_in_the_place_of_another)
{
    char room[4096];
    struct event_record event = any_event(), read;
    struct slice encoded = seal_event(&event);
    cr_assert(zero(int, event_record_decode(encoded, &read)));
    read.tenant.bytes[15] ^= 1;
    cr_assert(eq(int, event_record_open_payload(&read, log_key, room), -EBADMSG));
    read.tenant.bytes[15] ^= 1;
    read.event.bytes[0] ^= 1;
    cr_assert(eq(int, event_record_open_labels(&read, log_key, room), -EBADMSG));
}

Test(record, of_a_sealed_event_without_its_payload_keeps_its_labels)
{
    char room[4096];
    struct event_record event = any_event(), read;
    event.correlation_id = SLICE("order 4711");
    event.payload = SLICE("{\"card\":\"4111111111111111\"}");
    struct slice encoded = seal_event(&event);
    event_record_mark_duplicate((char *)(uintptr_t)encoded.at);
    event_record_expunge((char *)(uintptr_t)encoded.at, encoded.size);
    cr_assert(zero(int, event_record_decode(encoded, &read)));
    cr_assert(read.expunged && read.duplicate);
    cr_assert(zero(int, event_record_open_labels(&read, log_key, room)));
    cr_assert(slice_equal(read.correlation_id, event.correlation_id));
    cr_assert(zero(int, event_record_open_payload(&read, log_key, room)));
    cr_assert(zero(ptr, (void *)(uintptr_t)read.payload.at));
    cr_assert(eq(sz, read.payload.size, event.payload.size));
    struct slice box = read.sealed.boxes[SEALED_CONTENT];
    for (size_t i = 0; i < box.size; i++)
        cr_assert(zero(u8, (uint8_t)box.at[i]));
}

Test(record, of_a_sealed_attempt_opens_with_its_key_alone)
{
    char room[8192];
    for (unsigned i = 0; i < 500; i++) {
        struct attempt_record attempt = any_attempt(), read;
        struct slice encoded = seal_attempt(&attempt);
        cr_assert(not(shows(encoded, attempt.response_body)));
        cr_assert(not(shows(encoded, attempt.request_headers)));
        cr_assert(zero(int, attempt_record_decode(encoded, &read)));
        cr_assert(eq(u32, read.number, attempt.number));
        cr_assert(eq(int, attempt_record_open(&read, NULL, room), -ENOKEY));
        cr_assert(eq(int, attempt_record_open(&read, other_key, room), -EBADMSG));
        cr_assert(le(sz, attempt_record_open_size(&read), sizeof room));
        cr_assert(zero(int, attempt_record_open(&read, log_key, room)));
        expect_attempt_texts(&read, &attempt);
    }
}

Test(record, of_a_sealed_attempt_without_the_response_keeps_the_request)
{
    char room[8192];
    struct attempt_record attempt = any_attempt(), read;
    attempt.request_headers = SLICE("webhook-id: evt_1\n");
    attempt.response_body = SLICE("no such card: 4111111111111111");
    struct slice encoded = seal_attempt(&attempt);
    attempt_record_expunge((char *)(uintptr_t)encoded.at, encoded.size);
    attempt_record_expunge((char *)(uintptr_t)encoded.at, encoded.size);
    cr_assert(zero(int, attempt_record_decode(encoded, &read)));
    cr_assert(zero(int, attempt_record_open(&read, log_key, room)));
    cr_assert(slice_equal(read.request_headers, attempt.request_headers));
    cr_assert(zero(sz, read.response_body.size + read.response_headers.size));
    struct slice box = read.sealed.boxes[SEALED_CONTENT];
    cr_assert(lt(sz, attempt.response_body.size, box.size));
    for (size_t i = 0; i < box.size; i++)
        cr_assert(zero(i8, box.at[i]), "not even the sealed bytes are there");
}

Test(record, of_one_kind_are_sealed_with_other_bytes_each_time)
{
    struct event_record event = any_event();
    event.payload = SLICE("the same payload for both");
    char first[sizeof bytes * 2];
    struct slice encoded = seal_event(&event);
    memcpy(first, encoded.at, encoded.size);
    size_t at = encoded.size - event.payload.size - AEAD_TAG_SIZE;
    encoded = seal_event(&event);
    cr_assert(ne(int, memcmp(first + at, encoded.at + at, event.payload.size), 0));
}
