/* record.c - the codecs of record.h. Pure functions; decoders trust no byte.
 *
 * event record                            attempt record
 *   offset size                             offset size
 *        0    1  version (3)                     0    1  version (2)
 *        1    1  flags: 1 duplicate              1    1  outcome
 *        2    2  size of type                    2    1  status after
 *        4    2  of version                      3    1  flags: 1 body truncated, 2 headers
 *        6    2  of correlation id                         truncated, 4 connection reused
 *        8    2  of content type                 4    2  HTTP status
 *       10    2  count of subscriptions          6    2  size of address
 *       12    4  size of channels                8    4  of error
 *       16    4  of payload                     12    4  of response body
 *       20    4  first delivery                 16    4  number
 *       24   16  event                          20    4  duration_ms
 *       40   16  tenant                         24   16  dns, connect, tls, first byte: us, 4 each
 *       56    8  time_ms; not in version 1      40    8  at_ms
 *       64    2  size of traceparent; since     48    8  next_attempt_ms
 *       66    2  of tracestate;   version 3     56   16  event
 *       68       subscriptions, 16 each,        72   16  subscription
 *                type, version, correlation     88   16  tenant
 *                id, content type, channels,   104    4  size of request headers; not in version 1
 *                traceparent, tracestate,      108    4  of response headers; likewise
 *                payload                       112       address, error, request headers,
 *                                                        response headers, response body
 *
 * A further flag (4 of an event, 16 of an attempt) says that the texts from the correlation id on,
 * or all of an attempt, are sealed (sealed.h): the payload, and what the response held, are the
 * content, and what is before it the labels.
 *
 * In version 1 of an attempt the time to the first byte begins with the attempt.
 */
#include "store/record.h"

#include "store/bytes.h"

#include <errno.h>

enum {
    EVENT_VERSION = 3,
    ATTEMPT_VERSION = 2,
    FLAG_DUPLICATE = 1,
    FLAG_EVENT_EXPUNGED = 2,
    FLAG_EVENT_SEALED = 4,
    FLAG_BODY_TRUNCATED = 1,
    FLAG_HEADERS_TRUNCATED = 2,
    FLAG_REUSED = 4,
    FLAG_ATTEMPT_EXPUNGED = 8,
    FLAG_ATTEMPT_SEALED = 16,
    EVENT_FLAGS = FLAG_DUPLICATE | FLAG_EVENT_EXPUNGED | FLAG_EVENT_SEALED,
    ATTEMPT_FLAGS = FLAG_BODY_TRUNCATED | FLAG_HEADERS_TRUNCATED | FLAG_REUSED |
                    FLAG_ATTEMPT_EXPUNGED | FLAG_ATTEMPT_SEALED,
    EVENT_HEAD_1 = 56, /* of version 1 */
    EVENT_HEAD_2 = 64,
    EVENT_HEAD = 68,
    ATTEMPT_HEAD_1 = 104, /* of version 1 */
    ATTEMPT_HEAD = 112,
    ID_SIZE = sizeof(struct id),
};

static char *put_bytes(char *at, const void *bytes, size_t size)
{
    if (size)
        memcpy(at, bytes, size);
    return at + size;
}

static char *put_slice(char *at, struct slice slice)
{
    return put_bytes(at, slice.at, slice.size);
}

/* ---- events ---- */

size_t event_record_size(const struct event_record *event)
{
    return EVENT_HEAD + (size_t)event->subscription_count * ID_SIZE + event->type.size +
           event->version.size + event->correlation_id.size + event->content_type.size +
           event->channels.size + event->trace_parent.size + event->trace_state.size +
           event->payload.size;
}

