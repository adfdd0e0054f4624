/* breaker.c - see breaker.h. */
#include "breaker.h"

#include "base/must.h"
#include "base/random.h"
#include "base/text.h"

enum {
    OPENINGS_MAX = 32,
    JITTER_PART = 10, /* up to one part in this is added to a cool-down */
};

static uint64_t add(uint64_t moment_ms, uint64_t span_ms)
{
    return span_ms < UINT64_MAX - moment_ms ? moment_ms + span_ms : UINT64_MAX;
}

/* ---- the window ---- */

static uint64_t bucket_ms(const struct breaker *breaker)
{
    uint64_t window_ms = breaker->settings.window_ms;
    return window_ms / BREAKER_BUCKETS + (window_ms % BREAKER_BUCKETS != 0);
}

static void forget(struct breaker *breaker, uint64_t now_ms)
{
    breaker->sum = (struct breaker_count){0};
    for (unsigned i = 0; i < BREAKER_BUCKETS; i++)
        breaker->buckets[i] = (struct breaker_count){0};
    breaker->newest = 0;
    breaker->unreachable = 0;
    breaker->turn_ms = add(now_ms, bucket_ms(breaker));
}

/* Leaves behind what is older than the window. */
static void move_on(struct breaker *breaker, uint64_t now_ms)
{
    if (now_ms < breaker->turn_ms)
        return;
    uint64_t steps = (now_ms - breaker->turn_ms) / bucket_ms(breaker) + 1;
    for (unsigned i = 0; i < steps && i < BREAKER_BUCKETS; i++) {
        breaker->newest = (breaker->newest + 1) % BREAKER_BUCKETS;
        struct breaker_count *oldest = &breaker->buckets[breaker->newest];
        breaker->sum.attempts -= oldest->attempts;
        breaker->sum.failures -= oldest->failures;
        *oldest = (struct breaker_count){0};
    }
    uint64_t begun_ms = breaker->turn_ms + (steps - 1) * bucket_ms(breaker);
    breaker->turn_ms = add(begun_ms, bucket_ms(breaker));
}

static void count(struct breaker *breaker, bool is_failure, uint64_t now_ms)
{
    struct breaker_count *bucket;
    move_on(breaker, now_ms);
    if (breaker->sum.attempts == UINT32_MAX)
        return;
    bucket = &breaker->buckets[breaker->newest];
    bucket->attempts++;
    breaker->sum.attempts++;
    bucket->failures += is_failure;
    breaker->sum.failures += is_failure;
}

/* ---- the states ---- */

static uint64_t cooldown_ms(const struct breaker *breaker)
{
    const struct breaker_settings *settings = &breaker->settings;
    unsigned doublings = breaker->openings ? breaker->openings - 1 : 0;
    if (settings->cooldown_ms > settings->max_cooldown_ms >> doublings)
        return settings->max_cooldown_ms;
    return settings->cooldown_ms << doublings;
}

static void enter(struct breaker *breaker, enum breaker_state state, uint64_t now_ms)
{
    breaker->state = state;
    breaker->period = breaker->period == UINT32_MAX ? 1 : breaker->period + 1;
    breaker->since_ms = now_ms;
    breaker->successes = 0;
    forget(breaker, now_ms);
}

static enum breaker_change trip(struct breaker *breaker, enum breaker_reason reason,
                                uint64_t now_ms, struct random *random)
{
    breaker->reason = reason;
    breaker->seen = breaker->sum;
    enter(breaker, BREAKER_OPEN, now_ms);
    if (breaker->openings < OPENINGS_MAX)
        breaker->openings++;
    uint64_t length_ms = cooldown_ms(breaker);
    uint64_t jitter_ms = random_below(random, length_ms / JITTER_PART + 1);
    breaker->until_ms = add(now_ms, add(length_ms, jitter_ms));
    return BREAKER_OPENED;
}

/* After it was closed for long, trouble is new trouble. */
static bool was_closed_for_long(const struct breaker *breaker, uint64_t now_ms)
{
    uint64_t closed_ms = now_ms > breaker->since_ms ? now_ms - breaker->since_ms : 0;
    return closed_ms >= breaker->settings.window_ms && closed_ms >= cooldown_ms(breaker);
}

