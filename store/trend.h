/* trend.h - sums of attempts over time, read back: of one subscription or tenant, and which
 * subscriptions of a tenant fail most. */
#ifndef STORE_TREND_H
#define STORE_TREND_H

#include "store/db.h"
#include "store/rollup.h"

enum { TREND_SPANS_MAX = 1500, TREND_RANKED_MAX = 4096, TREND_ROWS_MAX = 50000 };

struct trend_window {
    struct id tenant, subscription; /* zero subscription: all of the tenant */
    enum resolution resolution;
    uint64_t since_ms, until_ms; /* both where spans begin */
};

/* The last so many ms, in whole spans; the one that `now_ms` is in is the last of them. */
struct trend_window trend_window(enum resolution resolution, uint64_t window_ms, uint64_t now_ms);

/* Each span in turn, the empty ones too, if `each` is not NULL; `sum` gets the sum of all. 0 or
 * -errno; a damaged row counts as empty. */
MUST_CHECK int trend_read(struct db *db, const struct trend_window *window,
                          void (*each)(void *context, uint64_t start_ms,
                                       const struct rollup *rollup),
                          void *context, struct rollup *sum);

struct trend_ranked {
    struct id subscription;
    uint64_t attempts, failures, delivered, dead;
};

/* The tenant's subscriptions that had attempts in the window, those with most failures first, then
 * by id; `ranked` has room for TREND_RANKED_MAX. Reads spans from the newest back, at most
 * TREND_ROWS_MAX rows: *since_ms says from where on all were read, and *is_whole whether no
 * subscription was left out for want of room. Returns the count, or -errno. */
MUST_CHECK int trend_rank(struct db *db, const struct trend_window *window,
                          struct trend_ranked *ranked, uint64_t *since_ms, bool *is_whole);

#endif
