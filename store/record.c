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
 * In version 1 of an attempt the time to the first byte begins with the attempt.
 *
 * delivery row                            wait row
 *        0    1  version (1)                     0    1  version (2)
 *        1    1  status                          1    4  attempt count
 *        2    1  last outcome                    5    8  due_ms; not in version 1
 *        3    1  count of blocks                13    4  XXH32 of all before
 *        4    2  last HTTP status
 *        6    2  0
 *        8    4  attempt count
 *       12    8  next_attempt_ms
 *       20    8  updated_ms
 *       28       blocks, 8 each
 *           +4   XXH32 of all before
 *
 * dedup row: event 16, accepted_ms 8 (big-endian)
 */
#include "store/record.h"

#include "store/bytes.h"

#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    RECORD_VERSION = 1,
    EVENT_VERSION = 3,
    ATTEMPT_VERSION = 2,
    WAIT_VERSION = 2,
    DELIVERY_VERSION = 2,
    FLAG_DUPLICATE = 1,
    FLAG_EVENT_EXPUNGED = 2,
    FLAG_BODY_TRUNCATED = 1,
    FLAG_HEADERS_TRUNCATED = 2,
    FLAG_REUSED = 4,
    FLAG_ATTEMPT_EXPUNGED = 8,
    EVENT_FLAGS = FLAG_DUPLICATE | FLAG_EVENT_EXPUNGED,
    ATTEMPT_FLAGS =
        FLAG_BODY_TRUNCATED | FLAG_HEADERS_TRUNCATED | FLAG_REUSED | FLAG_ATTEMPT_EXPUNGED,
    EVENT_HEAD_1 = 56, /* of version 1 */
    EVENT_HEAD_2 = 64,
    EVENT_HEAD = 68,
    ATTEMPT_HEAD_1 = 104, /* of version 1 */
    ATTEMPT_HEAD = 112,
    DELIVERY_ROW_HEAD = 32,
    DELIVERY_ROW_HEAD_1 = 28, /* of version 1 */
    WAIT_ROW_SIZE_1 = 9,      /* of version 1 */
    CHECKSUM_SIZE = 4,
    ID_SIZE = sizeof(struct id),
};

_Static_assert(DELIVERY_ROW_HEAD + 8 * RECORD_ATTEMPTS_KEPT + CHECKSUM_SIZE <=
                   DELIVERY_ROW_SIZE_MAX,
               "a full row fits");

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

