/* The breaker against a model that keeps the whole history and recomputes everything from it: a
 * random receiver, attempts that overlap, and time that jumps to where something may change. */
#include "breaker.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { SEED = 17, ROUNDS = 200, STEPS = 1500, ATTEMPTS_MAX = 12 };

/* What happened: everything. */
static struct {
    struct {
        uint64_t at_ms;
        unsigned state_index; /* in which the attempt began */
        enum breaker_result result;
    } ends[STEPS];
    unsigned end_count;
    struct {
        uint64_t at_ms;
        enum breaker_state state;
    } states[STEPS];
    unsigned state_count;
    uint64_t until_ms;
    struct {
        unsigned state_index;
        uint32_t ticket;
    } attempts[ATTEMPTS_MAX]; /* on their way */
    unsigned attempt_count;
} past;

static struct breaker breaker;
static struct breaker_settings settings;
static struct random chance;
static uint64_t now_ms, seed;

#define SAME(of_breaker, of_model)                                                        \
    cr_assert(eq(u64, (uint64_t)(of_breaker), (uint64_t)(of_model)), "seed %llu at %llu", \
              (unsigned long long)seed, (unsigned long long)now_ms)

/* ---- the model ---- */

static unsigned current(void)
{
    return past.state_count - 1;
}

static bool is_probing(void)
{
    for (unsigned i = 0; i < past.attempt_count; i++)
        if (past.attempts[i].state_index == current())
            return past.states[current()].state == BREAKER_HALF_OPEN;
    return false;
}

static bool expect_allowed(void)
{
    switch (past.states[current()].state) {
    case BREAKER_CLOSED:
        return true;
    case BREAKER_OPEN:
        return now_ms >= past.until_ms;
    default:
        return !is_probing();
    }
}

/* Numbers the tenths of windows since this state began. */
static uint64_t tenth_of(uint64_t at_ms)
{
    return (at_ms - past.states[current()].at_ms) / ((settings.window_ms + 9) / 10);
}

static bool expect_trip(void)
{
    unsigned attempts = 0, failures = 0, row = 0;
    if (past.ends[past.end_count - 1].result == BREAKER_SUCCESS)
        return false;
    for (unsigned i = 0; i < past.end_count; i++) {
        if (past.ends[i].state_index != current())
            continue;
        row = past.ends[i].result == BREAKER_UNREACHABLE ? row + 1 : 0;
        if (tenth_of(past.ends[i].at_ms) + 10 <= tenth_of(now_ms))
            continue;
        attempts++;
        failures += past.ends[i].result != BREAKER_SUCCESS;
    }
    return row >= 5 || (attempts >= settings.min_attempts &&
                        failures >= settings.failure_rate * attempts - 1e-9);
}

static unsigned count_successes(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < past.end_count; i++)
        count += past.ends[i].state_index == current();
    return count; /* a failure would have ended the state */
}

/* The shortest that the cool-down may be which begins with the last state. */
static uint64_t expect_cooldown_ms(void)
{
    uint64_t length_ms = 0;
    for (unsigned i = 1; i < past.state_count; i++) {
        if (past.states[i].state != BREAKER_OPEN)
            continue;
        uint64_t before_ms = past.states[i].at_ms - past.states[i - 1].at_ms;
        bool is_new = past.states[i - 1].state == BREAKER_CLOSED && before_ms >= length_ms &&
                      before_ms >= settings.window_ms;
        length_ms = length_ms == 0 || is_new ? settings.cooldown_ms : 2 * length_ms;
        if (length_ms > settings.max_cooldown_ms)
            length_ms = settings.max_cooldown_ms;
    }
    return length_ms;
}

static void enter(enum breaker_state state)
{
    past.states[past.state_count].state = state;
    past.states[past.state_count++].at_ms = now_ms;
    if (state != BREAKER_OPEN)
        return;
    uint64_t length_ms = expect_cooldown_ms();
    past.until_ms = breaker_ready_ms(&breaker); /* by chance, but within bounds */
    cr_assert(past.until_ms - now_ms >= length_ms &&
                  past.until_ms - now_ms <= length_ms + length_ms / 10,
              "seed %llu at %llu", (unsigned long long)seed, (unsigned long long)now_ms);
}

/* ---- what happens ---- */

