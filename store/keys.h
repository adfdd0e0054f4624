/* keys.h - the keys of every family. Numbers are big-endian, so byte order is order.
 *
 *   family      key                                       value
 *   events-K    number u64                                block of events (block.h)
 *   attempts-K  number u64                                block of attempts
 *   queue-K     'R' due_ms u64, subscription 16, event 16 wait_row: a retry that is due then
 *               'P' subscription 16, event 16             wait_row: parked, waits for its turn
 *               'X' subscription 16, event 16             wait_row: dead letter
 *               'D' subscription 16, event 16             delivery_row: the state of a delivery
 *                                                         that left the straight path
 *               'F' subscription 16, zero 16              outage_row: has brought only failures
 *   dedup       SHA-256 (given by the caller)             event id 16, accepted_ms u64
 *   meta        kind, 0, id or name                       a document
 *   stats       'B' tenant 16, resolution 1,              rollup: what came of attempts in the
 *               start_ms u64, subscription 16             span; zero subscription: the tenant's sum
 *               'L' shard u64                             how far attempts-K is summed up
 *               'I'                                       since which commit there are those:
 *               'I' shard u16, number u64 of a block of   which of those tell of which of these
 *               events, then of a block of attempts       (attempt_index.h)
 *
 * A row of subscription S is in queue-K with K = keys_home(S, shards).
 */
#ifndef STORE_KEYS_H
#define STORE_KEYS_H

#include "base/id.h"

enum { KEY_SIZE_MAX = 64, KEY_META_KIND_MAX = 16, KEY_META_NAME_MAX = 40 };

struct key {
    char bytes[KEY_SIZE_MAX];
    size_t size;
};

static inline struct slice key_slice(const struct key *key)
{
    return slice_of(key->bytes, key->size);
}

struct key key_block(uint64_t number);
struct key key_retry(uint64_t due_ms, const struct id *subscription, const struct id *event);

enum row_kind {
    ROW_RETRY = 'R',
    ROW_PARKED = 'P',
    ROW_DEAD = 'X',
    ROW_DELIVERY = 'D',
    ROW_OUTAGE = 'F',
};

/* For kinds other than ROW_RETRY. `event` NULL: the prefix of all of the subscription's.
 * `subscription` NULL: of all of the kind. */
struct key key_row(enum row_kind kind, const struct id *subscription, const struct id *event);
struct key key_outage(const struct id *subscription);

/* kind: at most 16 characters; name: at most 40 bytes. `name` empty: the prefix of all of the kind.
 */
struct key key_meta(const char *kind, struct slice name);

/* Spans that attempts are summed up by: the number is on disk. */
enum resolution { RESOLUTION_10S = 1, RESOLUTION_1M, RESOLUTION_1H };

struct rollup_place {
    struct id tenant, subscription; /* zero subscription: all of the tenant */
    enum resolution resolution;
    uint64_t start_ms;
};

struct key key_rollup(const struct rollup_place *place);
struct key key_rollup_level(unsigned shard);

/* A block of events, and a block of attempts that tells of some of them. */
struct index_place {
    unsigned events_shard, attempts_shard;
    uint64_t events_block, attempts_block;
};

struct key key_index(const struct index_place *place);
struct key key_index_since(void); /* also the prefix of all of them */

/* The first key after all that begin with `prefix`. */
struct key key_after(const struct key *prefix);

/* 0, or -EBADMSG if the bytes are no such key. */
MUST_CHECK int key_parse_block(struct slice key, uint64_t *number);
MUST_CHECK int key_parse_retry(struct slice key, uint64_t *due_ms, struct id *subscription,
                               struct id *event);
MUST_CHECK int key_parse_row(struct slice key, enum row_kind *kind, struct id *subscription,
                             struct id *event);

MUST_CHECK int key_parse_rollup(struct slice key, struct rollup_place *place);
MUST_CHECK int key_parse_index(struct slice key, struct index_place *place);

/* The shard that owns a subscription. */
unsigned keys_home(const struct id *subscription, unsigned shards);

/* ---- an event's id is its address ---- */

enum { PLACE_SHARD_BITS = 12, PLACE_BLOCK_BITS = 38, PLACE_INDEX_BITS = 24 };

struct place {
    unsigned shard; /* 12 bits */
    uint64_t block; /* 38 bits */
    uint32_t index; /* 24 bits: of an event id the record in the block; of a delivery id the
                       delivery in the block */
};

struct id place_id(uint64_t wall_ms, struct place place);
struct place place_of(const struct id *id);

#endif
