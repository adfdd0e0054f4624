/* observer.h - what control sees of deliveries: it sums up the attempts logs, a little at a time,
 * and raises alerts about what it finds.
 *
 * Control's thread.
 */
#ifndef ENGINE_OBSERVER_H
#define ENGINE_OBSERVER_H

#include "losses.h"
#include "mail.h"
#include "store/index_trim.h"
#include "store/rollup_sweep.h"
#include "store/rollups.h"

struct config;

enum { OBSERVER_TOLD = 64 };

struct observer {
    struct db *db;
    const struct registry *registry;
    struct rollups *rollups;
    struct rollup_sweep sweep;
    struct index_trim trim;
    uint64_t trim_ms; /* monotonic: the next round */
    struct alerts alerts;
    struct losses losses;
    struct list_node reports; /* that were taken, and not given back yet */
    uint64_t again_ms;        /* monotonic: when to go on */
    bool is_failing;          /* and that was said */
    uint64_t lost;            /* blocks that were said to be lost */
    size_t looked_at;         /* subscriptions, whether they were disabled before this start */
    size_t judged;            /* tenants, in this round */
    uint64_t judge_ms;        /* monotonic: the next round */
    struct {
        struct id tenant;
        uint64_t day;
    } told[OBSERVER_TOLD]; /* breaches, to say each once a day */
    unsigned told_next;
};

MUST_CHECK int observer_open(struct observer *observer, struct crew *crew, struct db *db,
                             const struct registry *registry);
void observer_close(struct observer *observer); /* a zeroed one is allowed */

/* Does a little of what there is to do. Returns the monotonic ms at which to be called next. */
uint64_t observer_turn(struct observer *observer, uint64_t now_ms);

/* A shard's report, which was applied. It goes back to the shard while there is room for the alerts
 * of others: so what many tell at once is kept by the shards, and none is dropped. */
void observer_reported(struct observer *observer, struct mail_report *report);

/* A tenant is gone: its sums will be, too. */
void observer_sweep(struct observer *observer);

/* There is too little room on the disk: says so, and raises an alert. */
void observer_storage_low(struct observer *observer, const struct config *config);

#endif