static void begin(void)
{
    SAME(breaker_allows(&breaker, now_ms), expect_allowed());
    if (!expect_allowed() || past.attempt_count == ATTEMPTS_MAX)
        return;
    bool is_first = past.states[current()].state == BREAKER_OPEN;
    uint32_t ticket;
    SAME(breaker_begin(&breaker, now_ms, &ticket), is_first ? BREAKER_HALF_OPENED : BREAKER_SAME);
    if (is_first)
        enter(BREAKER_HALF_OPEN);
    past.attempts[past.attempt_count].ticket = ticket;
    past.attempts[past.attempt_count++].state_index = current();
}

static enum breaker_change expect_change(enum breaker_result result)
{
    if (past.ends[past.end_count - 1].state_index != current())
        return BREAKER_SAME;
    if (past.states[current()].state == BREAKER_CLOSED)
        return expect_trip() ? BREAKER_OPENED : BREAKER_SAME;
    if (result != BREAKER_SUCCESS)
        return BREAKER_OPENED;
    return count_successes() == 3 ? BREAKER_CLOSED_AGAIN : BREAKER_SAME;
}

static void end(unsigned i, enum breaker_result result)
{
    uint32_t ticket = past.attempts[i].ticket;
    past.ends[past.end_count].at_ms = now_ms;
    past.ends[past.end_count].result = result;
    past.ends[past.end_count++].state_index = past.attempts[i].state_index;
    past.attempts[i] = past.attempts[--past.attempt_count];
    enum breaker_change expected = expect_change(result);
    SAME(breaker_end(&breaker, ticket, result, now_ms, &chance), expected);
    if (expected != BREAKER_SAME)
        enter(expected == BREAKER_OPENED ? BREAKER_OPEN : BREAKER_CLOSED);
}

static void cancel(unsigned i)
{
    uint32_t ticket = past.attempts[i].ticket;
    past.attempts[i] = past.attempts[--past.attempt_count];
    breaker_cancel(&breaker, ticket);
}

static void let_time_pass(void)
{
    uint64_t ready_ms = breaker_ready_ms(&breaker);
    switch (random_below(&chance, 12)) {
    case 0:
        now_ms += random_below(&chance, 2 * settings.window_ms);
        break;
    case 1:
        now_ms += settings.window_ms / 10;
        break;
    case 2:
        if (ready_ms != BREAKER_NEVER && ready_ms > now_ms + 1)
            now_ms = ready_ms - 1 + random_below(&chance, 2);
        break;
    default:
        now_ms += random_below(&chance, 1 + settings.window_ms / 200);
        break;
    }
}

static void step(unsigned mood)
{
    unsigned i = (unsigned)random_below(&chance, past.attempt_count);
    if (past.attempt_count == 0 || random_below(&chance, 2))
        begin();
    else if (random_below(&chance, 10) == 0)
        cancel(i);
    else if (random_below(&chance, 10) >= mood)
        end(i, BREAKER_SUCCESS);
    else
        end(i, random_below(&chance, 2) ? BREAKER_FAILURE : BREAKER_UNREACHABLE);
    SAME(breaker.state, past.states[current()].state);
    SAME(breaker.since_ms, past.states[current()].at_ms);
    let_time_pass();
}

static void draw_settings(void)
{
    settings.window_ms = 1 + random_below(&chance, UINT64_C(1) << random_below(&chance, 20));
    settings.min_attempts = 1 + (unsigned)random_below(&chance, 20);
    settings.failure_rate = (double)(1 + random_below(&chance, 100)) / 100;
    settings.cooldown_ms = 1 + random_below(&chance, UINT64_C(1) << random_below(&chance, 20));
    settings.max_cooldown_ms = settings.cooldown_ms << random_below(&chance, 6);
}

Test(breaker_model, agrees_with_one_that_remembers_everything)
{
    unsigned openings = 0;
    for (seed = SEED; seed < SEED + ROUNDS; seed++) {
        random_init(&chance, seed);
        draw_settings();
        now_ms = random_below(&chance, 1000000);
        past.end_count = past.state_count = past.attempt_count = 0;
        breaker_init(&breaker, &settings, now_ms);
        enter(BREAKER_CLOSED);
        for (unsigned i = 0, mood = 0; i < STEPS; i++) {
            if (i % 100 == 0)
                mood = (unsigned)random_below(&chance, 11);
            step(mood);
        }
        openings += past.state_count;
    }
    cr_assert(openings > 10 * ROUNDS, "only %u", openings);
    cr_log_info("seeds %d to %d, %u changes of state", SEED, SEED + ROUNDS - 1, openings);
}
