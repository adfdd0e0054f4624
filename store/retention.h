/* retention.h - which rows are too old to keep. Asked by compaction, for each entry it rewrites. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

#include "store/keys.h"

/* A row of a queue whose delivery was settled, or is a dead letter, more than span_ms ago. */
bool retention_drops_row(struct slice key, struct slice value, uint64_t now_ms, uint64_t span_ms);

/* An idempotency key that was taken more than span_ms ago. */
bool retention_drops_dedup(struct slice value, uint64_t now_ms, uint64_t span_ms);

/* A rollup of a span that is kept no longer (rollup.h). */
bool retention_drops_rollup(struct slice key, uint64_t now_ms);

#endif
