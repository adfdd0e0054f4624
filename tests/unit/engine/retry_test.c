/* When a failed delivery is tried again. */
#include "retry.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

static struct random chance;
static struct subscription subscription = {
    .retry_ms = {1000, 20000, 300000}, .retry_count = 3, .jitter = 0};

static void seed(void)
{
    random_init(&chance, 11);
}

TestSuite(retry, .init = seed);

Test(retry, follows_the_schedule)
{
    cr_assert(eq(u64, retry_wait_ms(&subscription, 1, &chance), 1000));
    cr_assert(eq(u64, retry_wait_ms(&subscription, 2, &chance), 20000));
    cr_assert(eq(u64, retry_wait_ms(&subscription, 3, &chance), 300000));
}

Test(retry, ends_with_the_schedule)
{
    cr_assert(eq(u64, retry_wait_ms(&subscription, 4, &chance), RETRY_NEVER));
    cr_assert(eq(u64, retry_wait_ms(&subscription, UINT32_MAX, &chance), RETRY_NEVER));
}

Test(retry, does_not_happen_without_a_schedule)
{
    static struct subscription once = {.retry_count = 0, .jitter = 1};
    cr_assert(eq(u64, retry_wait_ms(&once, 1, &chance), RETRY_NEVER));
}

Test(retry, is_never_early_and_reaches_all_of_its_jitter)
{
    struct subscription jittery = subscription;
    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    jittery.jitter = 0.25;
    for (int i = 0; i < 20000; i++) {
        uint64_t wait_ms = retry_wait_ms(&jittery, 1, &chance);
        least = wait_ms < least ? wait_ms : least;
        most = wait_ms > most ? wait_ms : most;
    }
    cr_assert(eq(u64, least, 1000));
    cr_assert(eq(u64, most, 1250));
}

Test(retry, spreads_evenly)
{
    struct subscription jittery = {.retry_ms = {4}, .retry_count = 1, .jitter = 0.75};
    unsigned seen[4] = {0};
    for (int i = 0; i < 40000; i++) {
        uint64_t wait_ms = retry_wait_ms(&jittery, 1, &chance);
        cr_assert(wait_ms >= 4 && wait_ms <= 7);
        seen[wait_ms - 4]++;
    }
    for (int i = 0; i < 4; i++)
        cr_assert(seen[i] > 9500 && seen[i] < 10500, "%u times %d ms", seen[i], 4 + i);
}

Test(retry, has_a_failure_to_count, .signal = SIGABRT)
{
    retry_wait_ms(&subscription, 0, &chance);
}

Test(retry, has_presets_that_grow)
{
    static const struct {
        const char *name;
        unsigned count;
        uint64_t first_ms, last_ms;
    } expected[] = {{"quick", 6, 1000, 30 * 60 * 1000},
                    {"standard", 5, 5000, 60 * 60 * 1000},
                    {"day", 8, 5000, 10 * 60 * 60 * 1000}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint64_t steps_ms[LIMIT_RETRY_STEPS];
        unsigned count = retry_preset(slice_str(expected[i].name), steps_ms);
        cr_assert(eq(u32, count, expected[i].count), "%s", expected[i].name);
        cr_assert(eq(u64, steps_ms[0], expected[i].first_ms), "%s", expected[i].name);
        cr_assert(eq(u64, steps_ms[count - 1], expected[i].last_ms), "%s", expected[i].name);
        for (unsigned k = 1; k < count; k++)
            cr_assert(lt(u64, steps_ms[k - 1], steps_ms[k]), "%s", expected[i].name);
    }
}

Test(retry, knows_no_other_preset)
{
    uint64_t steps_ms[LIMIT_RETRY_STEPS];
    cr_assert(zero(u32, retry_preset(SLICE("quic"), steps_ms)));
    cr_assert(zero(u32, retry_preset(SLICE("quickly"), steps_ms)));
    cr_assert(zero(u32, retry_preset(SLICE(""), steps_ms)));
}
