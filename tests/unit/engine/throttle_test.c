/* The throttle against its promise: never more than the rate and the burst in any stretch of time,
 * and never less than could be given. The model keeps every token and looks at every stretch. */
#include "throttle.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <math.h>
#include <signal.h>

#define SECOND UINT64_C(1000000000)

static struct throttle throttle;

static void set(double per_second, unsigned burst)
{
    throttle_init(&throttle, (struct throttle_rate){per_second, burst});
}

Test(throttle, does_not_limit_without_a_rate)
{
    set(0, 0);
    cr_assert(eq(u64, throttle_take(&throttle, UINT_MAX, 0), 0));
    cr_assert(eq(u64, throttle_wait_ns(&throttle, UINT_MAX, UINT64_MAX), 0));
    cr_assert(eq(u32, throttle_left(&throttle, 5), UINT_MAX));
}

Test(throttle, gives_its_burst_at_once_and_then_one_an_interval)
{
    set(10, 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(eq(u32, throttle_left(&throttle, SECOND), 3 - i));
        cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND), 0));
    }
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND), SECOND / 10));
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND + SECOND / 10 - 1), 1));
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND + SECOND / 10), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND + SECOND / 10), SECOND / 10));
}

Test(throttle, peeks_without_taking)
{
    set(1, 2);
    for (unsigned i = 0; i < 10; i++)
        cr_assert(eq(u64, throttle_wait_ns(&throttle, 2, 7), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 2, 7), 0));
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 2, 7), 2 * SECOND));
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, 7), SECOND));
}

Test(throttle, never_gives_more_at_once_than_its_burst)
{
    set(1000, 5);
    cr_assert(eq(u64, throttle_take(&throttle, 6, SECOND), THROTTLE_NEVER));
    cr_assert(eq(u64, throttle_take(&throttle, UINT_MAX, UINT64_MAX), THROTTLE_NEVER));
    cr_assert(eq(u64, throttle_take(&throttle, 5, SECOND), 0), "what was refused took nothing");
}

Test(throttle, takes_back_what_was_not_used)
{
    set(1, 5);
    cr_assert(eq(u64, throttle_take(&throttle, 4, SECOND), 0));
    throttle_give(&throttle, 3, SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, SECOND), 4));
    throttle_give(&throttle, 3, 2 * SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, 2 * SECOND), 5), "never more than its burst");
}

Test(throttle, holds_back_tokens_however_long_they_are_out)
{
    set(1, 5);
    throttle_hold(&throttle, 3, SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, SECOND), 2));
    throttle_hold(&throttle, 3, 100 * SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, 100 * SECOND), 2));
    throttle_hold(&throttle, 1, 100 * SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, 100 * SECOND), 2), "what was taken stays taken");
    throttle_hold(&throttle, 9, 100 * SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, 100 * SECOND), 0), "more than the burst is out");
}

Test(throttle, tells_its_rate)
{
    set(0, 0);
    cr_assert(ieee_ulp_eq(dbl, throttle_per_second(&throttle), 0, 1));
    set(8, 1);
    cr_assert(epsilon_eq(dbl, throttle_per_second(&throttle), 8, 1e-6));
}

Test(throttle, needs_a_burst, .signal = SIGABRT)
{
    set(1, 0);
}

Test(throttle, needs_a_rate_that_it_can_count, .signal = SIGABRT)
{
    set(THROTTLE_SLOWEST / 2, 1);
}

Test(throttle, refuses_what_is_no_number, .signal = SIGABRT)
{
    set(NAN, 1);
}

Test(throttle, refuses_what_is_endless, .signal = SIGABRT)
{
    set(INFINITY, 1);
}

Test(throttle, takes_the_slowest_rate_and_the_fastest)
{
    set(THROTTLE_SLOWEST, 1);
    cr_assert(eq(u64, throttle.interval, UINT64_C(16777215999999999651)),
              "0.001 is a little more than that as a double");
    set(THROTTLE_FASTEST, 1);
    cr_assert(eq(u64, throttle.interval, 16778), "16777.216, rounded up");
}

Test(throttle, tells_how_many_are_left)
{
    set(4, 8);
    cr_assert(eq(u64, throttle_take(&throttle, 8, SECOND), 0));
    cr_assert(eq(u32, throttle_left(&throttle, SECOND), 0));
    cr_assert(eq(u32, throttle_left(&throttle, SECOND + SECOND / 4 - 1), 0));
    cr_assert(eq(u32, throttle_left(&throttle, SECOND + SECOND / 4), 1));
    cr_assert(eq(u32, throttle_left(&throttle, 2 * SECOND), 4));
    cr_assert(eq(u32, throttle_left(&throttle, 3 * SECOND), 8));
    cr_assert(eq(u32, throttle_left(&throttle, UINT64_MAX), 8));
}

