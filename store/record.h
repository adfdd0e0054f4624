/* record.h - what is inside blocks: events and attempts. Versioned; numbers little-endian.
 *
 * Encoders write into memory of exactly the size they asked for. Decoders check every length and
 * borrow slices from the record. Blocks carry a checksum for their records.
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/id.h"
#include "store/sealed.h"

enum {
    RECORD_SUBSCRIPTIONS_MAX = 65535,
};

struct event_record {
    struct id event, tenant;
    bool duplicate;          /* of an earlier event: a record without effect */
    bool expunged;           /* its payload was taken out */
    uint32_t first_delivery; /* the number within its block of this event's first delivery */
    uint64_t time_ms;        /* when it happened, as its producer says; 0: not said */
    struct slice type, version, correlation_id, content_type, channels /* JSON array or empty */,
        payload;
    struct slice trace_parent, trace_state; /* W3C Trace Context, or empty */
    const struct id *subscriptions;
    uint32_t subscription_count;
    struct sealed sealed; /* as decoded: where the texts are that have no `at` yet */
};

size_t event_record_size(const struct event_record *event);
void event_record_encode(const struct event_record *event, char *at);

/* Seals an encoded record of `size` bytes in its place: then it has SEALED_OVERHEAD more. All texts
 * but the type and its version. */
void event_record_seal(char *record, size_t size, const struct sealing *by);

/* Of the texts of a sealed record only the sizes are known until they are opened: `at` is NULL. */
MUST_CHECK int event_record_decode(struct slice record, struct event_record *event);

/* Opens what a sealed record says beside its payload, and the payload. `room`: for sealed_size()
 * bytes, which stay as long as the slices are used; the box itself, if that is the caller's. 0
 * (also: it is not sealed, or was expunged); -ENOKEY: `key` is NULL; -EBADMSG. */
MUST_CHECK int event_record_open_labels(struct event_record *event, const uint8_t *key, char *room);
MUST_CHECK int event_record_open_payload(struct event_record *event, const uint8_t *key,
                                         char *room);

/* Sets `duplicate` in an encoded record. */
void event_record_mark_duplicate(char *record);

/* Overwrites the payload in an encoded record, whose size stays. */
void event_record_expunge(char *record, size_t size);

/* How a delivery stands. Numbers are on disk. */
enum delivery_status {
    DELIVERY_PENDING = 1,  /* no attempt yet, or parked */
    DELIVERY_RETRYING = 2, /* failed, and waits */
    DELIVERY_DELIVERED = 3,
    DELIVERY_DEAD = 4,
    DELIVERY_CANCELLED = 5, /* its subscription was deleted */
};

/* CONTRACT section 5. Numbers are on disk. */
enum attempt_outcome {
    ATTEMPT_NONE =
        0, /* not an attempt: a note that a delivery got a row or was cancelled (number is 0) */
    ATTEMPT_DELIVERED = 1,
    ATTEMPT_HTTP_ERROR,
    ATTEMPT_TIMEOUT,
    ATTEMPT_CONNECT_REFUSED,
    ATTEMPT_CONNECT_FAILED,
    ATTEMPT_DNS_FAILED,
    ATTEMPT_TLS_FAILED,
    ATTEMPT_BLOCKED_ADDRESS,
    ATTEMPT_RESPONSE_INVALID,
    ATTEMPT_CANCELLED,
};

/* "delivered", "http_error", ...; NULL for a number that is none. */
const char *attempt_outcome_name(enum attempt_outcome outcome);
const char *delivery_status_name(enum delivery_status status);

struct attempt_record {
    struct id event, subscription, tenant;
    enum attempt_outcome outcome;
    enum delivery_status status_after;
    uint32_t number;      /* 1, 2, ... */
    uint16_t http_status; /* 0: none */
    bool body_truncated, headers_truncated;
    bool reused;    /* it went over a connection that was there */
    bool expunged;  /* what the response held was taken out */
    uint64_t at_ms; /* wall time when it began */
    /* One after the other; 0: was not needed, or did not come to its end. The first byte of the
     * response is waited for once the connection stands. */
    uint32_t dns_us, connect_us, tls_us, first_byte_us;
    uint32_t duration_ms;     /* of all */
    uint64_t next_attempt_ms; /* with DELIVERY_RETRYING */
    struct slice address;     /* text, "127.0.0.1:80", or empty */
    struct slice error, response_body;
    struct slice request_headers, response_headers; /* each "Name: value\n" */
    struct sealed sealed; /* as decoded: where the texts are that have no `at` yet */
};

size_t attempt_record_size(const struct attempt_record *attempt);
void attempt_record_encode(const struct attempt_record *attempt, char *at);

/* As those of events: all texts are sealed. `room`: for both parts. */
void attempt_record_seal(char *record, size_t size, const struct sealing *by);
MUST_CHECK int attempt_record_decode(struct slice record, struct attempt_record *attempt);

/* Its event and how that stood after it, alone, at a fraction of the cost. 0 or -EBADMSG. */
MUST_CHECK int attempt_record_peek(struct slice record, struct id *event,
                                   enum delivery_status *status_after);
size_t attempt_record_open_size(const struct attempt_record *attempt);
MUST_CHECK int attempt_record_open(struct attempt_record *attempt, const uint8_t *key, char *room);

/* Overwrites the response's body and headers in an encoded record, whose size stays. */
void attempt_record_expunge(char *record, size_t size);

#endif
