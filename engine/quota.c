/* quota.c - see quota.h.
 *
 * That the bucket has at most the burst less what is out is kept by throttle_hold(): tokens that
 * are out count, at every moment, as if they had been taken just now. When they are known to be
 * used this ends, and the bucket fills up from where it is.
 */
#include "quota.h"

#include <errno.h>
#include <stdlib.h>

int quota_open(struct quota *quota, unsigned shards)
{
    *quota = (struct quota){.shards = shards};
    quota->out_of = calloc(shards, sizeof *quota->out_of);
    return quota->out_of ? 0 : -ENOMEM;
}

void quota_close(struct quota *quota)
{
    free(quota->out_of);
    *quota = (struct quota){0};
}

void quota_change(struct quota *quota, struct throttle_rate rate, uint64_t now_ns)
{
    throttle_hold(&quota->throttle, quota->out, now_ns);
    throttle_change(&quota->throttle, rate, now_ns);
}

uint64_t quota_take(struct quota *quota, unsigned count, uint64_t now_ns)
{
    throttle_hold(&quota->throttle, quota->out, now_ns);
    return throttle_take(&quota->throttle, count, now_ns);
}

void quota_give(struct quota *quota, unsigned count, uint64_t now_ns)
{
    throttle_give(&quota->throttle, count, now_ns);
}

/* What was out before a limit began is not known here. */
static unsigned settle(struct quota *quota, unsigned shard, unsigned count)
{
    if (count > quota->out_of[shard])
        count = quota->out_of[shard];
    quota->out_of[shard] -= count;
    quota->out -= count;
    return count;
}

/* Some more than is needed, so that not every event asks: half of what the shard's part of the rate
 * gives while a lease may last, and no more than its part of what is left. */
static unsigned extra(const struct quota *quota, unsigned left)
{
    double share = throttle_per_second(&quota->throttle) * QUOTA_LEASE_MS / 1000 / 2;
    unsigned by_rate = (unsigned)(share / quota->shards), by_stock = left / quota->shards;
    return by_rate < by_stock ? by_rate : by_stock;
}

static unsigned grant_of(const struct quota *quota, const struct quota_ask *ask, unsigned left)
{
    if (ask->need == 0 || ask->first > left)
        return 0;
    return ask->need > left ? left : ask->need + extra(quota, left - ask->need);
}

struct quota_grant quota_answer(struct quota *quota, unsigned shard, const struct quota_ask *ask,
                                uint64_t now_ns)
{
    struct quota_grant grant;
    throttle_hold(&quota->throttle, quota->out, now_ns);
    settle(quota, shard, ask->used);
    throttle_give(&quota->throttle, settle(quota, shard, ask->returned), now_ns);

    grant.count = grant_of(quota, ask, throttle_left(&quota->throttle, now_ns));
    must(throttle_take(&quota->throttle, grant.count, now_ns) == 0);
    quota->out_of[shard] += grant.count;
    quota->out += grant.count;
    grant.view = quota->throttle;
    return grant;
}

/* ---- the other half ---- */

void lease_change(struct lease *lease, struct throttle_rate rate, uint64_t now_ns)
{
    throttle_change(&lease->view, rate, now_ns);
}

enum lease_result lease_take(struct lease *lease, unsigned count, uint64_t now_ns,
                             uint64_t *wait_ns)
{
    *wait_ns = 0;
    lease->was_used = true;
    if (count <= lease->held) {
        lease->held -= count;
        lease->used += count;
        return LEASE_TAKEN;
    }
    *wait_ns = throttle_wait_ns(&lease->view, count - lease->held, now_ns);
    return *wait_ns ? LEASE_REFUSED : LEASE_SHORT;
}

void lease_give(struct lease *lease, unsigned count)
{
    must(lease->used >= count);
    lease->used -= count;
    lease->held += count;
}

struct quota_ask lease_ask(struct lease *lease)
{
    struct quota_ask ask = {.used = lease->used};
    lease->used = 0;
    return ask;
}

void lease_granted(struct lease *lease, const struct quota_grant *grant)
{
    lease->held += grant->count;
    lease->view = grant->view;
}

bool lease_settle(struct lease *lease, bool all, struct quota_ask *ask)
{
    bool is_idle = all || !lease->was_used;
    lease->was_used = false;
    *ask = lease_ask(lease);
    if (is_idle) {
        ask->returned = lease->held;
        lease->held = 0;
    }
    return ask->used || ask->returned;
}
