/* verdict.h - what an attempt's end means for its delivery: delivered, to be tried again, or dead.
 */
#ifndef ENGINE_VERDICT_H
#define ENGINE_VERDICT_H

#include "delivery.h"

/* Decides, and writes the attempt in `record` with the rows that follow from it into the open
 * outcomes. Sets record->status_after: DELIVERY_DELIVERED, DELIVERY_DEAD, or DELIVERY_RETRYING with
 * record->next_attempt_ms. The delivery itself is not changed. */
void verdict_write(struct shard *shard, struct delivery *delivery, struct attempt_record *record);

#endif
