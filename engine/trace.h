/* trace.h - what a delivery leaves on disk: rows and notes, written into the open outcomes (call
 * outcomes_begin() first).
 */
#ifndef ENGINE_TRACE_H
#define ENGINE_TRACE_H

#include "delivery.h"

/* A row of `key` whose value is the count of attempts so far, and of a 'P' row when it is due. */
void trace_put_wait(struct shard *shard, const struct key *key, uint32_t attempt_count,
                    uint64_t due_ms);

/* A 'P' row: waits on disk for its turn; a retry (due_ms > 0) not before it is due. */
void trace_put_parked(struct shard *shard, const struct endpoint *endpoint, const struct id *event,
                      uint32_t attempt_count, uint64_t due_ms);

/* Drops the row that the delivery has, if any. */
void trace_drop_row(struct shard *shard, const struct delivery *delivery);

/* The 'D' row: how the delivery stands after the attempt in `record`, which is in attempts block
 * `block`. */
void trace_put_state(struct shard *shard, const struct delivery *delivery,
                     const struct attempt_record *record, uint64_t block);

/* The rows of a delivery that had ended and is to be delivered once more: parked, its schedule
 * begins anew. */
void trace_put_again(struct shard *shard, const struct endpoint *endpoint, const struct id *event,
                     const struct delivery_row *ended);

/* The rows of a dead letter that is given up. */
void trace_put_given_up(struct shard *shard, const struct endpoint *endpoint,
                        const struct id *event, const struct delivery_row *ended);

/* A note in the attempts log: the delivery has a row now, or has ended, without an attempt. Fills
 * in whose; returns its block's number. */
uint64_t trace_put_note(struct shard *shard, const struct endpoint *endpoint,
                        const struct id *event, struct attempt_record *note);
void trace_note_parked(struct shard *shard, struct endpoint *endpoint, const struct id *event);

/* Parks a fresh delivery whose subscription is not known here: it was made a moment ago, and
 * another shard knew it first (its endpoint will look for parked rows), or it was deleted (then the
 * row is an orphan, dropped at the next start). Begins the outcomes itself. */
void trace_park_unknown(struct shard *shard, struct block_share *share,
                        const struct event_record *event, const struct id *subscription);

#endif
