/* history.h - what people ask: events, deliveries and attempts, newest first, in pages. For the
 * control thread.
 *
 * Deliveries are not rows. One exists because an event names its subscription; how it stands is
 * told, in this order, by its 'D' row, its 'P' row (pending), the attempts log (delivered at the
 * first attempt), or none of them: pending.
 *
 * A page may stop early, when a budget of work is used up: with fewer entries than there are, or
 * none, and with a cursor to go on from. So no question takes long.
 */
#ifndef STORE_HISTORY_H
#define STORE_HISTORY_H

#include "store/backlog.h"

struct delivery_view {
    struct id delivery, event, subscription, tenant;
    struct slice event_type;
    enum delivery_status status;
    uint32_t attempt_count;
    uint64_t created_ms, next_attempt_ms; /* next_attempt_ms 0: none is planned */
    bool has_last;
    struct attempt_record last; /* its slices stay during the callback */
};

struct history_filter {
    const struct id *tenant;       /* NULL: all */
    const struct id *subscription; /* NULL: all */
    const struct id *event;        /* NULL: all */
    struct slice type;             /* empty: all; else exactly this */
    unsigned statuses;             /* bits 1 << enum delivery_status; 0: all */
    bool (*owns)(void *context, const struct id *subscription); /* whether it is the tenant's */
    void *context;                                              /* owns NULL: not known */
    uint64_t since_ms, until_ms; /* of acceptance; [since, until); 0: open */
    uint64_t work_max;           /* the budget of a page; 0: some 20 ms */
};

struct history_page {
    const struct id *before; /* the last one seen, may be &last; NULL: from the newest */
    unsigned limit;          /* > 0 */
    /* the answer */
    bool more;      /* there may be more, */
    struct id last; /* before this one */
};

/* Calls `each` for the entries of the page, newest first. Returns 0, or -errno (also what `each`
 * returned, if not 0). */
MUST_CHECK int history_events(struct db *db, const struct history_filter *filter,
                              struct history_page *page,
                              int (*each)(void *context, const struct event_record *event),
                              void *context);

/* What a delivery is of, and how it stands. */
struct delivery_standing {
    struct id event, subscription, tenant;
    struct delivery_row row;
};

/* `home_shards`: the number of shards now (rows are at their homes). */
MUST_CHECK int history_deliveries(struct db *db, unsigned home_shards,
                                  const struct history_filter *filter, struct history_page *page,
                                  int (*each)(void *context, const struct delivery_view *delivery),
                                  void *context);

/* One delivery by its id. -ENOENT if there is none (any more). */
MUST_CHECK int history_delivery(struct db *db, unsigned home_shards, const struct id *delivery,
                                int (*each)(void *context, const struct delivery_view *delivery),
                                void *context);

/* The same, as its row would say. */
MUST_CHECK int history_standing(struct db *db, unsigned home_shards, const struct id *delivery,
                                struct delivery_standing *standing);

/* Its attempts, first to last. -ENOENT if there is no such delivery. */
MUST_CHECK int history_attempts(struct db *db, unsigned home_shards, const struct id *delivery,
                                int (*each)(void *context, const struct attempt_record *attempt),
                                void *context);

#endif
