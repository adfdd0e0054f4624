/* last_use.h - when access keys were last used, as control keeps it.
 *
 * What shards tell (uses.h), and control's own port, is in the registry's keys at once. It goes to
 * the disk in rounds, each key at most once a round, many in one write; a crash loses what came
 * after the last round. A key's is a document of its own, "key_use": its key's document changes
 * only when somebody changes the key.
 *
 * Control's thread.
 */
#ifndef ENGINE_LAST_USE_H
#define ENGINE_LAST_USE_H

#include "mail.h"
#include "registry.h"

struct last_use {
    struct db *db;
    struct registry *registry;
    size_t at;         /* of the registry's keys, in this round */
    uint64_t round_ms; /* when the last round began */
};

/* Reads what is stored, for keys that are there, and forgets the rest. 0 or -errno. */
MUST_CHECK int last_use_open(struct last_use *uses, struct db *db, struct registry *registry);

void last_use_take(struct last_use *uses, const struct mail_uses *mail);

/* Some of a round, if it is time for one. */
void last_use_sweep(struct last_use *uses, uint64_t wall_ms);

/* All that is not stored yet: before the end. */
void last_use_finish(struct last_use *uses);

/* The documents' kind. */
#define LAST_USE_KIND "key_use"

#endif
