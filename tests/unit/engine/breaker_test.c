/* The breaker's states and arrows, one at a time. breaker_model_test.c has all of it at once. */
#include "breaker.h"

#include "base/random.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <limits.h>
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

static void attempts(unsigned count, enum breaker_result result)
{
    while (count-- > 0)
        cr_assert(eq(int, attempt(result), BREAKER_SAME));
}

static void close_again(void)
{
    while (attempt(BREAKER_SUCCESS) != BREAKER_CLOSED_AGAIN)
        ;
}

static uint64_t cooldown_ms(void)
{
    cr_assert(eq(int, breaker.state, BREAKER_OPEN));
    return breaker_ready_ms(&breaker) - now_ms;
}

static const char *explain(void)
{
    static char printed[64];
    struct text text;
    text_init(&text, printed, sizeof printed - 1);
    breaker_explain(&breaker, &text);
    printed[text.size] = '\0';
    return printed;
}

/* ---- closed ---- */

Test(breaker, opens_at_its_failure_rate_and_not_before)
{
    attempts(5, BREAKER_SUCCESS);
    attempts(4, BREAKER_FAILURE);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
    cr_assert(eq(int, breaker.state, BREAKER_OPEN));
    cr_assert(eq(u64, breaker.since_ms, now_ms));
    cr_assert(not(breaker_allows(&breaker, now_ms)));
    cr_assert_str_eq(explain(), "5 of 10 attempts failed within 30s");
}

Test(breaker, needs_enough_attempts_to_judge)
{
    attempts(9, BREAKER_FAILURE);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
}

Test(breaker, is_not_opened_by_a_success)
{
    attempts(9, BREAKER_FAILURE);
    attempts(1, BREAKER_SUCCESS);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
}

Test(breaker, judges_a_rate_as_it_is_written)
{
    static const double rates[] = {0.07, 0.29, 0.57, 0.58, 1};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct breaker_settings settings = standard;
        unsigned failures = (unsigned)(rates[i] * 100 + 0.5);
        settings.failure_rate = rates[i];
        settings.min_attempts = 100;
        breaker_init(&breaker, &settings, now_ms);
        attempts(100 - failures, BREAKER_SUCCESS);
        attempts(failures - 1, BREAKER_FAILURE);
        cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED), "%g", rates[i]);
    }
}

Test(breaker, forgets_what_is_older_than_its_window)
{
    attempts(9, BREAKER_FAILURE);
    now_ms += standard.window_ms;
    attempts(9, BREAKER_FAILURE);
    cr_assert(eq(u32, breaker.sum.attempts, 9));
    now_ms += standard.window_ms - standard.window_ms / BREAKER_BUCKETS;
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED), "nine tenths ago is in it");
}

Test(breaker, opens_when_nothing_answers)
{
    attempts(50, BREAKER_SUCCESS);
    attempts(BREAKER_UNREACHABLE_MAX - 1, BREAKER_UNREACHABLE);
    attempts(1, BREAKER_FAILURE);
    attempts(BREAKER_UNREACHABLE_MAX - 1, BREAKER_UNREACHABLE);
    attempts(1, BREAKER_SUCCESS);
    attempts(BREAKER_UNREACHABLE_MAX - 1, BREAKER_UNREACHABLE);
    cr_assert(eq(int, attempt(BREAKER_UNREACHABLE), BREAKER_OPENED), "any answer ends a row");
    cr_assert_str_eq(explain(), "5 attempts in a row had no answer");
}

Test(breaker, has_nothing_to_explain_at_first)
{
    cr_assert_str_eq(explain(), "");
    cr_assert_str_eq(breaker_state_name(breaker.state), "closed");
}

/* ---- open and half-open ---- */

Test(breaker, sends_one_probe_at_a_time_and_closes_after_three)
{
    uint32_t ticket;
    open_and_cool_down();
    cr_assert(not(breaker_allows(&breaker, now_ms - 1)));
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
    attempts(9, BREAKER_FAILURE);
}

Test(breaker, opens_again_for_a_probe_that_fails)
{
    open_and_cool_down();
    attempt(BREAKER_SUCCESS);
    cr_assert(eq(int, attempt(BREAKER_SUCCESS), BREAKER_SAME));
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
    cr_assert_str_eq(explain(), "a probe failed");
}

Test(breaker, allows_no_second_probe, .signal = SIGABRT)
{
    uint32_t ticket;
    open_and_cool_down();
    breaker_begin(&breaker, now_ms, &ticket);
    breaker_begin(&breaker, now_ms, &ticket);
}

Test(breaker, takes_a_probe_back_that_was_not_sent)
{
    uint32_t ticket;
    open_and_cool_down();
    breaker_begin(&breaker, now_ms, &ticket);
    breaker_cancel(&breaker, ticket);
    cr_assert(eq(int, breaker.state, BREAKER_HALF_OPEN));
    cr_assert(breaker_allows(&breaker, now_ms));
    close_again();
}

