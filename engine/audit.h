/* audit.h - the audit log: one record for each change of configuration, chained by SHA-256.
 *
 * A record is a line of JSON, kept in `meta` under its number, as it is shown and exported:
 *
 *   {"seq":7,"at":"...","actor":"key_...","actor_name":"ops","remote_address":"10.0.0.9",
 *    "tenant":"ten_...","action":"subscription.update","resource":"sub_...",
 *    "before":{...},"after":{...},"previous":"HEX","hash":"HEX"}
 *
 * `hash` is the SHA-256 of the bytes of the record up to, and without, the comma before "hash";
 * `previous` is the hash of the record before, 64 zeros of the first. So nothing can be changed,
 * taken out or put in between without that the next record says so. The head of the chain, and the
 * anchor where what was pruned ended, are in a document beside the records, written in the same
 * batch.
 *
 * Records are written by who writes the change: after audit_begin(), audit_batch_put() puts each of
 * them into the batch of the change, and audit_written() is told when that is durable. Times in the
 * log never go back.
 *
 * Control's thread.
 */
#ifndef ENGINE_AUDIT_H
#define ENGINE_AUDIT_H

#include "base/id.h"
#include "base/text.h"
#include "store/db.h"

struct access_key;
struct address;

enum {
    AUDIT_HASH_SIZE = 32,
    AUDIT_NAME_MAX = 128,         /* of a resource */
    AUDIT_OBJECT_MAX = 64 * 1024, /* of `before` and `after`: what is larger is named by its hash */
    AUDIT_RECORD_MAX = 2 * AUDIT_OBJECT_MAX + 4096,
};

/* A record's place in the chain. */
struct audit_link {
    uint64_t seq; /* from 1; 0: before the first */
    uint8_t hash[AUDIT_HASH_SIZE];
    uint64_t at_ms;
};

struct audit {
    struct db *db;
    struct audit_link head;
    struct audit_link anchor; /* the last that was pruned */
    struct audit_link next;   /* the last in a batch that is not durable yet */
};

/* What is recorded of a change. */
struct audit_entry {
    const char *action; /* "subscription.update": kind of the resource, and what is done */
    const struct access_key *key; /* who; NULL: the engine itself */
    const struct address *peer;   /* from where; NULL: the engine itself */
    const struct id *tenant;      /* whose resource it is; NULL: nobody's */
    struct slice resource;        /* its id or name */
    struct slice before, after; /* it as JSON, without anything secret; empty: there was, is none */
};

/* Finds the head. 0, -EIO, or -EBADMSG: what is there is no audit log. */
MUST_CHECK int audit_open(struct audit *audit, struct db *db);

/* A batch of records begins; what another one had that was not written never was. */
void audit_begin(struct audit *audit);

/* Puts the next record, and the chain's new head, into `batch`. 0 or -ENOMEM. */
MUST_CHECK int audit_batch_put(struct audit *audit, struct batch *batch,
                               const struct audit_entry *entry);

/* The batch, of one record at least, is durable. */
void audit_written(struct audit *audit);

/* The record with a number, from anchor.seq + 1 to head.seq. 0, -ENOENT (which should not be),
 * -EIO. Give it back with db_value_give(). */
MUST_CHECK int audit_get(const struct audit *audit, uint64_t seq, struct db_value *record);

/* The number of the last record from before `at_ms`, found by halving; that before the first if all
 * are later, that of the head if one cannot be read. */
uint64_t audit_seq_before(const struct audit *audit, uint64_t at_ms);

/* Drops the oldest records: those from before `oldest_ms`, and those beyond `count_max`; some at a
 * time, and the anchor with them in one write. 0, -EIO, or -EBADMSG: the oldest is no record. */
MUST_CHECK int audit_prune(struct audit *audit, uint64_t oldest_ms, uint64_t count_max);

#endif