void event_record_encode(const struct event_record *event, char *at)
{
    must(event->type.size <= UINT16_MAX && event->version.size <= UINT16_MAX);
    must(event->correlation_id.size <= UINT16_MAX && event->content_type.size <= UINT16_MAX);
    must(event->channels.size <= UINT32_MAX && event->payload.size <= UINT32_MAX);
    must(event->trace_parent.size <= UINT16_MAX && event->trace_state.size <= UINT16_MAX);
    must(event->subscription_count <= RECORD_SUBSCRIPTIONS_MAX);
    at[0] = EVENT_VERSION;
    at[1] = event->duplicate ? FLAG_DUPLICATE : 0;
    bytes_put_u16(at + 2, (uint16_t)event->type.size);
    bytes_put_u16(at + 4, (uint16_t)event->version.size);
    bytes_put_u16(at + 6, (uint16_t)event->correlation_id.size);
    bytes_put_u16(at + 8, (uint16_t)event->content_type.size);
    bytes_put_u16(at + 10, (uint16_t)event->subscription_count);
    bytes_put_u32(at + 12, (uint32_t)event->channels.size);
    bytes_put_u32(at + 16, (uint32_t)event->payload.size);
    bytes_put_u32(at + 20, event->first_delivery);
    memcpy(at + 24, &event->event, ID_SIZE);
    memcpy(at + 40, &event->tenant, ID_SIZE);
    bytes_put_u64(at + EVENT_HEAD_1, event->time_ms);
    bytes_put_u16(at + EVENT_HEAD_2, (uint16_t)event->trace_parent.size);
    bytes_put_u16(at + EVENT_HEAD_2 + 2, (uint16_t)event->trace_state.size);
    at = put_bytes(at + EVENT_HEAD, event->subscriptions,
                   (size_t)event->subscription_count * ID_SIZE);
    at = put_slice(at, event->type);
    at = put_slice(at, event->version);
    at = put_slice(at, event->correlation_id);
    at = put_slice(at, event->content_type);
    at = put_slice(at, event->channels);
    at = put_slice(at, event->trace_parent);
    at = put_slice(at, event->trace_state);
    put_slice(at, event->payload);
}

/* Puts the texts of one part one after the other, at their sizes. `at` NULL: they are sealed. */
static void lay(struct slice *const *texts, size_t count, const char *at)
{
    for (size_t i = 0; i < count; i++) {
        texts[i]->at = at;
        if (at)
            at += texts[i]->size;
    }
}

static void lay_event_labels(struct event_record *event, const char *at)
{
    struct slice *const texts[] = {&event->correlation_id, &event->content_type, &event->channels,
                                   &event->trace_parent, &event->trace_state};
    lay(texts, sizeof texts / sizeof texts[0], at);
}

/* The sizes of its parts, as its numbers say. */
static struct sealed_sizes read_event_sizes(const char *at, size_t head, struct event_record *event)
{
    bool is_traced = head == EVENT_HEAD;
    event->type.size = bytes_get_u16(at + 2);
    event->version.size = bytes_get_u16(at + 4);
    event->correlation_id.size = bytes_get_u16(at + 6);
    event->content_type.size = bytes_get_u16(at + 8);
    event->subscription_count = bytes_get_u16(at + 10);
    event->channels.size = bytes_get_u32(at + 12);
    event->payload.size = bytes_get_u32(at + 16);
    event->trace_parent.size = is_traced ? bytes_get_u16(at + EVENT_HEAD_2) : 0;
    event->trace_state.size = is_traced ? bytes_get_u16(at + EVENT_HEAD_2 + 2) : 0;
    return (struct sealed_sizes){
        .clear = head + (size_t)event->subscription_count * ID_SIZE + event->type.size +
                 event->version.size,
        .labels = event->correlation_id.size + event->content_type.size + event->channels.size +
                  event->trace_parent.size + event->trace_state.size,
        .content = event->payload.size,
    };
}

/* Cuts the texts, which have to take all of the record behind its head. */
static bool cut_event(struct slice record, size_t head, struct event_record *event)
{
    const char *at = record.at;
    struct sealed_sizes sizes = read_event_sizes(at, head, event);
    bool is_sealed = at[1] & FLAG_EVENT_SEALED;
    if (record.size !=
        sizes.clear + sizes.labels + sizes.content + (is_sealed ? SEALED_OVERHEAD : 0))
        return false;

    event->subscriptions = (const void *)(at + head);
    event->type.at = at + head + (size_t)event->subscription_count * ID_SIZE;
    event->version.at = event->type.at + event->type.size;
    event->sealed = is_sealed ? sealed_parts(at, &sizes) : (struct sealed){0};
    lay_event_labels(event, is_sealed ? NULL : at + sizes.clear);
    event->payload.at = is_sealed ? NULL : at + sizes.clear + sizes.labels;
    return true;
}

static struct slice event_bound(const char *record)
{
    return slice_of(record + 24, 2 * sizeof(struct id));
}

void event_record_seal(char *record, size_t size, const struct sealing *by)
{
    struct event_record event;
    struct sealed_sizes sizes = read_event_sizes(record, EVENT_HEAD, &event);
    must(record[0] == EVENT_VERSION && size == sizes.clear + sizes.labels + sizes.content);
    record[1] |= FLAG_EVENT_SEALED;
    sealed_close(record, &sizes, event_bound(record), by);
}

