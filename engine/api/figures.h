/* figures.h - /metrics: what all threads have counted, in Prometheus' text format.
 *
 * A scrape asks every thread by mail and is answered when all have answered, or after
 * FIGURES_PATIENCE_MS with what those that are late had told before: a disk or a shard that hangs
 * is what one wants to see. Scrapes that come in meanwhile share the answer; there are at most
 * FIGURES_WAITERS_MAX. What is shown is in panel.c. Control's thread.
 */
#ifndef API_FIGURES_H
#define API_FIGURES_H

#include "crew.h"
#include "mail.h"

enum { FIGURES_WAITERS_MAX = 16, FIGURES_PATIENCE_MS = 2000 };

struct figures {
    struct mail_figures *mails; /* to each shard, the writer and the reader, by their numbers */
    unsigned count, left;       /* of these; of those that have not answered */
    struct timer deadline;
    struct histogram *sum;     /* for adding up */
    const void **shards_known; /* what each shard told last */
    unsigned waiter_count;
    struct http_ticket waiters[FIGURES_WAITERS_MAX];
    uint64_t started_ms;
};

MUST_CHECK int figures_open(struct figures *figures, const struct crew *crew);
void figures_close(struct figures *figures); /* no thread may be about to answer */

#endif
