/* delivery.h - one event for one subscription: its states, and every change of them.
 *
 * See delivery.c for the machine. Others report what happened (delivery_sent(),
 * delivery_answered(), ...); only delivery.c decides what that means.
 */
#ifndef ENGINE_DELIVERY_H
#define ENGINE_DELIVERY_H

#include "endpoint.h"
#include "intake.h"
#include "net/wheel.h"

enum delivery_state {
    STATE_READY,
    STATE_BEHIND, /* another of its lane (lane.h) */
    STATE_SENDING,
    STATE_WAITING,
    STATE_LOADING,
    STATE_GHOST
};

struct attempt;

struct delivery {
    struct list_node link;  /* in its endpoint's list of this state */
    struct list_node young; /* in the shard's list of those without a durable trace, oldest first */
    struct table_node node; /* in the shard's table of those that have a row */
    struct timer due;       /* STATE_WAITING */
    struct list_node together; /* STATE_SENDING: among those that its attempt has besides it */
    struct list_node beside;   /* in its lane */
    struct lane *lane;         /* NULL: it is in none */
    uint64_t key;              /* of its lane, if its endpoint is ordered */
    struct endpoint *endpoint;
    struct block_share *share; /* the block whose bytes `record` points into; NULL: no block's */
    struct fetched_event *fetched; /* the event read back; NULL: not */
    struct slice record;           /* the encoded event in the block */
    struct attempt *attempt;       /* STATE_SENDING */
    struct id event, subscription;
    struct shard *shard;
    uint64_t taken_ms;         /* when it came to this shard, monotonic */
    uint64_t written_sequence; /* the outcomes with its last attempt, or (STATE_GHOST) its end */
    uint64_t row_due_ms;       /* of a retry: when it is due, wall; of ROW_RETRY it is in the key */
    uint32_t attempt_count;
    uint32_t weight; /* in a batch (bundle.h) */
    uint32_t cost;   /* STATE_READY: of an attempt (turns.h) */
    uint8_t state;
    uint8_t row;  /* enum row_kind it has on disk, or 0 */
    bool settled; /* has a durable trace, or one that is on its way to disk */
    bool is_sent; /* STATE_SENDING: the event's bytes are with the kernel */
};

struct deliveries {
    struct pool pool;
    struct table with_rows;
    struct list_node young;
    struct list_node shares;       /* blocks not walked to their end */
    uint64_t waiting, waiting_max; /* for retries: a part of all */
    size_t sending;
    size_t fetched_bytes; /* of events read back and held */
};

/* An endpoint's list of deliveries that are being sent is empty again only when all have ended:
 * asks those that go on to end now. */
void delivery_abort_all(struct shard *shard, struct endpoint *endpoint);

MUST_CHECK int deliveries_open(struct deliveries *deliveries, unsigned count);
void deliveries_close(struct deliveries *deliveries);

/* Frees a ghost (paging_haunt()). */
void delivery_lay(struct shard *shard, struct delivery *ghost);

/* The event of a STATE_LOADING delivery has come, or NULL: it is gone. */
void delivery_loaded(struct shard *shard, struct delivery *delivery, struct fetched_event *event);

/* The event could not be read for now. */
void delivery_load_failed(struct shard *shard, struct delivery *delivery);

/* Begins an attempt of a ready delivery: there has to be a free one, and its endpoint may send.
 * False: there is no memory for the body now. */
bool delivery_start(struct shard *shard, struct delivery *delivery);

/* The attempt's request is with the kernel; or is not any more, for it is to be sent again. */
void delivery_sent(struct delivery *delivery, bool is_sent);

/* The attempt has ended: `call` tells how. */
struct http_call;
void delivery_answered(struct shard *shard, struct delivery *delivery,
                       const struct http_call *call);

/* Gives a row to what has been without a durable trace for too long. */
void delivery_sweep(struct shard *shard);

/* Of an endpoint: everything that is not being sent goes to disk (pause, stop); or ends (its
 * subscription was deleted). */
void delivery_park_all(struct shard *shard, struct endpoint *endpoint);
void delivery_cancel_all(struct shard *shard, struct endpoint *endpoint);

/* The event to send. `event` borrows from the block or the fetched event. */
static inline void delivery_event(const struct delivery *delivery, struct event_record *event)
{
    if (delivery->fetched)
        *event = delivery->fetched->event;
    else
        must(event_record_decode(delivery->record, event) == 0);
}

#endif