/* The ids of a decoded event, one after the other as in its record. */
static int open_event(const struct event_record *event, enum sealed_part part, const uint8_t *key,
                      char *room)
{
    char bound[2 * ID_SIZE];
    memcpy(bound, &event->event, ID_SIZE);
    memcpy(bound + ID_SIZE, &event->tenant, ID_SIZE);
    return key ? sealed_open(&event->sealed, part, slice_of(bound, sizeof bound), key, room)
               : -ENOKEY;
}

int event_record_open_labels(struct event_record *event, const uint8_t *key, char *room)
{
    int error = event->sealed.nonce ? open_event(event, SEALED_LABELS, key, room) : 0;
    if (!error && event->sealed.nonce)
        lay_event_labels(event, room);
    return error;
}

int event_record_open_payload(struct event_record *event, const uint8_t *key, char *room)
{
    bool is_closed = event->sealed.nonce && !event->expunged;
    int error = is_closed ? open_event(event, SEALED_CONTENT, key, room) : 0;
    if (!error && is_closed)
        event->payload.at = room;
    return error;
}

int event_record_decode(struct slice record, struct event_record *event)
{
    static const size_t heads[] = {0, EVENT_HEAD_1, EVENT_HEAD_2, EVENT_HEAD};
    const char *at = record.at;
    if (record.size < EVENT_HEAD_1 || at[0] < 1 || at[0] > EVENT_VERSION || (at[1] & ~EVENT_FLAGS))
        return -EBADMSG;
    size_t head = heads[(unsigned char)at[0]];
    if (record.size < head || !cut_event(record, head, event))
        return -EBADMSG;

    event->duplicate = at[1] & FLAG_DUPLICATE;
    event->expunged = at[1] & FLAG_EVENT_EXPUNGED;
    event->first_delivery = bytes_get_u32(at + 20);
    memcpy(&event->event, at + 24, ID_SIZE);
    memcpy(&event->tenant, at + 40, ID_SIZE);
    event->time_ms = head > EVENT_HEAD_1 ? bytes_get_u64(at + EVENT_HEAD_1) : 0;
    return 0;
}

void event_record_mark_duplicate(char *record)
{
    must(record[0] == EVENT_VERSION);
    record[1] |= FLAG_DUPLICATE;
}

void event_record_expunge(char *record, size_t size)
{
    struct event_record event;
    must(event_record_decode(slice_of(record, size), &event) == 0);
    struct slice content = event.sealed.nonce ? event.sealed.boxes[SEALED_CONTENT] : event.payload;
    must(content.at);
    explicit_bzero((char *)content.at, content.size);
    record[1] |= FLAG_EVENT_EXPUNGED;
}

/* ---- names ---- */

static const char *const outcome_names[] = {
    [ATTEMPT_NONE] = "none",
    [ATTEMPT_DELIVERED] = "delivered",
    [ATTEMPT_HTTP_ERROR] = "http_error",
    [ATTEMPT_TIMEOUT] = "timeout",
    [ATTEMPT_CONNECT_REFUSED] = "connect_refused",
    [ATTEMPT_CONNECT_FAILED] = "connect_failed",
    [ATTEMPT_DNS_FAILED] = "dns_failed",
    [ATTEMPT_TLS_FAILED] = "tls_failed",
    [ATTEMPT_BLOCKED_ADDRESS] = "blocked_address",
    [ATTEMPT_RESPONSE_INVALID] = "response_invalid",
    [ATTEMPT_CANCELLED] = "cancelled",
};
enum { OUTCOMES = sizeof outcome_names / sizeof outcome_names[0] };

static const char *const status_names[] = {
    [DELIVERY_PENDING] = "pending",     [DELIVERY_RETRYING] = "retrying",
    [DELIVERY_DELIVERED] = "delivered", [DELIVERY_DEAD] = "dead",
    [DELIVERY_CANCELLED] = "cancelled",
};
enum { STATUSES = sizeof status_names / sizeof status_names[0] };

const char *attempt_outcome_name(enum attempt_outcome outcome)
{
    return (unsigned)outcome < OUTCOMES ? outcome_names[outcome] : NULL;
}

const char *delivery_status_name(enum delivery_status status)
{
    return (unsigned)status < STATUSES ? status_names[status] : NULL;
}

/* ---- attempts ---- */

size_t attempt_record_size(const struct attempt_record *attempt)
{
    return ATTEMPT_HEAD + attempt->address.size + attempt->error.size +
           attempt->request_headers.size + attempt->response_headers.size +
           attempt->response_body.size;
}