static enum breaker_change end_closed(struct breaker *breaker, enum breaker_result result,
                                      uint64_t now_ms, struct random *random)
{
    const struct breaker_settings *settings = &breaker->settings;
    enum breaker_reason reason = BREAKER_NO_REASON;
    count(breaker, result != BREAKER_SUCCESS, now_ms);
    breaker->unreachable = result == BREAKER_UNREACHABLE ? breaker->unreachable + 1 : 0;
    if (result == BREAKER_SUCCESS)
        return BREAKER_SAME;
    if (breaker->unreachable >= BREAKER_UNREACHABLE_MAX)
        reason = BREAKER_BY_UNREACHABLE;
    else if (breaker->sum.attempts >= settings->min_attempts &&
             breaker->sum.failures / (double)breaker->sum.attempts >= settings->failure_rate)
        reason = BREAKER_BY_RATE;
    if (reason == BREAKER_NO_REASON)
        return BREAKER_SAME;
    if (was_closed_for_long(breaker, now_ms))
        breaker->openings = 0;
    return trip(breaker, reason, now_ms, random);
}

static enum breaker_change end_probe(struct breaker *breaker, enum breaker_result result,
                                     uint64_t now_ms, struct random *random)
{
    must(breaker->is_probing);
    breaker->is_probing = false;
    if (result != BREAKER_SUCCESS)
        return trip(breaker, BREAKER_BY_PROBE, now_ms, random);
    if (++breaker->successes < BREAKER_PROBES)
        return BREAKER_SAME;
    enter(breaker, BREAKER_CLOSED, now_ms);
    return BREAKER_CLOSED_AGAIN;
}

/* ---- what the caller sees ---- */

void breaker_init(struct breaker *breaker, const struct breaker_settings *settings, uint64_t now_ms)
{
    must(settings->window_ms > 0);
    *breaker = (struct breaker){.settings = *settings};
    enter(breaker, BREAKER_CLOSED, now_ms);
}

void breaker_change(struct breaker *breaker, const struct breaker_settings *settings,
                    uint64_t now_ms)
{
    bool is_other_window = settings->window_ms != breaker->settings.window_ms;
    must(settings->window_ms > 0);
    breaker->settings = *settings;
    if (is_other_window)
        forget(breaker, now_ms);
    uint64_t until_ms = add(breaker->since_ms, cooldown_ms(breaker));
    if (breaker->state == BREAKER_OPEN && until_ms < breaker->until_ms)
        breaker->until_ms = until_ms;
}

enum breaker_change breaker_reset(struct breaker *breaker, uint64_t now_ms)
{
    bool was_closed = breaker->state == BREAKER_CLOSED;
    breaker->openings = 0;
    enter(breaker, BREAKER_CLOSED, now_ms);
    return was_closed ? BREAKER_SAME : BREAKER_CLOSED_AGAIN;
}

enum breaker_change breaker_begin(struct breaker *breaker, uint64_t now_ms, uint32_t *ticket)
{
    enum breaker_change change = BREAKER_SAME;
    must(breaker_allows(breaker, now_ms));
    if (breaker->state == BREAKER_OPEN) {
        enter(breaker, BREAKER_HALF_OPEN, now_ms);
        change = BREAKER_HALF_OPENED;
    }
    breaker->is_probing = breaker->state == BREAKER_HALF_OPEN;
    *ticket = breaker->period;
    return change;
}

enum breaker_change breaker_end(struct breaker *breaker, uint32_t ticket,
                                enum breaker_result result, uint64_t now_ms, struct random *random)
{
    if (ticket != breaker->period)
        return BREAKER_SAME;
    must(breaker->state != BREAKER_OPEN);
    return breaker->state == BREAKER_CLOSED ? end_closed(breaker, result, now_ms, random)
                                            : end_probe(breaker, result, now_ms, random);
}

void breaker_cancel(struct breaker *breaker, uint32_t ticket)
{
    if (breaker_is_probe(breaker, ticket))
        breaker->is_probing = false;
}

const char *breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {
        [BREAKER_CLOSED] = "closed", [BREAKER_OPEN] = "open", [BREAKER_HALF_OPEN] = "half_open"};
    return names[state];
}

void breaker_explain(const struct breaker *breaker, struct text *text)
{
    switch (breaker->reason) {
    case BREAKER_NO_REASON:
        break;
    case BREAKER_BY_RATE:
        text_printf(text, "%u of %u attempts failed within ", breaker->seen.failures,
                    breaker->seen.attempts);
        text_duration(text, breaker->settings.window_ms);
        break;
    case BREAKER_BY_UNREACHABLE:
        text_printf(text, "%d attempts in a row had no answer", BREAKER_UNREACHABLE_MAX);
        break;
    case BREAKER_BY_PROBE:
        text_put(text, SLICE("a probe failed"));
        break;
    }
}