Test(breaker, counts_no_attempt_that_was_cancelled)
{
    uint32_t ticket;
    for (int i = 0; i < 100; i++) {
        breaker_begin(&breaker, now_ms, &ticket);
        breaker_cancel(&breaker, ticket);
    }
    cr_assert(eq(u32, breaker.sum.attempts, 0));
}

Test(breaker, heeds_nothing_that_began_in_another_state)
{
    uint32_t of_closed[3], probe;
    for (int i = 0; i < 3; i++)
        breaker_begin(&breaker, now_ms, &of_closed[i]);
    open_and_cool_down();
    cr_assert(eq(int, breaker_end(&breaker, of_closed[0], BREAKER_SUCCESS, now_ms, &chance),
                 BREAKER_SAME));
    cr_assert(eq(int, breaker.state, BREAKER_OPEN));
    breaker_begin(&breaker, now_ms, &probe);
    breaker_cancel(&breaker, of_closed[1]);
    cr_assert(eq(int, breaker_end(&breaker, of_closed[1], BREAKER_FAILURE, now_ms, &chance),
                 BREAKER_SAME));
    cr_assert(not(breaker_is_probe(&breaker, of_closed[1])));
    cr_assert(not(breaker_allows(&breaker, now_ms)), "the probe is still on its way");
    breaker_end(&breaker, probe, BREAKER_SUCCESS, now_ms, &chance);
    close_again();
    breaker_end(&breaker, of_closed[2], BREAKER_UNREACHABLE, now_ms, &chance);
    cr_assert(eq(u32, breaker.sum.attempts, 0), "and what is from before tells nothing of now");
}

Test(breaker, never_gives_a_ticket_that_is_zero)
{
    uint32_t ticket;
    breaker.period = UINT32_MAX;
    open_and_cool_down();
    breaker_begin(&breaker, now_ms, &ticket);
    cr_assert(eq(u32, ticket, 2));
    cr_assert(eq(int, breaker_end(&breaker, 0, BREAKER_FAILURE, now_ms, &chance), BREAKER_SAME));
}

/* ---- cool-downs ---- */

static void expect_cooldown(uint64_t least_ms)
{
    uint64_t length_ms = cooldown_ms();
    cr_assert(length_ms >= least_ms && length_ms <= least_ms + least_ms / 10, "%llu for %llu",
              (unsigned long long)length_ms, (unsigned long long)least_ms);
}

Test(breaker, cools_down_twice_as_long_each_time_up_to_its_maximum)
{
    static const uint64_t expected_ms[] = {10000, 20000, 40000, 60000, 60000};
    open_and_cool_down();
    for (unsigned i = 1; i < sizeof expected_ms / sizeof expected_ms[0]; i++) {
        cr_assert(eq(int, attempt(BREAKER_UNREACHABLE), BREAKER_OPENED));
        expect_cooldown(expected_ms[i]);
        now_ms = breaker_ready_ms(&breaker);
    }
    for (unsigned i = 0; i < 200; i++) {
        attempt(BREAKER_UNREACHABLE);
        expect_cooldown(60000);
        now_ms = breaker_ready_ms(&breaker);
    }
}

Test(breaker, is_never_early_and_reaches_all_of_its_jitter)
{
    uint64_t least_ms = UINT64_MAX, most_ms = 0;
    for (unsigned i = 0; i < 20000; i++) {
        breaker_init(&breaker, &standard, now_ms);
        while (breaker.state == BREAKER_CLOSED)
            attempt(BREAKER_UNREACHABLE);
        uint64_t length_ms = cooldown_ms();
        least_ms = length_ms < least_ms ? length_ms : least_ms;
        most_ms = length_ms > most_ms ? length_ms : most_ms;
    }
    cr_assert(eq(u64, least_ms, 10000));
    cr_assert(eq(u64, most_ms, 11000));
}

static void open_from_closed(void)
{
    while (breaker.state == BREAKER_CLOSED)
        attempt(BREAKER_UNREACHABLE);
}

Test(breaker, takes_trouble_soon_after_trouble_for_the_same)
{
    open_and_cool_down();
    close_again();
    now_ms += standard.window_ms - 1;
    open_from_closed();
    expect_cooldown(20000);
    now_ms = breaker_ready_ms(&breaker);
    attempt(BREAKER_FAILURE);
    now_ms = breaker_ready_ms(&breaker);
    close_again();
    now_ms += 40000 - 1;
    open_from_closed();
    expect_cooldown(60000);
}

