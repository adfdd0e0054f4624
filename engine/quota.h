/* quota.h - a limit of so many per second that several threads use without sharing memory.
 *
 * One of them, the home, has the bucket (throttle.h): the quota. Each other has a lease: tokens
 * that it got from the quota and may use without a word to anybody. It asks for more when they are
 * used up, says then how many it has used, and gives back what it has not used for a while.
 *
 * Tokens come to be in the bucket alone, at per_second; and the bucket never has more of them than
 * the burst less what is out. So there are at no moment more than `burst` of them anywhere, and:
 *
 * 1. In any stretch of time, of whatever length w, at most per_second * w + burst are used, by all
 *    together. A lease loosens nothing; it may keep tokens from where they are wanted, until it
 *    gives them back.
 * 2. A word that is late or old makes less available, never more.
 *
 * Both halves are plain data of one thread each. Time: of one clock, in ns, passed in.
 */
#ifndef ENGINE_QUOTA_H
#define ENGINE_QUOTA_H

#include "base/must.h"
#include "throttle.h"

#include <stdbool.h>

enum { QUOTA_LEASE_MS = 100 }; /* how long a lease may lie unused */

/* From a lease to the quota. */
struct quota_ask {
    unsigned used, returned; /* since the last word */
    unsigned first, need;    /* what the first that waits needs, and all of them */
};

/* And back. */
struct quota_grant {
    unsigned count;
    struct throttle view; /* the bucket as it is after this */
};

struct quota {
    struct throttle throttle;
    unsigned shards, out; /* tokens not known to be used, with all and with each */
    unsigned *out_of;
};

/* 0 or -ENOMEM. It has no limit before quota_change(). */
MUST_CHECK int quota_open(struct quota *quota, unsigned shards);
void quota_close(struct quota *quota);

void quota_change(struct quota *quota, struct throttle_rate rate, uint64_t now_ns);

/* For the home itself: as throttle_take(). What was taken and not used may be given back at once.
 */
uint64_t quota_take(struct quota *quota, unsigned count, uint64_t now_ns);
void quota_give(struct quota *quota, unsigned count, uint64_t now_ns);

/* Answers for a lease: with all that is needed and perhaps some more; or with what there is, if
 * that is enough for the first; or with nothing. */
struct quota_grant quota_answer(struct quota *quota, unsigned shard, const struct quota_ask *ask,
                                uint64_t now_ns);

struct lease {
    unsigned held, used; /* used since the last ask */
    bool was_used;       /* since the last lease_settle() */
    struct throttle view;
};

void lease_change(struct lease *lease, struct throttle_rate rate, uint64_t now_ns);

enum lease_result {
    LEASE_TAKEN,
    LEASE_REFUSED, /* the quota would refuse it too: see wait_ns */
    LEASE_SHORT,   /* the quota has to be asked */
};

/* Takes `count` tokens or none. `wait_ns`: as that of throttle_take(). */
enum lease_result lease_take(struct lease *lease, unsigned count, uint64_t now_ns,
                             uint64_t *wait_ns);

/* Puts back what was just taken, before any ask. */
void lease_give(struct lease *lease, unsigned count);

/* What to tell the quota; the caller adds what is needed. */
struct quota_ask lease_ask(struct lease *lease);
void lease_granted(struct lease *lease, const struct quota_grant *grant);

/* Now and then, and when nobody waits any more: what to tell the quota if there is anything; what
 * has not been used since the last time, or (`all`) whatever is held, goes back. */
bool lease_settle(struct lease *lease, bool all, struct quota_ask *ask);

#endif
