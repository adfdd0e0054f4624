/* retry_budget.c - see retry_budget.h. */
#include "retry_budget.h"

#include "base/must.h"

#define SECOND_NS UINT64_C(1000000000)

/* What is in the account with `more` paid in. */
static uint64_t held_with(const struct retry_budget *budget, uint64_t more_ns)
{
    uint64_t room_ns = budget->price_ns * RETRY_BUDGET_MAX - budget->held_ns;
    return budget->held_ns + (more_ns < room_ns ? more_ns : room_ns);
}

static uint64_t held_at(const struct retry_budget *budget, uint64_t now_ns)
{
    return held_with(budget, now_ns > budget->seen_ns ? now_ns - budget->seen_ns : 0);
}

void retry_budget_init(struct retry_budget *budget, unsigned per_second, uint64_t now_ns)
{
    must(per_second > 0);
    uint64_t price_ns = (SECOND_NS + per_second - 1) / per_second;
    *budget = (struct retry_budget){price_ns, price_ns * RETRY_BUDGET_MAX, now_ns};
}

uint64_t retry_budget_wait_ns(const struct retry_budget *budget, uint64_t now_ns)
{
    uint64_t held_ns = held_at(budget, now_ns);
    return held_ns < budget->price_ns ? budget->price_ns - held_ns : 0;
}

void retry_budget_first(struct retry_budget *budget)
{
    budget->held_ns = held_with(budget, budget->price_ns / RETRY_BUDGET_FIRSTS);
}

void retry_budget_retry(struct retry_budget *budget, uint64_t now_ns)
{
    uint64_t held_ns = held_at(budget, now_ns);
    budget->held_ns = held_ns > budget->price_ns ? held_ns - budget->price_ns : 0;
    if (now_ns > budget->seen_ns)
        budget->seen_ns = now_ns;
}
