/* intake.h - events on their way to disk: the open blocks, what waits for them, and the mark.
 * A block is kept twice: sealed, for the disk, and plain, for its deliveries.
 *
 *   append -> the open chain -> flush -> writer -> durable -> answered, and offered to the shards
 *   that own its deliveries -> released and settled by all of them -> the block is free
 *
 * Blocks that a batch spans are one chain, and a chain is committed whole, so a batch is all or
 * nothing. While a chain is with the writer the next one gathers: the disk's latency sets the size
 * of the groups.
 *
 * Memory: struct event_block from a pool; its bytes from the shard's buddy. The sealed ones go back
 * when they are on disk, the plain ones when no shard reads them any more, the struct when every
 * delivery has a durable trace. The oldest
 * block that is not settled is the shard's mark.
 */
#ifndef ENGINE_INTAKE_H
#define ENGINE_INTAKE_H

#include "base/list.h"
#include "base/pool.h"
#include "mail.h"
#include "receipt.h"
#include "share.h"

struct shard;
struct tenant;
struct event_block;

struct event_block {
    struct mail mail;              /* of the first block of a chain: MAIL_EVENTS */
    struct list_node link;         /* in order of number, until settled */
    struct journal_events journal; /* its block: sealed */
    struct block plain;            /* the same records */
    struct claim *claims_tail;
    struct list_node receipts; /* waiting for the chain: in its first block */
    struct list_node held;     /* among the durable chains, by their first blocks */
    uint64_t held_since_ms;    /* monotonic */
    uint32_t deliveries;       /* in this block */
    uint64_t ordered_ms;       /* the latest event whose order counts: wall; 0: none */
    unsigned shares_reading, shares_unsettled;
    struct block_share shares[]; /* one for each shard */
};

struct intake {
    struct pool blocks, claims, receipts;
    struct event_block *first, *open; /* the chain being gathered; NULL: none */
    struct list_node unsettled;       /* blocks, oldest first */
    struct list_node durable;         /* first blocks of chains that are not announced yet */
    uint64_t next_number;
    unsigned chains_out; /* with the writer */
    size_t bytes;        /* in the open chain */
};

MUST_CHECK int intake_open(struct intake *intake, struct shard *shard, uint64_t first_number,
                           unsigned claims);
void intake_close(struct intake *intake);

/* What one request adds: begin, append each event, then commit (which owes the answer) or cancel
 * (nothing has happened). */
struct intake_request {
    const uint8_t *log_key;    /* of the tenant whose request it is */
    struct event_block *block; /* the open block at the beginning; NULL: none was open */
    struct block block_then, plain_then;
    struct claim *claims_then;
    uint32_t deliveries_then;
    struct event_block *first; /* where its first event went */
    size_t record_at;
    uint32_t count;
    size_t bytes;
};

void intake_begin(struct shard *shard, const struct tenant *tenant, struct intake_request *request);

/* Adds an event: fills in event->event (its id), first_delivery and the matched subscriptions.
 * `key` (SHA-256) may be NULL. 0, or -ENOMEM/-ENOBUFS: memory or a pool is exhausted (answer 503
 * and cancel). */
MUST_CHECK int intake_append(struct shard *shard, struct intake_request *request,
                             struct event_record *event, uint64_t wall_ms, const uint8_t *key);

/* The order of the event just appended counts for somebody. Ids of one millisecond have none among
 * shards, so its 202 is held back until that millisecond has passed: then what is published by
 * whoever has seen it has a higher id, wherever. */
void intake_order(struct shard *shard, uint64_t wall_ms);

/* 0, or -ENOBUFS (then cancelled). */
MUST_CHECK int intake_commit(struct shard *shard, struct intake_request *request,
                             const struct requester *requester, uint64_t received_ns,
                             bool is_batch);
void intake_cancel(struct shard *shard, struct intake_request *request);

/* Hands the open chain to the writer if it is time to; whether it did. */
bool intake_flush(struct shard *shard);

/* Announces the chains that were held back and may go. When to be called again: monotonic ms,
 * UINT64_MAX never. */
uint64_t intake_announce(struct shard *shard);

/* Mail. */
void intake_durable(struct shard *shard, struct event_block *first);
void intake_released(struct shard *shard, struct block_share *share);
void intake_settled(struct shard *shard, struct block_share *share);

#endif