void attempt_record_encode(const struct attempt_record *attempt, char *at)
{
    must(attempt_outcome_name(attempt->outcome));
    must(delivery_status_name(attempt->status_after));
    must(attempt->address.size <= UINT16_MAX);
    must(attempt->error.size <= UINT32_MAX && attempt->response_body.size <= UINT32_MAX);
    must(attempt->request_headers.size <= UINT32_MAX);
    must(attempt->response_headers.size <= UINT32_MAX);
    at[0] = ATTEMPT_VERSION;
    at[1] = (char)attempt->outcome;
    at[2] = (char)attempt->status_after;
    at[3] = (char)((attempt->body_truncated ? FLAG_BODY_TRUNCATED : 0) |
                   (attempt->headers_truncated ? FLAG_HEADERS_TRUNCATED : 0) |
                   (attempt->reused ? FLAG_REUSED : 0));
    bytes_put_u16(at + 4, attempt->http_status);
    bytes_put_u16(at + 6, (uint16_t)attempt->address.size);
    bytes_put_u32(at + 8, (uint32_t)attempt->error.size);
    bytes_put_u32(at + 12, (uint32_t)attempt->response_body.size);
    bytes_put_u32(at + 16, attempt->number);
    bytes_put_u32(at + 20, attempt->duration_ms);
    bytes_put_u32(at + 24, attempt->dns_us);
    bytes_put_u32(at + 28, attempt->connect_us);
    bytes_put_u32(at + 32, attempt->tls_us);
    bytes_put_u32(at + 36, attempt->first_byte_us);
    bytes_put_u64(at + 40, attempt->at_ms);
    bytes_put_u64(at + 48, attempt->next_attempt_ms);
    memcpy(at + 56, &attempt->event, ID_SIZE);
    memcpy(at + 72, &attempt->subscription, ID_SIZE);
    memcpy(at + 88, &attempt->tenant, ID_SIZE);
    bytes_put_u32(at + 104, (uint32_t)attempt->request_headers.size);
    bytes_put_u32(at + 108, (uint32_t)attempt->response_headers.size);
    at = put_slice(at + ATTEMPT_HEAD, attempt->address);
    at = put_slice(at, attempt->error);
    at = put_slice(at, attempt->request_headers);
    at = put_slice(at, attempt->response_headers);
    put_slice(at, attempt->response_body);
}

static void lay_request(struct attempt_record *attempt, const char *at)
{
    struct slice *const texts[] = {&attempt->address, &attempt->error, &attempt->request_headers};
    lay(texts, sizeof texts / sizeof texts[0], at);
}

static void lay_response(struct attempt_record *attempt, const char *at)
{
    struct slice *const texts[] = {&attempt->response_headers, &attempt->response_body};
    lay(texts, sizeof texts / sizeof texts[0], at);
}

static struct sealed_sizes read_attempt_sizes(const char *at, struct attempt_record *attempt)
{
    bool is_first = at[0] == 1;
    attempt->address.size = bytes_get_u16(at + 6);
    attempt->error.size = bytes_get_u32(at + 8);
    attempt->response_body.size = bytes_get_u32(at + 12);
    attempt->request_headers.size = is_first ? 0 : bytes_get_u32(at + ATTEMPT_HEAD_1);
    attempt->response_headers.size = is_first ? 0 : bytes_get_u32(at + ATTEMPT_HEAD_1 + 4);
    return (struct sealed_sizes){
        .clear = is_first ? ATTEMPT_HEAD_1 : ATTEMPT_HEAD,
        .labels = attempt->address.size + attempt->error.size + attempt->request_headers.size,
        .content = attempt->response_headers.size + attempt->response_body.size,
    };
}

/* Cuts the texts, which have to take all of the record. */
static bool cut_texts(struct slice record, struct attempt_record *attempt)
{
    const char *at = record.at;
    bool is_sealed = at[3] & FLAG_ATTEMPT_SEALED;
    if (at[0] != 1 && record.size < ATTEMPT_HEAD)
        return false;
    struct sealed_sizes sizes = read_attempt_sizes(at, attempt);
    if (record.size !=
        sizes.clear + sizes.labels + sizes.content + (is_sealed ? SEALED_OVERHEAD : 0))
        return false;
    attempt->sealed = is_sealed ? sealed_parts(at, &sizes) : (struct sealed){0};
    lay_request(attempt, is_sealed ? NULL : at + sizes.clear);
    lay_response(attempt, is_sealed ? NULL : at + sizes.clear + sizes.labels);
    return true;
}

static struct slice attempt_bound(const char *record)
{
    return slice_of(record + 56, 3 * sizeof(struct id));
}

void attempt_record_seal(char *record, size_t size, const struct sealing *by)
{
    struct attempt_record attempt;
    struct sealed_sizes sizes = read_attempt_sizes(record, &attempt);
    must(record[0] == ATTEMPT_VERSION && size == sizes.clear + sizes.labels + sizes.content);
    record[3] |= FLAG_ATTEMPT_SEALED;
    sealed_close(record, &sizes, attempt_bound(record), by);
}

