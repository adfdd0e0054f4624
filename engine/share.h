/* share.h - one shard's part in one durable block of events, which may be another shard's.
 *
 * The owner offers the share with MAIL_BLOCK and gets two answers: MAIL_RELEASED when the block's
 * bytes are not read here any more, MAIL_SETTLED when each of its deliveries here has a durable
 * trace. The share belongs to the receiver until it has sent both. Walking its records makes the
 * deliveries, and pauses when there is no room for their outcomes.
 */
#ifndef ENGINE_SHARE_H
#define ENGINE_SHARE_H

#include "base/list.h"
#include "mailbox.h"

#include "base/slice.h"

struct shard;
struct event_block;

struct block_share {
    struct mail mail, released, settled;
    struct event_block *block;
    struct list_node link;    /* in the receiver's list of shares still to be walked */
    struct slice rest;        /* records not walked yet */
    uint32_t subscription_at; /* within the next record */
    uint32_t reading;         /* deliveries that need the block's bytes */
    uint32_t unsettled;       /* deliveries without a durable trace */
    bool wanted;              /* the block has deliveries for this shard */
    bool walked, is_released, is_settled;
};

/* A share has come; and going on with those that could not be walked at once. */
void share_take(struct shard *shard, struct block_share *share);
void share_walk_all(struct shard *shard);

/* A delivery begins, and ends, to need the block's bytes. */
void share_hold(struct block_share *share);
void share_release(struct shard *shard, struct block_share *share);

/* `count` of the share's deliveries have a durable trace now. */
void share_settled(struct shard *shard, struct block_share *share, uint32_t count);

#endif
