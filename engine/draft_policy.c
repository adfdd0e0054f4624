/* draft_policy.c - when a subscription is sent to, and how much at a time: "retry", "timeout",
 * "rate_limit", "concurrency", "breaker". */
#include "draft.h"
#include "retry.h"

#include <math.h>

#define SECOND_MS    UINT64_C(1000)
#define MINUTE_MS    (60 * SECOND_MS)
#define HOUR_MS      (60 * MINUTE_MS)
#define DAY_MS       (24 * HOUR_MS)
#define RETRY_MAX_MS (7 * DAY_MS)

enum {
    RATE_MAX = 1000000,
    CONCURRENCY_MAX = 1024,
    MIN_ATTEMPTS_MAX = 10000,
};

static void parse_waits(struct draft *draft, struct json_value list, const char *pointer)
{
    struct subscription *made = draft->made;
    uint64_t cursor = 0;
    struct json_value element;
    made->retry_count = 0;
    while (json_next(list, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        uint64_t wait_ms = 0;
        pointer_element(place, pointer, made->retry_count);
        if (made->retry_count == LIMIT_RETRY_STEPS) {
            faults_add(draft->faults, pointer, "must be at most %d waits", LIMIT_RETRY_STEPS);
            return;
        }
        if (draft_take_duration(draft, element, place, &wait_ms) && wait_ms > RETRY_MAX_MS)
            faults_add(draft->faults, place, "must be at most 7d");
        made->retry_ms[made->retry_count++] = wait_ms;
    }
}

static void parse_schedule(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (json_kind(value) == JSON_ARRAY) {
        parse_waits(draft, value, pointer);
        return;
    }
    unsigned count = 0;
    if (json_string(value, &text))
        count = retry_preset(text, draft->made->retry_ms);
    if (count > 0) {
        draft->made->retry_count = count;
        return;
    }
    faults_add(draft->faults, pointer,
               "must be \"quick\", \"standard\", \"day\" or an array of durations");
}

static void parse_jitter(struct draft *draft, struct json_value value, const char *pointer)
{
    double jitter;
    if (json_double(value, &jitter) && jitter >= 0 && jitter <= 1)
        draft->made->jitter = jitter;
    else
        faults_add(draft->faults, pointer, "must be a number from 0 to 1");
}

void draft_parse_retry(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"schedule", parse_schedule}, {"jitter", parse_jitter}};
    DRAFT_WALK(draft, value, pointer, fields);
}

/* ---- what is within bounds ---- */

static void take_count(struct draft *draft, struct json_value value, const char *pointer,
                       unsigned max, unsigned *count)
{
    uint64_t given;
    if (json_u64(value, &given) && given >= 1 && given <= max)
        *count = (unsigned)given;
    else
        faults_add(draft->faults, pointer, "must be a whole number from 1 to %u", max);
}

static void take_number(struct draft *draft, struct json_value value, const char *pointer,
                        const double bounds[2], double *number)
{
    double given;
    if (json_double(value, &given) && given >= bounds[0] && given <= bounds[1])
        *number = given;
    else
        faults_add(draft->faults, pointer, "must be a number from %.7g to %.7g", bounds[0],
                   bounds[1]);
}

static void take_span(struct draft *draft, struct json_value value, const char *pointer,
                      const uint64_t bounds_ms[2], uint64_t *span_ms)
{
    uint64_t given_ms;
    char buffer[64];
    struct text range;
    if (!draft_take_duration(draft, value, pointer, &given_ms))
        return;
    if (given_ms >= bounds_ms[0] && given_ms <= bounds_ms[1]) {
        *span_ms = given_ms;
        return;
    }
    text_init(&range, buffer, sizeof buffer);
    text_duration(&range, bounds_ms[0]);
    text_put(&range, SLICE(" to "));
    text_duration(&range, bounds_ms[1]);
    faults_add(draft->faults, pointer, "must be from %.*s", (int)range.size, range.at);
}

void draft_parse_timeout(struct draft *draft, struct json_value value, const char *pointer)
{
    static const uint64_t bounds_ms[] = {SECOND_MS, MINUTE_MS};
    take_span(draft, value, pointer, bounds_ms, &draft->made->timeout_ms);
}

/* ---- rate limit ---- */