size_t attempt_record_open_size(const struct attempt_record *attempt)
{
    return attempt->sealed.nonce ? sealed_size(&attempt->sealed, SEALED_LABELS) +
                                       sealed_size(&attempt->sealed, SEALED_CONTENT)
                                 : 0;
}

int attempt_record_open(struct attempt_record *attempt, const uint8_t *key, char *room)
{
    const struct sealed *sealed = &attempt->sealed;
    char ids[3 * ID_SIZE];
    if (!sealed->nonce)
        return 0;
    if (!key)
        return -ENOKEY;
    memcpy(ids, &attempt->event, ID_SIZE);
    memcpy(ids + ID_SIZE, &attempt->subscription, ID_SIZE);
    memcpy(ids + 2 * sizeof(struct id), &attempt->tenant, ID_SIZE);
    const struct slice bound = slice_of(ids, sizeof ids);
    char *response = room + sealed_size(sealed, SEALED_LABELS);
    int error = sealed_open(sealed, SEALED_LABELS, bound, key, room);
    if (!error && !attempt->expunged)
        error = sealed_open(sealed, SEALED_CONTENT, bound, key, response);
    if (error)
        return error;
    lay_request(attempt, room);
    if (!attempt->expunged)
        lay_response(attempt, response);
    return 0;
}

/* What comes before the request is sent. */
static uint32_t first_byte_of(const struct attempt_record *attempt)
{
    uint64_t before = (uint64_t)attempt->dns_us + attempt->connect_us + attempt->tls_us;
    return attempt->first_byte_us > before ? (uint32_t)(attempt->first_byte_us - before) : 0;
}

int attempt_record_decode(struct slice record, struct attempt_record *attempt)
{
    const char *at = record.at;
    if (record.size < ATTEMPT_HEAD_1 || at[0] < 1 || at[0] > ATTEMPT_VERSION ||
        (at[3] & ~ATTEMPT_FLAGS))
        return -EBADMSG;
    attempt->outcome = (enum attempt_outcome)(unsigned char)at[1];
    attempt->status_after = (enum delivery_status)(unsigned char)at[2];
    if (!attempt_outcome_name(attempt->outcome) || !delivery_status_name(attempt->status_after) ||
        !cut_texts(record, attempt))
        return -EBADMSG;

    attempt->body_truncated = at[3] & FLAG_BODY_TRUNCATED;
    attempt->headers_truncated = at[3] & FLAG_HEADERS_TRUNCATED;
    attempt->reused = at[3] & FLAG_REUSED;
    attempt->expunged = at[3] & FLAG_ATTEMPT_EXPUNGED;
    attempt->http_status = bytes_get_u16(at + 4);
    attempt->number = bytes_get_u32(at + 16);
    attempt->duration_ms = bytes_get_u32(at + 20);
    attempt->dns_us = bytes_get_u32(at + 24);
    attempt->connect_us = bytes_get_u32(at + 28);
    attempt->tls_us = bytes_get_u32(at + 32);
    attempt->first_byte_us = bytes_get_u32(at + 36);
    attempt->at_ms = bytes_get_u64(at + 40);
    attempt->next_attempt_ms = bytes_get_u64(at + 48);
    memcpy(&attempt->event, at + 56, ID_SIZE);
    memcpy(&attempt->subscription, at + 72, ID_SIZE);
    memcpy(&attempt->tenant, at + 88, ID_SIZE);
    if (at[0] == 1)
        attempt->first_byte_us = first_byte_of(attempt);
    if (attempt->expunged)
        attempt->response_body = attempt->response_headers = slice_of(record.at, 0);
    return 0;
}

int attempt_record_peek(struct slice record, struct id *event, enum delivery_status *status_after)
{
    if (record.size < ATTEMPT_HEAD_1)
        return -EBADMSG;
    *status_after = (enum delivery_status)(unsigned char)record.at[2];
    memcpy(event, record.at + 56, ID_SIZE);
    return 0;
}

void attempt_record_expunge(char *record, size_t size)
{
    struct attempt_record attempt;
    must(attempt_record_decode(slice_of(record, size), &attempt) == 0);
    struct slice content = attempt.sealed.boxes[SEALED_CONTENT];
    if (!attempt.sealed.nonce)
        content = slice_of(attempt.response_headers.at,
                           attempt.response_headers.size + attempt.response_body.size);
    must(content.at);
    explicit_bzero((char *)content.at, content.size);
    record[3] |= FLAG_ATTEMPT_EXPUNGED;
}
