/* record.h - what is inside blocks and rows: events, attempts, the states of deliveries. Versioned;
 * numbers little-endian.
 *
 * Encoders write into memory of exactly the size they asked for. Decoders check every length and
 * borrow slices from the record. Blocks carry a checksum for their records; a row's value carries
 * its own (XXH32 in the last 4 bytes).
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/id.h"

enum {
    RECORD_SUBSCRIPTIONS_MAX = 65535,
    RECORD_ATTEMPTS_KEPT = 32, /* blocks of attempts that a delivery's row remembers: the latest */
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
};

size_t event_record_size(const struct event_record *event);
void event_record_encode(const struct event_record *event, char *at);
MUST_CHECK int event_record_decode(struct slice record, struct event_record *event);

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
};

size_t attempt_record_size(const struct attempt_record *attempt);
void attempt_record_encode(const struct attempt_record *attempt, char *at);
MUST_CHECK int attempt_record_decode(struct slice record, struct attempt_record *attempt);

/* Overwrites the response's body and headers in an encoded record, whose size stays. */
void attempt_record_expunge(char *record, size_t size);

/* The value of a 'D' row. */
struct delivery_row {
    enum delivery_status status;
    enum attempt_outcome last_outcome;
    uint16_t last_http_status;
    uint32_t attempt_count;
    uint32_t
        attempts_before; /* of those, before it was redelivered last: its schedule began anew */
    uint64_t next_attempt_ms, updated_ms;
    uint32_t block_count; /* <= RECORD_ATTEMPTS_KEPT */
    /* Where its attempts are, oldest first: numbers of blocks of attempts-K, K being the shard
     * whose queue the row is in. Recovery moves a row to another shard's queue if the number of
     * shards changes, and then says in the upper bits where its blocks stayed: see
     * attempts_place(). */
    uint64_t blocks[RECORD_ATTEMPTS_KEPT];
};

/* One of a row's `blocks`, taken apart. `home`: the shard whose queue the row is in. */
struct attempts_place {
    unsigned shard;
    uint64_t block;
};
struct attempts_place attempts_place(uint64_t kept, unsigned home);

/* The same place, as a row in any other queue has to keep it. */
uint64_t attempts_place_keep(struct attempts_place place);

enum { DELIVERY_ROW_SIZE_MAX = 64 + 8 * RECORD_ATTEMPTS_KEPT };

size_t delivery_row_encode(const struct delivery_row *row, char out[static DELIVERY_ROW_SIZE_MAX]);
MUST_CHECK int delivery_row_decode(struct slice value, struct delivery_row *row);

/* The value of 'R', 'P' and 'X' rows. */
struct wait_row {
    uint32_t attempt_count;
    uint64_t due_ms; /* of 'P' rows: wall time before which it is not sent; 0: none */
};
enum { WAIT_ROW_SIZE = 17 };
void wait_row_encode(const struct wait_row *row, char out[static WAIT_ROW_SIZE]);
MUST_CHECK int wait_row_decode(struct slice value, struct wait_row *row);

/* The value of 'F' rows. */
struct outage_row {
    uint64_t since_ms; /* its first failure since a success, wall */
};
enum { OUTAGE_ROW_SIZE = 13 };
void outage_row_encode(const struct outage_row *row, char out[static OUTAGE_ROW_SIZE]);
MUST_CHECK int outage_row_decode(struct slice value, struct outage_row *row);

/* The value of a key in `dedup`: who has it, and since when. */
struct dedup_row {
    struct id event;
    uint64_t accepted_ms;
};
enum { DEDUP_ROW_SIZE = 24 };
void dedup_row_encode(const struct dedup_row *row, char out[static DEDUP_ROW_SIZE]);
MUST_CHECK int dedup_row_decode(struct slice value, struct dedup_row *row);

#endif