Test(throttle, gives_nothing_more_while_the_clock_stands_still)
{
    set(1000000, 10);
    cr_assert(eq(u64, throttle_take(&throttle, 10, 12345), 0));
    for (unsigned i = 0; i < 1000; i++)
        cr_assert(eq(u64, throttle_take(&throttle, 1, 12345), 1000));
    cr_assert(eq(u64, throttle_take(&throttle, 1, 13345), 0), "refusals cost nothing");
}

Test(throttle, gives_nothing_more_if_the_clock_goes_back)
{
    set(10, 2);
    cr_assert(eq(u64, throttle_take(&throttle, 2, 100 * SECOND), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 1, 90 * SECOND), 10 * SECOND + SECOND / 10));
    cr_assert(eq(u64, throttle_take(&throttle, 1, 100 * SECOND + SECOND / 10), 0));
}

Test(throttle, counts_in_centuries_without_wrapping)
{
    const unsigned many = 20 * 1000 * 1000;
    set(1.0 / 512, UINT_MAX);
    cr_assert(eq(u64, throttle_take(&throttle, many, 0), 0), "is paid for after 324 years");
    cr_assert(eq(u64, throttle_take(&throttle, many, 0), THROTTLE_NEVER), "the clock ends before");
    cr_assert(eq(u64, throttle_wait_ns(&throttle, many, 0), THROTTLE_NEVER));
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, 0), 0));
    cr_assert(eq(u64, throttle.paid_ns, many * (512 * SECOND)));
    cr_assert(eq(u32, throttle_left(&throttle, 0), UINT_MAX - many));
}

Test(throttle, holds_what_it_can_at_the_end_of_the_clock)
{
    set(1, 5);
    throttle_hold(&throttle, 5, UINT64_MAX - SECOND);
    cr_assert(eq(u32, throttle_left(&throttle, UINT64_MAX - SECOND), 4));
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 5, UINT64_MAX - SECOND), SECOND));
}

Test(throttle, gives_nothing_that_the_clock_cannot_see_paid)
{
    set(1, 5);
    cr_assert(eq(u64, throttle_take(&throttle, 5, UINT64_MAX - 6 * SECOND), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 1, UINT64_MAX - 5 * SECOND), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 1, UINT64_MAX), THROTTLE_NEVER));
    cr_assert(eq(u64, throttle_take(&throttle, 5, UINT64_MAX), THROTTLE_NEVER));
}

/* With a burst of one there is: what is lost to whole nanoseconds must not be made up for. */
Test(throttle, does_not_drift)
{
    static const double rates[] = {3, 7, 0.3, 999983, 123456.789, 0.01};
    for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        enum { TOKENS = 200000 };
        uint64_t now_ns = 5 * SECOND;
        set(rates[i], 2);
        throttle_take(&throttle, 1, now_ns);
        for (unsigned k = 0; k < TOKENS; k++) {
            now_ns += throttle_wait_ns(&throttle, 1, now_ns);
            cr_assert(eq(u64, throttle_take(&throttle, 1, now_ns), 0));
        }
        long double ideal_ns = (TOKENS - 1) * 1e9L / (long double)rates[i];
        long double late_ns = (long double)(now_ns - 5 * SECOND) - ideal_ns;
        cr_assert(late_ns >= 0 && late_ns <= 1 + ideal_ns / 1e10L, "%g/s: %Lg ns late", rates[i],
                  late_ns);
    }
}

/* ---- another rate ---- */

static void change(double per_second, unsigned burst, uint64_t now_ns)
{
    throttle_change(&throttle, (struct throttle_rate){per_second, burst}, now_ns);
}

Test(throttle, is_as_it_was_after_a_change_to_the_same)
{
    set(3, 1000000);
    throttle_take(&throttle, 999999, SECOND + 1);
    struct throttle before = throttle;
    for (unsigned i = 0; i < 100; i++)
        change(3, 1000000, SECOND + 2 + i);
    cr_assert(eq(u64, throttle.paid_ns, before.paid_ns));
    cr_assert(eq(u32, throttle.paid_part, before.paid_part));
}

Test(throttle, pays_what_is_owed_at_the_new_rate)
{
    set(0.01, 10);
    throttle_take(&throttle, 10, SECOND);
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, SECOND), 100 * SECOND));
    change(1000, 10, SECOND);
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, SECOND), SECOND / 1000));
    change(1, 10, SECOND);
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, SECOND), SECOND));
}

Test(throttle, owes_no_more_than_a_smaller_burst)
{
    set(10, 1000);
    throttle_take(&throttle, 1000, SECOND);
    change(10, 2, SECOND);
    cr_assert(eq(u64, throttle_wait_ns(&throttle, 1, SECOND), SECOND / 10));
}