Test(breaker, starts_anew_when_it_was_closed_for_long)
{
    open_and_cool_down();
    attempt(BREAKER_FAILURE);
    now_ms = breaker_ready_ms(&breaker);
    attempt(BREAKER_FAILURE);
    expect_cooldown(40000);
    now_ms = breaker_ready_ms(&breaker);
    close_again();
    now_ms += 40000;
    open_from_closed();
    expect_cooldown(10000);
}

Test(breaker, takes_a_clock_that_goes_back_for_no_time_at_all)
{
    open_and_cool_down();
    close_again();
    now_ms -= 1000;
    open_from_closed();
    expect_cooldown(20000);
}

Test(breaker, has_cooldowns_that_never_shrink)
{
    struct breaker_settings long_ones = standard;
    long_ones.cooldown_ms = UINT64_C(1) << 40;
    long_ones.max_cooldown_ms = UINT64_C(1) << 45;
    breaker_init(&breaker, &long_ones, now_ms);
    open_from_closed();
    for (unsigned i = 1; i < 50; i++) {
        now_ms = breaker_ready_ms(&breaker);
        attempt(BREAKER_FAILURE);
        expect_cooldown(UINT64_C(1) << (i < 5 ? 40 + i : 45));
    }
}

/* ---- settings, people, and the ends of the scale ---- */

Test(breaker, may_be_closed_by_hand)
{
    uint32_t ticket;
    cr_assert(eq(int, breaker_reset(&breaker, now_ms), BREAKER_SAME));
    open_and_cool_down();
    breaker_begin(&breaker, now_ms, &ticket);
    cr_assert(eq(int, breaker_reset(&breaker, now_ms), BREAKER_CLOSED_AGAIN));
    cr_assert(
        eq(int, breaker_end(&breaker, ticket, BREAKER_FAILURE, now_ms, &chance), BREAKER_SAME));
    cr_assert(eq(u32, breaker.sum.attempts, 0));
    open_from_closed();
    expect_cooldown(10000);
}

Test(breaker, keeps_its_state_when_settings_change)
{
    struct breaker_settings shorter = standard, longer = standard;
    attempts(9, BREAKER_FAILURE);
    breaker_change(&breaker, &standard, now_ms);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
    uint64_t until_ms = breaker_ready_ms(&breaker);
    longer.cooldown_ms = 20000;
    breaker_change(&breaker, &longer, now_ms);
    cr_assert(eq(u64, breaker_ready_ms(&breaker), until_ms));
    shorter.cooldown_ms = 3000;
    breaker_change(&breaker, &shorter, now_ms + 1);
    cr_assert(eq(u64, breaker_ready_ms(&breaker), now_ms + 3000));
}

Test(breaker, counts_anew_in_another_window)
{
    struct breaker_settings other = standard;
    attempts(9, BREAKER_FAILURE);
    other.window_ms = 1000;
    breaker_change(&breaker, &other, now_ms);
    attempts(9, BREAKER_FAILURE);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
}

Test(breaker, stands_still_if_the_clock_goes_back)
{
    now_ms = 100000;
    breaker_init(&breaker, &standard, now_ms);
    attempts(5, BREAKER_FAILURE);
    now_ms = 5;
    attempts(4, BREAKER_FAILURE);
    cr_assert(eq(int, attempt(BREAKER_FAILURE), BREAKER_OPENED));
    expect_cooldown(10000);
}

Test(breaker, does_not_wrap_at_the_ends_of_its_scale)
{
    struct breaker_settings huge = {.window_ms = UINT64_MAX,
                                    .min_attempts = UINT_MAX,
                                    .failure_rate = 1,
                                    .cooldown_ms = UINT64_MAX,
                                    .max_cooldown_ms = UINT64_MAX};
    now_ms = UINT64_MAX;
    breaker_init(&breaker, &huge, now_ms);
    attempts(4, BREAKER_FAILURE);
    open_from_closed();
    cr_assert(eq(u64, breaker_ready_ms(&breaker), BREAKER_NEVER));
    now_ms = 0;
    breaker_init(&breaker, &huge, now_ms);
    attempts(3, BREAKER_FAILURE);
    now_ms = UINT64_MAX - 1;
    attempts(3, BREAKER_FAILURE);
    cr_assert(eq(u32, breaker.sum.attempts, 6));
    huge.window_ms = 1;
    breaker_init(&breaker, &huge, 0);
    attempts(3, BREAKER_FAILURE);
    cr_assert(eq(u32, breaker.sum.attempts, 3));
}

Test(breaker, does_not_count_past_what_it_can_hold)
{
    breaker.sum = breaker.buckets[0] = (struct breaker_count){UINT32_MAX, 0};
    attempts(3, BREAKER_FAILURE);
    cr_assert(eq(u32, breaker.sum.attempts, UINT32_MAX));
    now_ms += standard.window_ms;
    attempts(1, BREAKER_FAILURE);
    cr_assert(eq(u32, breaker.sum.attempts, 1));
}
