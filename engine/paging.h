/* paging.h - bringing back from disk what is due: retries by time, parked deliveries by endpoint.
 *
 * Retries. Every 'R' row that is due before `window_ms` is in memory, unless there was no room. To
 * move the window on, new rows are first held against the new border, then everything sent to the
 * writer so far has to be on disk, and only then the reader is asked: so no row can fall between
 * the question and the border. Parked. An endpoint's rows are read a page at a time, in order of
 * event, when its queue runs low.
 */
#ifndef ENGINE_PAGING_H
#define ENGINE_PAGING_H

#include "delivery.h"

/* Which subscriptions have rows of a kind, asked a page at a time. */
struct survey {
    struct id after; /* the last that is known of */
    uint64_t due_ms; /* monotonic: when to ask which come after it */
};

struct paging {
    struct pool fetches;
    struct list_node asked;  /* questions for rows that are out, oldest first */
    struct list_node ghosts; /* deliveries that have ended, whose rows may still be read */
    uint64_t window_ms;      /* wall: rows due before are in memory */
    uint64_t border_ms;      /* what the window is being moved to */
    uint64_t reached_ms;     /* how far the answers have come */
    uint64_t spoiled_ms; /* the earliest retry since the move began that was not held; UINT64_MAX:
                            none */
    uint64_t wait_sequence; /* outcomes that have to be on disk before the question */
    uint64_t next_look_ms;  /* monotonic */
    struct id after_subscription, after_event;
    struct survey backlogs, outages; /* at start */
    unsigned parked_out;             /* questions for parked rows that are out */
    bool is_started, has_after, moving, asking;
};

MUST_CHECK int paging_open(struct paging *paging);
void paging_close(struct paging *paging);

/* Begins, when the directory is known (a row of a subscription that is not in it is an orphan, and
 * dropped): which subscriptions have parked rows is to be asked. */
void paging_start(struct shard *shard);

/* Asks for what is wanted now. Returns the monotonic ms at which to be called again. */
uint64_t paging_tick(struct shard *shard);

/* Whether a retry due then is to be held in memory. If not, it will be read back in time. */
bool paging_wants(struct shard *shard, uint64_t due_ms);

/* A delivery that had a row has ended. It stays in the table as a ghost until no answer can hold
 * its row any more: taken for a new one it would be delivered twice. */
void paging_haunt(struct shard *shard, struct delivery *delivery);

/* Frees the ghosts whose time is over. */
void paging_lay_ghosts(struct shard *shard);

/* Asks for the event of a STATE_LOADING delivery. False if no question is free: try again later. */
bool paging_load(struct shard *shard, struct delivery *delivery);

/* Asks for the retry's row that the mail's only delivery has to have, wherever the window is, and
 * then tells redelivery_hurried(). False: no question is free. */
bool paging_hurry(struct shard *shard, struct mail_redeliver *mail);

/* Drops the rows of a deleted subscription (those that no question is free for are dropped at the
 * next start). */
void paging_erase(struct shard *shard, const struct id *subscription);

/* Frees an event that was read back. */
void paging_give_back(struct shard *shard, struct fetched_event *event);

/* Mail. */
void paging_fetched(struct shard *shard, struct mail_fetch *fetch);

#endif
