/* retry_budget.h - how many retries may go while first attempts wait.
 *
 * An account: a retry costs one, a first attempt pays in RETRY_BUDGET_SHARE of one, and time pays
 * in `per_second`. It holds RETRY_BUDGET_MAX at most, so that a quiet hour buys no flood. So in any
 * stretch of time the retries that asked are at most a fifth of all attempts, and what time paid,
 * and RETRY_BUDGET_MAX; and none waits longer than for time alone to pay for it.
 *
 * It is asked only while first attempts wait; when none does, a retry is in nobody's way and may
 * go. It is told of each attempt in either case.
 *
 * Memory: none of its own. Time: of one clock, in ns, passed in.
 */
#ifndef ENGINE_RETRY_BUDGET_H
#define ENGINE_RETRY_BUDGET_H

#include <stdint.h>

enum {
    RETRY_BUDGET_FIRSTS = 4, /* first attempts that pay for a retry: it is one attempt in five */
    RETRY_BUDGET_MAX = 10,   /* retries */
};

/* What is in the account is told as the time that would have paid it in. */
struct retry_budget {
    uint64_t price_ns; /* of a retry */
    uint64_t held_ns;
    uint64_t seen_ns; /* up to when time has paid */
};

/* `per_second`, at least 1: the retries that may always go. The account is full. */
void retry_budget_init(struct retry_budget *budget, unsigned per_second, uint64_t now_ns);

/* 0: a retry may go now. Else how long to wait at most, in ns, until one may. */
uint64_t retry_budget_wait_ns(const struct retry_budget *budget, uint64_t now_ns);

/* A first attempt begins. */
void retry_budget_first(struct retry_budget *budget);

/* A retry begins, whether it had to ask or not. */
void retry_budget_retry(struct retry_budget *budget, uint64_t now_ns);

#endif
