/* row.h - the values of rows: how deliveries stand, wait and fail, and which keys were claimed.
 * Versioned; numbers little-endian. Each carries its own checksum (XXH32 in the last 4 bytes), but
 * for those of `dedup`.
 */
#ifndef STORE_ROW_H
#define STORE_ROW_H

#include "store/record.h"

enum {
    RECORD_ATTEMPTS_KEPT = 32, /* blocks of attempts that a delivery's row remembers: the latest */
};

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

/* The value of 'F' rows: wall times, each 0 if there is none. */
struct outage_row {
    uint64_t since_ms;     /* its first failure since a success */
    uint64_t told_ms;      /* it was told that it has been failing since then */
    uint64_t recovered_ms; /* when it was told to be well again */
};
enum { OUTAGE_ROW_SIZE = 29 };
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
