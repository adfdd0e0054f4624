/* selection.h - which deliveries of a subscription have ended in a way that is asked for, a page at
 * a time, oldest event first (event_scan.h; dead letters by id): for delivering them once more.
 *
 * Dead letters have rows of their own, which are walked. For all else the events are scanned, and
 * each one's delivery is looked up as history.h does. A step is bounded: it may find nothing, and
 * has then got further. One thread's.
 */
#ifndef STORE_SELECTION_H
#define STORE_SELECTION_H

#include "store/db.h"
#include "store/row.h"

enum { SELECTION_MAX = 512 };

/* A delivery that has ended: as its row says, or would. */
struct ended_delivery {
    struct id event;
    struct delivery_row row;
    unsigned passed; /* live or gone, between the one before and this one */
};

struct selection_filter {
    struct id subscription;
    unsigned statuses;           /* bits 1 << enum delivery_status; of those that mean an end */
    uint64_t since_ms, until_ms; /* of acceptance; [since, until); 0: open */
    uint64_t now_ms;             /* wall */
    const struct id *event;      /* NULL: all; else this one alone */
    bool (*wants)(const void *context, const struct event_record *event); /* NULL: all */
    const void *context;
};

/* Where a selection goes on from; zero: from the beginning. */
struct selection_place {
    struct id after;    /* dead letters: the event of the last one */
    struct id *reached; /* events: of each of db_shards(), the last one */
};

struct selection {
    unsigned count, live, gone; /* live: have not ended, though the filter would want them; gone:
                                   their event is not kept any more */
    unsigned passed;            /* of live and gone, behind the last of the list */
    struct ended_delivery list[SELECTION_MAX];
    bool ended; /* there are no more */
};

/* The place behind this delivery, when it has been dealt with. */
void selection_pass(struct selection_place *place, const struct ended_delivery *delivery);

/* One step; the place moves to its end. 0 or -errno (then neither means anything). */
MUST_CHECK int selection_step(struct selection *selection, struct db *db, unsigned home_shards,
                              const struct selection_filter *filter, struct selection_place *place);

#endif
