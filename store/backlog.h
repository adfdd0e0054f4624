/* backlog.h - reading back what a shard left on disk: due retries, parked deliveries, events. For
 * the reader's thread.
 */
#ifndef STORE_BACKLOG_H
#define STORE_BACKLOG_H

#include "store/db.h"
#include "store/row.h"

struct backlog_row {
    struct id subscription;
    union {
        struct {
            struct id event;
            uint64_t due_ms; /* a retry: when it is due; parked: 0 if it may be sent at any time */
            uint32_t attempt_count;
        };
        struct outage_row outage;
    };
};

/* Retries of shard's queue that are due before `below_ms`, from (from_ms, and within it after the
 * row (`subscription`, `event`) if those are not NULL), in order of time, at most `max`. Returns
 * the count or -errno. */
MUST_CHECK int backlog_retries(struct db *db, unsigned shard, uint64_t from_ms,
                               const struct id *subscription, const struct id *event,
                               uint64_t below_ms, struct backlog_row *rows, int max);

struct parked_span {
    const struct id *subscription;
    const struct id *after, *last; /* events: (after, last]; NULL: open */
};

/* Parked deliveries of this span, oldest first. What was dropped behind its end is not walked over.
 * Returns the count or -errno. */
MUST_CHECK int backlog_parked(struct db *db, unsigned shard, const struct parked_span *span,
                              struct backlog_row *rows, int max);

/* How many there are after `after`, counted up to `max`; or -errno. */
MUST_CHECK int backlog_parked_count(struct db *db, unsigned shard, const struct id *subscription,
                                    const struct id *after, int max);

/* The next subscription after `after` (NULL: the first) that has a parked delivery. 0, -ENOENT when
 * there are no more, or -errno. */
MUST_CHECK int backlog_next_subscription(struct db *db, unsigned shard, const struct id *after,
                                         struct id *subscription);

/* Outages of subscriptions after `after` (NULL: from the first): `subscription` and `outage` of the
 * rows, at most `max`. Returns the count or -errno. */
MUST_CHECK int backlog_outages(struct db *db, unsigned shard, const struct id *after,
                               struct backlog_row *rows, int max);

/* Drops all rows of a subscription (it was deleted), `max` at a time; returns how many were
 * dropped (0: there are no more), or -errno. A retry row goes with the delivery row that tells when
 * it is due, and is not counted. Not synced. */
MUST_CHECK int backlog_erase(struct db *db, unsigned shard, const struct id *subscription, int max);

/* The state of a delivery that has a 'D' row. 0, -ENOENT or -errno. */
MUST_CHECK int backlog_delivery(struct db *db, unsigned shard, const struct id *subscription,
                                const struct id *event, struct delivery_row *row);

/* Reads events by id; keeps the last few blocks, so that reading a backlog in order costs one read
 * a block. One thread's. */
struct event_reader;
MUST_CHECK int event_reader_open(struct event_reader **reader, struct db *db);
void event_reader_close(struct event_reader *reader);

/* Lets go of the blocks it has: one may have been written anew. */
void event_reader_forget(struct event_reader *reader);

/* `event`'s slices stay until the next call. 0; -ENOENT: never was, was a duplicate, or its
 * retention has ended; -EBADMSG; -EIO. */
MUST_CHECK int event_reader_get(struct event_reader *reader, const struct id *id,
                                struct event_record *event);

/* The commit of the event's block. Results as event_reader_get(), which has to have found it. */
MUST_CHECK int event_reader_commit(struct event_reader *reader, const struct id *id,
                                   uint64_t *commit);

#endif
