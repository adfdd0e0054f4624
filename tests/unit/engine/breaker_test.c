/* The breaker's states, one at a time, and then all of it against a model that recomputes
 * everything from the full history. */
#include "breaker.h"

#include "base/random.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

static const struct breaker_settings standard = {.window_ms = 30000,
                                                 .min_attempts = 10,
                                                 .failure_rate = 0.5,
                                                 .cooldown_ms = 10000,
                                                 .max_cooldown_ms = 60000};
static struct breaker breaker;
static struct random chance;
static uint64_t now_ms;

static void start(void)
{
    random_init(&chance, 5);
    now_ms = 1000;
    breaker_init(&breaker, &standard, now_ms);
}

TestSuite(breaker, .init = start);

static enum breaker_change attempt(enum breaker_result result)
{
    uint32_t ticket;
    breaker_begin(&breaker, now_ms, &ticket);
    return breaker_end(&breaker, ticket, result, now_ms, &chance);
}

/* Opens it, and waits until the cool-down is over. */
static void open_and_cool_down(void)
{
    while (breaker.state != BREAKER_OPEN)
        attempt(BREAKER_UNREACHABLE);
    now_ms = breaker_ready_ms(&breaker);
}

Test(breaker, opens_at_its_failure_rate)
{
    for (int i = 0; i < 5; i++)
        cr_assert(eq(int, attempt(BREAKER_SUCCESS), BREAKER_SAME));
    for (int i = 0; i < 4; i++)
        cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_SAME));
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
    cr_assert(eq(int, breaker.state, BREAKER_OPEN));
    cr_assert(not(breaker_allows(&breaker, now_ms)));
}

Test(breaker, opens_when_nothing_answers)
{
    for (int i = 0; i < BREAKER_UNREACHABLE_MAX - 1; i++)
        cr_assert(eq(int, attempt(BREAKER_UNREACHABLE), BREAKER_SAME));
    cr_assert(eq(int, attempt(BREAKER_UNREACHABLE), BREAKER_OPENED));
}

Test(breaker, sends_one_probe_at_a_time_and_closes_after_three)
{
    uint32_t ticket;
    open_and_cool_down();
    for (int i = 0; i < BREAKER_PROBES; i++) {
        cr_assert(breaker_allows(&breaker, now_ms));
        cr_assert(eq(int, breaker_begin(&breaker, now_ms, &ticket),
                     i == 0 ? BREAKER_HALF_OPENED : BREAKER_SAME));
        cr_assert(breaker_is_probe(&breaker, ticket));
        cr_assert(eq(u64, breaker_ready_ms(&breaker), BREAKER_NEVER));
        cr_assert(eq(int, breaker_end(&breaker, ticket, BREAKER_SUCCESS, now_ms, &chance),
                     i == BREAKER_PROBES - 1 ? BREAKER_CLOSED_AGAIN : BREAKER_SAME));
    }
    cr_assert(eq(int, breaker.state, BREAKER_CLOSED));
}
