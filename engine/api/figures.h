/* figures.h - /metrics: what all shards have counted, added up, in Prometheus' text format.
 *
 * A scrape asks every shard by mail and is answered when the last one has. Scrapes that come in
 * meanwhile share its answer; there are at most FIGURES_WAITERS_MAX. Control's thread.
 */
#ifndef API_FIGURES_H
#define API_FIGURES_H

#include "mail.h"

enum { FIGURES_WAITERS_MAX = 16 };

struct figures {
    struct shard_figures *of_shards; /* the shards' while `left` is not 0 */
    struct mail_figures *mails;
    struct histogram *sum; /* for adding up */
    unsigned left;         /* shards that have not answered */
    unsigned waiter_count;
    struct http_ticket waiters[FIGURES_WAITERS_MAX];
    uint64_t started_ms;
};

MUST_CHECK int figures_open(struct figures *figures, unsigned shards);
void figures_close(struct figures *figures); /* no scrape may be under way */

#endif