/* Cuts the first `size` bytes off `rest`, which the caller knows to have them. */
static struct slice cut(struct slice *rest, size_t size)
{
    struct slice head = slice_of(rest->at, size);
    *rest = slice_skip(*rest, size);
    return head;
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

/* Cuts the texts, which have to take all of the record behind its head. */
static bool cut_event(struct slice record, size_t head, struct event_record *event)
{
    const char *at = record.at;
    bool is_traced = head == EVENT_HEAD;
    size_t type = bytes_get_u16(at + 2), version = bytes_get_u16(at + 4);
    size_t correlation = bytes_get_u16(at + 6), content_type = bytes_get_u16(at + 8);
    size_t channels = bytes_get_u32(at + 12), payload = bytes_get_u32(at + 16);
    size_t parent = is_traced ? bytes_get_u16(at + EVENT_HEAD_2) : 0;
    size_t state = is_traced ? bytes_get_u16(at + EVENT_HEAD_2 + 2) : 0;
    uint32_t subscription_count = bytes_get_u16(at + 10);
    size_t subscriptions = (size_t)subscription_count * ID_SIZE;
    if (record.size != head + subscriptions + type + version + correlation + content_type +
                           channels + parent + state + payload)
        return false;

    struct slice rest = slice_skip(record, head);
    event->subscription_count = subscription_count;
    event->subscriptions = (const void *)cut(&rest, subscriptions).at;
    event->type = cut(&rest, type);
    event->version = cut(&rest, version);
    event->correlation_id = cut(&rest, correlation);
    event->content_type = cut(&rest, content_type);
    event->channels = cut(&rest, channels);
    event->trace_parent = cut(&rest, parent);
    event->trace_state = cut(&rest, state);
    event->payload = rest;
    return true;
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
    explicit_bzero((char *)event.payload.at, event.payload.size);
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

/* Cuts the texts, which have to take all of the record. */
static bool cut_texts(struct slice record, struct attempt_record *attempt)
{
    const char *at = record.at;
    bool is_first = at[0] == 1;
    size_t head = is_first ? ATTEMPT_HEAD_1 : ATTEMPT_HEAD;
    if (record.size < head)
        return false;
    size_t address = bytes_get_u16(at + 6), error = bytes_get_u32(at + 8);
    size_t body = bytes_get_u32(at + 12);
    size_t request = is_first ? 0 : bytes_get_u32(at + 104);
    size_t response = is_first ? 0 : bytes_get_u32(at + 108);
    if (record.size != head + address + error + request + response + body)
        return false;
    struct slice rest = slice_skip(record, head);
    attempt->address = cut(&rest, address);
    attempt->error = cut(&rest, error);
    attempt->request_headers = cut(&rest, request);
    attempt->response_headers = cut(&rest, response);
    attempt->response_body = rest;
    return true;
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

void attempt_record_expunge(char *record, size_t size)
{
    struct attempt_record attempt;
    must(attempt_record_decode(slice_of(record, size), &attempt) == 0);
    explicit_bzero((char *)attempt.response_headers.at, attempt.response_headers.size);
    explicit_bzero((char *)attempt.response_body.at, attempt.response_body.size);
    record[3] |= FLAG_ATTEMPT_EXPUNGED;
}

/* ---- rows ---- */

/* The upper 16 bits of a kept place: 0 for the row's own shard, else 1 + shard. */
enum { PLACE_SHARD_SHIFT = 48 };

struct attempts_place attempts_place(uint64_t kept, unsigned home)
{
    unsigned tag = (unsigned)(kept >> PLACE_SHARD_SHIFT);
    return (struct attempts_place){
        .shard = tag ? tag - 1 : home,
        .block = kept & ((UINT64_C(1) << PLACE_SHARD_SHIFT) - 1),
    };
}

uint64_t attempts_place_keep(struct attempts_place place)
{
    must(place.block >> PLACE_SHARD_SHIFT == 0);
    return ((uint64_t)place.shard + 1) << PLACE_SHARD_SHIFT | place.block;
}

static void seal_row(char *row, size_t size)
{
    bytes_put_u32(row + size, XXH32(row, size, 0));
}

static bool row_is_sealed(struct slice value)
{
    size_t size = value.size - CHECKSUM_SIZE;
    return value.size > CHECKSUM_SIZE && bytes_get_u32(value.at + size) == XXH32(value.at, size, 0);
}

size_t delivery_row_encode(const struct delivery_row *row, char out[static DELIVERY_ROW_SIZE_MAX])
{
    must(row->block_count <= RECORD_ATTEMPTS_KEPT);
    must(attempt_outcome_name(row->last_outcome));
    must(delivery_status_name(row->status));
    out[0] = DELIVERY_VERSION;
    out[1] = (char)row->status;
    out[2] = (char)row->last_outcome;
    out[3] = (char)row->block_count;
    bytes_put_u16(out + 4, row->last_http_status);
    bytes_put_u16(out + 6, 0);
    bytes_put_u32(out + 8, row->attempt_count);
    bytes_put_u64(out + 12, row->next_attempt_ms);
    bytes_put_u64(out + 20, row->updated_ms);
    bytes_put_u32(out + 28, row->attempts_before);
    for (uint32_t i = 0; i < row->block_count; i++)
        bytes_put_u64(out + DELIVERY_ROW_HEAD + (size_t)8 * i, row->blocks[i]);
    size_t size = DELIVERY_ROW_HEAD + 8 * (size_t)row->block_count;
    seal_row(out, size);
    return size + CHECKSUM_SIZE;
}

int delivery_row_decode(struct slice value, struct delivery_row *row)
{
    const char *at = value.at;
    if (!row_is_sealed(value) || value.size < DELIVERY_ROW_HEAD_1 + CHECKSUM_SIZE)
        return -EBADMSG;
    size_t head = at[0] == 1 ? DELIVERY_ROW_HEAD_1 : DELIVERY_ROW_HEAD;
    *row = (struct delivery_row){
        .status = (enum delivery_status)(unsigned char)at[1],
        .last_outcome = (enum attempt_outcome)(unsigned char)at[2],
        .block_count = (unsigned char)at[3],
        .last_http_status = bytes_get_u16(at + 4),
        .attempt_count = bytes_get_u32(at + 8),
        .next_attempt_ms = bytes_get_u64(at + 12),
        .updated_ms = bytes_get_u64(at + 20),
    };
    if ((at[0] != 1 && at[0] != DELIVERY_VERSION) || row->block_count > RECORD_ATTEMPTS_KEPT)
        return -EBADMSG;
    if (!delivery_status_name(row->status) || !attempt_outcome_name(row->last_outcome))
        return -EBADMSG;
    if (value.size != head + 8 * (size_t)row->block_count + CHECKSUM_SIZE)
        return -EBADMSG;
    if (at[0] == DELIVERY_VERSION)
        row->attempts_before = bytes_get_u32(at + 28);
    for (uint32_t i = 0; i < row->block_count; i++)
        row->blocks[i] = bytes_get_u64(at + head + (size_t)8 * i);
    return 0;
}

void wait_row_encode(const struct wait_row *row, char out[static WAIT_ROW_SIZE])
{
    out[0] = WAIT_VERSION;
    bytes_put_u32(out + 1, row->attempt_count);
    bytes_put_u64(out + 5, row->due_ms);
    seal_row(out, WAIT_ROW_SIZE - CHECKSUM_SIZE);
}

int wait_row_decode(struct slice value, struct wait_row *row)
{
    bool is_old = value.size == WAIT_ROW_SIZE_1;
    if ((value.size != WAIT_ROW_SIZE && !is_old) || !row_is_sealed(value) ||
        value.at[0] != (is_old ? 1 : WAIT_VERSION))
        return -EBADMSG;
    row->attempt_count = bytes_get_u32(value.at + 1);
    row->due_ms = is_old ? 0 : bytes_get_u64(value.at + 5);
    return 0;
}

void outage_row_encode(const struct outage_row *row, char out[static OUTAGE_ROW_SIZE])
{
    out[0] = RECORD_VERSION;
    bytes_put_u64(out + 1, row->since_ms);
    seal_row(out, OUTAGE_ROW_SIZE - CHECKSUM_SIZE);
}

int outage_row_decode(struct slice value, struct outage_row *row)
{
    if (value.size != OUTAGE_ROW_SIZE || !row_is_sealed(value) || value.at[0] != RECORD_VERSION)
        return -EBADMSG;
    row->since_ms = bytes_get_u64(value.at + 1);
    return 0;
}

void dedup_row_encode(const struct dedup_row *row, char out[static DEDUP_ROW_SIZE])
{
    memcpy(out, &row->event, ID_SIZE);
    bytes_put_u64_big(out + ID_SIZE, row->accepted_ms);
}

int dedup_row_decode(struct slice value, struct dedup_row *row)
{
    if (value.size != DEDUP_ROW_SIZE)
        return -EBADMSG;
    memcpy(&row->event, value.at, ID_SIZE);
    row->accepted_ms = bytes_get_u64_big(value.at + ID_SIZE);
    return 0;
}
