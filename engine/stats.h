/* stats.h - how an endpoint stands: its gate, and what waits for it. */
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "mail.h"

struct shard;

/* Fills in the answer. */
void stats_fill(const struct shard *shard, struct mail_stats *mail);

#endif
