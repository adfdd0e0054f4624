/* receipt.h - the answers that are owed for events on their way to disk.
 *
 * A receipt is made when a request's events are in the open chain, waits in the chain's first
 * block, and is sent when the chain is durable.
 */
#ifndef ENGINE_RECEIPT_H
#define ENGINE_RECEIPT_H

#include "base/list.h"
#include "requester.h"

struct event_block;

struct receipt {
    struct list_node link;
    struct requester requester;
    uint64_t received_ns;      /* monotonic */
    struct event_block *block; /* where its first event is */
    size_t record_at;          /* from the start of the block */
    uint32_t count;            /* of events, which may go on in the chain's next blocks */
    bool is_batch;
    char *list, *spare; /* of a batch: memory for its answer, and for sending that */
};

/* Sets aside what the answer will need, for once the events are durable it has to be given: asked
 * to send them again, the producer would make duplicates. False: there is no memory. */
MUST_CHECK bool receipt_reserve(struct shard *shard, struct receipt *receipt);

/* Answers 202 with the ids, counts what was accepted, and gives the memory back. */
void receipt_send(struct shard *shard, struct receipt *receipt);

#endif
