/* arrival.h - how a delivery comes into memory: fresh from a block, or read back from its row.
 */
#ifndef ENGINE_ARRIVAL_H
#define ENGINE_ARRIVAL_H

#include "delivery.h"

/* A fresh delivery: the event in `record` of a durable block, decoded in `event`, is for
 * `subscription`, whose home is here. Held in memory if there is a place for it, else parked at
 * once. False: nothing has happened, for there is no room now to park what comes after it. */
MUST_CHECK bool arrival_take(struct shard *shard, struct block_share *share, struct slice record,
                             const struct event_record *event, const struct id *subscription);

/* A row was read back. */
enum load_result {
    LOAD_TAKEN,
    LOAD_KNOWN, /* it is in memory already, or has to stay on disk */
    LOAD_NO_ROOM
};
enum load_result arrival_load_retry(struct shard *shard, struct endpoint *endpoint,
                                    const struct backlog_row *row);

/* The event is taken over if the result is LOAD_TAKEN. NULL: it is gone. */
enum load_result arrival_load_parked(struct shard *shard, struct endpoint *endpoint,
                                     const struct backlog_row *row, struct fetched_event *event);

/* Opens what was fetched, in its place. False: it is damaged, or its tenant is gone. */
MUST_CHECK bool arrival_open_event(const struct shard *shard, struct fetched_event *event);

/* The delivery takes over its event, which was read back. */
void arrival_hold_event(struct shard *shard, struct delivery *delivery,
                        struct fetched_event *event);

/* The event is not there any more: its retention has ended before the delivery did. */
void arrival_gone(struct shard *shard, struct delivery *delivery);

#endif
