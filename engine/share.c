/* share.c - see share.h. */
#include "share.h"

#include "arrival.h"
#include "shard.h"

static void answer(struct shard *shard, struct block_share *share, struct mail *mail)
{
    unsigned owner = share->block->journal.block.shard;
    if (owner != shard->number)
        crew_post(shard->crew, shard->number, owner, mail);
    else if (mail == &share->released)
        intake_released(shard, share);
    else
        intake_settled(shard, share);
}

/* Tells the block's owner what it waits for. The share may be gone after the second answer. */
static void check(struct shard *shard, struct block_share *share)
{
    if (!share->walked)
        return;
    bool release = share->reading == 0 && !share->is_released;
    bool settle = share->unsettled == 0 && !share->is_settled;
    share->is_released |= release;
    share->is_settled |= settle;
    if (release)
        answer(shard, share, &share->released);
    if (settle)
        answer(shard, share, &share->settled);
}

void share_settled(struct shard *shard, struct block_share *share, uint32_t count)
{
    must(share->unsettled >= count);
    share->unsettled -= count;
    check(shard, share);
}

void share_hold(struct block_share *share)
{
    share->reading++;
}

void share_release(struct shard *shard, struct block_share *share)
{
    must(share->reading > 0);
    share->reading--;
    check(shard, share);
}

/* False: no room to go on. */
static bool walk_record(struct shard *shard, struct block_share *share, struct slice record)
{
    struct event_record event;
    must(event_record_decode(record, &event) == 0);
    if (event.duplicate)
        return true;
    while (share->subscription_at < event.subscription_count) {
        const struct id *subscription = &event.subscriptions[share->subscription_at];
        if (keys_home(subscription, shard->crew->shards) == shard->number) {
            if (!outcomes_have_room(shard))
                return false;
            if (!arrival_take(shard, share, record, &event, subscription))
                return false;
        }
        share->subscription_at++;
    }
    share->subscription_at = 0;
    return true;
}

static void walk(struct shard *shard, struct block_share *share)
{
    struct slice record;
    struct slice rest = share->rest;
    while (block_next(&rest, &record)) {
        if (!walk_record(shard, share, record)) {
            if (!list_is_linked(&share->link))
                list_push_back(&shard->deliveries.shares, &share->link);
            return;
        }
        share->rest = rest;
    }
    list_remove(&share->link);
    share->walked = true;
    check(shard, share);
}

void share_take(struct shard *shard, struct block_share *share)
{
    if (list_is_linked(&shard->deliveries.shares))
        list_push_back(&shard->deliveries.shares, &share->link); /* in order */
    else
        walk(shard, share);
}

void share_walk_all(struct shard *shard)
{
    while (list_is_linked(&shard->deliveries.shares) && outcomes_have_room(shard))
        walk(shard, container_of(shard->deliveries.shares.next, struct block_share, link));
}