static void parse_per_second(struct draft *draft, struct json_value value, const char *pointer)
{
    static const double bounds[] = {0.01, RATE_MAX};
    take_number(draft, value, pointer, bounds, &draft->made->rate_limit.per_second);
}

static void parse_burst(struct draft *draft, struct json_value value, const char *pointer)
{
    take_count(draft, value, pointer, RATE_MAX, &draft->made->rate_limit.burst);
}

/* Without "burst": what a second gives, and one at least. */
void draft_parse_rate_limit(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"per_second", parse_per_second}, {"burst", parse_burst}};
    struct throttle_rate *rate = &draft->made->rate_limit;
    struct json_value given;
    char place[FAULT_POINTER_SIZE];
    DRAFT_WALK(draft, value, pointer, fields);
    if (!json_get(value, "per_second", &given) || json_kind(given) == JSON_NULL) {
        pointer_member(place, pointer, SLICE("per_second"));
        faults_add(draft->faults, place, "is required");
    }
    if (rate->burst == 0)
        rate->burst = rate->per_second > 1 ? (unsigned)ceil(rate->per_second) : 1;
}

/* ---- concurrency ---- */

static void parse_concurrency_max(struct draft *draft, struct json_value value, const char *pointer)
{
    take_count(draft, value, pointer, CONCURRENCY_MAX, &draft->made->concurrency.max);
}

static void parse_adaptive(struct draft *draft, struct json_value value, const char *pointer)
{
    if (!json_bool(value, &draft->made->concurrency.adaptive))
        faults_add(draft->faults, pointer, "must be true or false");
}

void draft_parse_concurrency(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"max", parse_concurrency_max},
                                          {"adaptive", parse_adaptive}};
    DRAFT_WALK(draft, value, pointer, fields);
}

/* ---- breaker ---- */

static void parse_window(struct draft *draft, struct json_value value, const char *pointer)
{
    static const uint64_t bounds_ms[] = {SECOND_MS, 10 * MINUTE_MS};
    take_span(draft, value, pointer, bounds_ms, &draft->made->breaker.window_ms);
}

static void parse_min_attempts(struct draft *draft, struct json_value value, const char *pointer)
{
    take_count(draft, value, pointer, MIN_ATTEMPTS_MAX, &draft->made->breaker.min_attempts);
}

static void parse_failure_rate(struct draft *draft, struct json_value value, const char *pointer)
{
    static const double bounds[] = {0.01, 1};
    take_number(draft, value, pointer, bounds, &draft->made->breaker.failure_rate);
}

static void parse_cooldown(struct draft *draft, struct json_value value, const char *pointer)
{
    static const uint64_t bounds_ms[] = {SECOND_MS, HOUR_MS};
    take_span(draft, value, pointer, bounds_ms, &draft->made->breaker.cooldown_ms);
}

static void parse_max_cooldown(struct draft *draft, struct json_value value, const char *pointer)
{
    static const uint64_t bounds_ms[] = {SECOND_MS, DAY_MS};
    take_span(draft, value, pointer, bounds_ms, &draft->made->breaker.max_cooldown_ms);
}

void draft_parse_breaker(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {
        {"window", parse_window},
        {"min_attempts", parse_min_attempts},
        {"failure_rate", parse_failure_rate},
        {"cooldown", parse_cooldown},
        {"max_cooldown", parse_max_cooldown},
    };
    DRAFT_WALK(draft, value, pointer, fields);
}

void draft_set_breaker(struct draft *draft)
{
    draft->made->breaker = (struct breaker_settings){.window_ms = 30 * SECOND_MS,
                                                     .min_attempts = 10,
                                                     .failure_rate = 0.5,
                                                     .cooldown_ms = 10 * SECOND_MS};
}

/* Without "max_cooldown": 10m, or the cool-down if that is longer. */
void draft_settle_breaker(struct draft *draft)
{
    struct breaker_settings *breaker = &draft->made->breaker;
    uint64_t standard_ms = 10 * MINUTE_MS;
    if (breaker->max_cooldown_ms == 0)
        breaker->max_cooldown_ms =
            breaker->cooldown_ms > standard_ms ? breaker->cooldown_ms : standard_ms;
    if (breaker->max_cooldown_ms < breaker->cooldown_ms)
        faults_add(draft->faults, "/breaker/max_cooldown", "must be at least \"cooldown\"");
}
