/* uses.h - when access keys were last used, as a shard tells control.
 *
 * A key that is used is linked among those that control has to hear of, once, whatever comes after.
 * A mail takes what is there, at most every ten seconds, and what is left before the shard stops.
 * No lock and no allocation.
 */
#ifndef ENGINE_USES_H
#define ENGINE_USES_H

#include "directory.h"
#include "mail.h"
#include "net/wheel.h"

struct uses {
    struct list_node fresh; /* of struct known_key: control does not know of their last use */
    struct timer timer;
    uint64_t next_ms; /* no mail before */
    struct mail_uses mail;
    bool is_out;
};

struct shard;

void uses_init(struct uses *uses);

/* The key let somebody in. */
void uses_note(struct shard *shard, struct known_key *known, uint64_t wall_ms);

/* The mail came back. */
void uses_taken(struct shard *shard);

/* Tells what there is without waiting. True: control has heard of all. */
bool uses_flush(struct shard *shard);

#endif
