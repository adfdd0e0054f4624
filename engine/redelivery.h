/* redelivery.h - deliveries that have ended are delivered once more: what their shard does.
 *
 * They come from control a page at a time and become parked deliveries like any other ('P' rows),
 * a chunk of the page at a time: so they are read back in order, held to the endpoint's window, its
 * rate and its breaker, and found again after a crash. A chunk's document is durable in the same
 * commit as its rows: either both are there after a crash or none.
 *
 * One that waits for a retry may come alone: its next attempt is made now. Nothing is written for
 * that; after a crash it is tried when it would have been.
 *
 * What they may not do is get in the way. Of a page that may wait
 *   - the next chunk is taken when the endpoint has read back the last one and has little to do;
 *     while it has more, first attempts and time pay for each delivery, so that there is one for
 *     every few of those;
 *   - no more are taken in a second than the page says, and after a chunk that took long to be
 *     written there is a pause as much longer;
 *   - in memory they are retries, which leave first attempts the way (gate_lets_retry()).
 * It stays here for REDELIVERY_STAY_MS at most. Then it goes back with what is done of it, so that
 * others who want something of the subscription have their turn.
 */
#ifndef ENGINE_REDELIVERY_H
#define ENGINE_REDELIVERY_H

#include "mail.h"

struct shard;

enum { REDELIVERY_CHUNK = 64, REDELIVERY_STAY_MS = 1000 };

/* The pages that are here. */
struct redelivery {
    struct list_node pages; /* struct mail_redeliver */
};

void redelivery_init(struct redelivery *redelivery);

/* Mail. It goes back when it is done, or when no more of it can be taken for now. */
void redelivery_take(struct shard *shard, struct mail_redeliver *mail);

/* Takes what can be taken. Returns the monotonic ms at which to be called again. */
uint64_t redelivery_tick(struct shard *shard);

/* The chunk of this page that was being written is on disk. */
void redelivery_durable(struct shard *shard, struct mail_redeliver *mail);

/* What paging_hurry() asked for has come: whether the delivery is in memory now. */
void redelivery_hurried(struct shard *shard, struct mail_redeliver *mail, bool is_here);

#endif
