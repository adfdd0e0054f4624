/* turns.h - who sends next: deficit round robin over the endpoints of a shard.
 *
 * An endpoint that may send is on the ring. For each turn it is given a quantum of credit, and
 * begins attempts for as long as that lasts: an attempt costs one, and one for each KiB of its
 * body. So one with a long queue, or with large events, delays no other by more than its turn.
 *
 * All of a shard's attempts are shared. One endpoint has at most a fourth of what is free, but
 * always a few, so however many hang there is something left; and those that have not proven that
 * their receiver answers have half of all together, so that they leave the rest to the others.
 */
#ifndef ENGINE_TURNS_H
#define ENGINE_TURNS_H

#include "base/list.h"

#include <stdbool.h>

struct endpoint;
struct shard;

struct turns {
    struct list_node ring;    /* endpoints that may send, the next one first */
    struct list_node held;    /* would be on it, but too many doubtful attempts are on their way */
    struct list_node starved; /* likewise, but for the next body there is no memory for now */
    unsigned doubtful;        /* attempts on their way */
};

void turns_init(struct turns *turns);

/* The endpoint may send: it takes its place at the end, if it has none. */
void turns_join(struct shard *shard, struct endpoint *endpoint);
void turns_leave(struct endpoint *endpoint);

/* A doubtful attempt has ended, or begun. */
void turns_doubt(struct shard *shard, bool has_begun);

/* How many attempts an endpoint may have on their way. */
unsigned turns_share(const struct shard *shard);

/* Begins attempts until nothing can be sent. */
void turns_dispatch(struct shard *shard);

#endif