Test(throttle, forgets_what_was_owed_while_there_is_no_limit)
{
    set(1, 1);
    throttle_take(&throttle, 1, SECOND);
    change(0, 0, SECOND);
    cr_assert(eq(u64, throttle_take(&throttle, 100, SECOND), 0));
    change(1, 1, SECOND);
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND), 0));
    cr_assert(eq(u64, throttle_take(&throttle, 1, SECOND), SECOND));
}

/* ---- against a log of all that was taken ---- */

enum { SEED = 3, ROUNDS = 150, STEPS = 400 };

__extension__ typedef unsigned __int128 u128;

/* A rate of `over` / `under`, which a double can hold because `under` is a power of two. */
struct model {
    uint64_t over, under;
    unsigned burst;
    struct {
        uint64_t at_ns;
        unsigned count;
    } log[STEPS];
    unsigned size;
};

static struct model model;

/* Would `count` tokens more be too many in any stretch of time that began with a token and ends
 * now? */
static bool may_take(unsigned count, uint64_t now_ns)
{
    u128 sum = count;
    if (count > model.burst)
        return false;
    for (unsigned i = model.size; i-- > 0;) {
        u128 earned = (u128)(now_ns - model.log[i].at_ns) * model.over;
        sum += model.log[i].count;
        if (sum > model.burst && (sum - model.burst) * model.under * SECOND > earned)
            return false;
    }
    return true;
}

static void draw_rate(struct random *chance)
{
    model.size = 0;
    model.under = UINT64_C(1) << random_below(chance, 8);
    model.over = 1 + random_below(chance, UINT64_C(1) << random_below(chance, 21));
    model.burst = 1 + (unsigned)random_below(chance, UINT64_C(1) << random_below(chance, 10));
    set((double)model.over / (double)model.under, model.burst);
}

Test(throttle, has_the_shortest_interval_that_is_not_faster)
{
    struct random chance;
    random_init(&chance, SEED);
    for (unsigned i = 0; i < 100000; i++) {
        draw_rate(&chance);
        u128 exact = (u128)model.under * SECOND << 24; /* times `over` */
        bool is_too_fast = (u128)throttle.interval * model.over < exact;
        bool is_too_slow = (u128)(throttle.interval - 1) * model.over >= exact;
        cr_assert(not(is_too_fast), "step %u", i);
        cr_assert(not(is_too_slow), "step %u", i);
    }
    cr_log_info("seed %d", SEED);
}

/* Often for the very moment at which something may change. */
static uint64_t draw_pause(struct random *chance, uint64_t wait_ns)
{
    uint64_t interval_ns = SECOND * model.under / model.over;
    switch (random_below(chance, 6)) {
    case 0:
        return 0;
    case 1:
        return random_below(chance, 2 * interval_ns + 1);
    case 2:
        return random_below(chance, interval_ns * model.burst + 1);
    case 3:
        return wait_ns == THROTTLE_NEVER || wait_ns == 0 ? 1 : wait_ns - 1;
    default:
        return wait_ns == THROTTLE_NEVER ? interval_ns : wait_ns;
    }
}

static void check_wait(unsigned count, uint64_t now_ns, uint64_t wait_ns, uint64_t seed)
{
    if (count > model.burst) {
        cr_assert(eq(u64, wait_ns, THROTTLE_NEVER), "seed %llu", (unsigned long long)seed);
        return;
    }
    cr_assert(may_take(count, now_ns + wait_ns), "seed %llu: too soon", (unsigned long long)seed);
    cr_assert(not(wait_ns > 1 && may_take(count, now_ns + wait_ns - 2)), "seed %llu: too late",
              (unsigned long long)seed);
}

Test(throttle, agrees_with_a_log_of_every_token)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct random chance;
        uint64_t seed = SEED + round;
        random_init(&chance, seed);
        draw_rate(&chance);
        uint64_t now_ns = random_below(&chance, UINT64_C(1) << 40);
        for (unsigned step = 0; step < STEPS; step++) {
            unsigned count =
                1 +
                (unsigned)(random_below(&chance, 4) ? 0 : random_below(&chance, model.burst + 2));
            uint64_t wait_ns = throttle_wait_ns(&throttle, count, now_ns);
            check_wait(count, now_ns, wait_ns, seed);
            cr_assert(eq(u64, throttle_take(&throttle, count, now_ns), wait_ns));
            if (wait_ns == 0) {
                model.log[model.size].at_ns = now_ns;
                model.log[model.size++].count = count;
            }
            now_ns += draw_pause(&chance, wait_ns);
        }
    }
    cr_log_info("seeds %d to %d", SEED, SEED + ROUNDS - 1);
}
