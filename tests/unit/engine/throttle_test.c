/* The throttle against its promise: never more than the rate and the burst in any stretch of time,
 * and never less than could be given. The model keeps every token and looks at every stretch. */
#include "throttle.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>

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
