/* journal.h - makes what shards have gathered durable: one atomic write and one sync for a
 * whole group.
 *
 * The caller adds submissions, in order, and commits; while a commit is on its way the next group
 * gathers (elsewhere: this module has one thread). In one commit:
 *   - each event block gets its commit number, and its events with an idempotency key are checked
 * against the window: a duplicate's record is marked as having no effect, and its claim says which
 * event was first;
 *   - attempts blocks and row logs are written with it.
 * Everything handed over stays the caller's and must stay until journal_commit() returns.
 *
 * An error leaves the journal unusable: the program must stop acknowledging and end (recovery is
 * the tested path).
 */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "store/block.h"
#include "store/db.h"
#include "store/row_log.h"

struct journal;

enum { CLAIM_KEY_SIZE = 32 };

/* An event that has an idempotency key. */
struct claim {
    uint8_t key[CLAIM_KEY_SIZE]; /* SHA-256 over tenant and key */
    struct id event;
    uint64_t accepted_ms;
    char *record;    /* the encoded event_record in the block */
    char *copy;      /* the caller's own */
    bool duplicate;  /* result */
    struct id first; /* result: the event that has the key already */
    struct claim *next;
};

/* Blocks of events that are written together or not at all. */
struct journal_events {
    struct journal_events *next; /* of the same all-or-nothing submission */
    struct block block;
    uint64_t mark;
    struct claim *claims;
};

/* A document of `meta` that changes with the rows. */
struct journal_document {
    struct key key;
    struct slice value;
};

struct journal_outcomes {
    struct block attempts; /* count 0: none */
    struct row_log rows;
    unsigned shard;                          /* the queue-K of the rows */
    const struct journal_document *document; /* NULL: none */
    bool sync;                               /* somebody is told when it is durable */
};

struct journal_options {
    bool sync; /* fdatasync before a commit with events returns */
};

/* Finds the last commit number on disk. 0, or -errno with db_why(). */
MUST_CHECK int journal_open(struct journal **journal, struct db *db, uint64_t dedup_window_ms,
                            const struct journal_options *options);
void journal_close(struct journal *journal);

MUST_CHECK int journal_add_events(struct journal *journal, struct journal_events *events);
void journal_add_outcomes(struct journal *journal, struct journal_outcomes *outcomes);

/* Bytes gathered so far: 0 nothing to commit. */
size_t journal_pending(const struct journal *journal);

/* 0, or -EIO with db_why(). A group without events is synced only if some outcomes ask for it. */
MUST_CHECK int journal_commit(struct journal *journal);

/* Syncs what was written unsynced. For an orderly stop. */
MUST_CHECK int journal_sync(struct journal *journal);

struct journal_counters {
    uint64_t commits, syncs, events_blocks, bytes, duplicates;
};
struct journal_counters journal_counters(const struct journal *journal);

#endif
