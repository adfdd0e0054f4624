/* The retries that may go while first attempts wait: never more than their share in any stretch of
 * time, never fewer than could go, and none for ever in waiting. */
#include "retry_budget.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <signal.h>

#define SECOND UINT64_C(1000000000)

static struct retry_budget budget;

static void start(void)
{
    retry_budget_init(&budget, 1, SECOND);
}

TestSuite(retry_budget, .init = start);

static unsigned spend(uint64_t now_ns)
{
    unsigned count = 0;
    for (; retry_budget_wait_ns(&budget, now_ns) == 0; count++)
        retry_budget_retry(&budget, now_ns);
    return count;
}

Test(retry_budget, begins_full)
{
    cr_assert(eq(u32, spend(SECOND), RETRY_BUDGET_MAX));
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, SECOND), SECOND));
}

Test(retry_budget, is_paid_for_by_first_attempts)
{
    spend(SECOND);
    for (unsigned i = 1; i <= 8; i++) {
        retry_budget_first(&budget);
        cr_assert(eq(u32, spend(SECOND), i % RETRY_BUDGET_FIRSTS == 0), "after %u", i);
    }
    retry_budget_first(&budget);
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, SECOND), SECOND / 4 * 3));
}

Test(retry_budget, is_paid_for_by_time_alone)
{
    spend(SECOND);
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, 2 * SECOND - 1), 1));
    cr_assert(eq(u32, spend(2 * SECOND), 1));
    cr_assert(eq(u32, spend(4 * SECOND + SECOND / 2), 2));
    cr_assert(eq(u32, spend(5 * SECOND), 1), "halves are kept");
}

Test(retry_budget, does_not_save_up)
{
    for (unsigned i = 0; i < 1000; i++)
        retry_budget_first(&budget);
    cr_assert(eq(u32, spend(SECOND), RETRY_BUDGET_MAX));
    cr_assert(eq(u32, spend(UINT64_MAX), RETRY_BUDGET_MAX));
}

Test(retry_budget, makes_no_debt_of_retries_that_were_in_nobodys_way)
{
    for (unsigned i = 0; i < 1000; i++)
        retry_budget_retry(&budget, SECOND);
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, SECOND), SECOND));
}

Test(retry_budget, pays_nothing_while_the_clock_stands_still_or_goes_back)
{
    spend(9 * SECOND);
    for (unsigned i = 0; i < 100; i++)
        cr_assert(eq(u64, retry_budget_wait_ns(&budget, 9 * SECOND), SECOND));
    retry_budget_retry(&budget, 0);
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, 0), SECOND));
    cr_assert(eq(u32, spend(10 * SECOND), 1));
}

Test(retry_budget, takes_any_floor_there_is)
{
    retry_budget_init(&budget, UINT_MAX, UINT64_MAX);
    cr_assert(eq(u32, spend(UINT64_MAX), RETRY_BUDGET_MAX));
    retry_budget_init(&budget, UINT_MAX, 0);
    spend(0);
    cr_assert(eq(u64, retry_budget_wait_ns(&budget, 0), 1));
}

Test(retry_budget, needs_a_floor, .signal = SIGABRT)
{
    retry_budget_init(&budget, 0, 0);
}

/* ---- against a log of everything ---- */

enum { SEED = 41, ROUNDS = 150, STEPS = 600 };

static struct {
    uint64_t at_ns;
    bool is_retry;
} past[STEPS];
static unsigned past_size;

/* Is there enough for a retry, in every stretch of time that began with one and ends now? */
static bool may_retry(uint64_t price_ns, uint64_t now_ns)
{
    int64_t left_ns = (int64_t)(RETRY_BUDGET_MAX * price_ns);
    for (unsigned i = past_size; i-- > 0;) {
        left_ns += past[i].is_retry ? -(int64_t)price_ns : (int64_t)(price_ns / 4);
        if (past[i].is_retry && left_ns + (int64_t)(now_ns - past[i].at_ns) < (int64_t)price_ns)
            return false;
    }
    return true;
}

static void note(bool is_retry, uint64_t now_ns)
{
    past[past_size].at_ns = now_ns;
    past[past_size++].is_retry = is_retry;
    if (is_retry)
        retry_budget_retry(&budget, now_ns);
    else
        retry_budget_first(&budget);
}

Test(retry_budget, agrees_with_a_log_of_every_attempt)
{
    static const unsigned floors[] = {1, 2, 5, 10, 100};
    for (uint64_t seed = SEED; seed < SEED + ROUNDS; seed++) {
        struct random chance;
        random_init(&chance, seed);
        unsigned floor = floors[random_below(&chance, 5)];
        uint64_t price_ns = SECOND / floor, now_ns = random_below(&chance, SECOND);
        uint64_t busy = 1 + random_below(&chance, 8);
        past_size = 0;
        retry_budget_init(&budget, floor, now_ns);
        for (unsigned step = 0; step < STEPS; step++) {
            uint64_t wait_ns = retry_budget_wait_ns(&budget, now_ns);
            cr_assert(eq(int, may_retry(price_ns, now_ns), wait_ns == 0), "seed %llu step %u",
                      (unsigned long long)seed, step);
            cr_assert(wait_ns <= price_ns, "time alone is enough");
            cr_assert(may_retry(price_ns, now_ns + wait_ns));
            cr_assert(not(wait_ns > 0 && may_retry(price_ns, now_ns + wait_ns - 1)));
            if (random_below(&chance, busy))
                note(false, now_ns);
            else if (wait_ns == 0)
                note(true, now_ns);
            if (random_below(&chance, 4) == 0)
                now_ns += random_below(&chance, 2) ? wait_ns : random_below(&chance, 2 * price_ns);
        }
    }
    cr_log_info("seeds %d to %d", SEED, SEED + ROUNDS - 1);
}
