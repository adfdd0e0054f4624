/* redelivery.h - deliveries that have ended are delivered once more: what their shard does.
 *
 * They come from control a page at a time and become parked deliveries like any other ('P' rows):
 * so they are read back in order, held to the endpoint's window, its rate and its breaker, and
 * found again after a crash. The page's document is durable in the same commit as its rows: either
 * both are there after a crash or none.
 *
 * What they may not do is get in the way. A page that may wait is taken only when the endpoint has
 * nothing else parked and little that is ready; and in memory they are retries, which leave first
 * attempts the way (gate_lets_retry()).
 */
#ifndef ENGINE_REDELIVERY_H
#define ENGINE_REDELIVERY_H

#include "mail.h"

struct shard;

/* Mail. It goes back when the page is durable, or at once when nothing has happened. */
void redelivery_take(struct shard *shard, struct mail_redeliver *mail);

#endif
