/* draft_policy.c - when a subscription is sent to, and how much at a time: "retry", "timeout",
 * "concurrency", "breaker". */
#include "draft.h"
#include "retry.h"

enum {
    TIMEOUT_MIN_MS = 1000,
    TIMEOUT_MAX_MS = 60000,
    RETRY_MAX_MS = 7 * 86400000,
    CONCURRENCY_MAX = 1024,
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
    static const struct field fields[] = {{"schedule", parse_schedule, NULL},
                                          {"jitter", parse_jitter, NULL}};
    DRAFT_WALK(draft, value, pointer, fields);
}

void draft_parse_timeout(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t timeout_ms;
    if (!draft_take_duration(draft, value, pointer, &timeout_ms))
        return;
    if (timeout_ms < TIMEOUT_MIN_MS || timeout_ms > TIMEOUT_MAX_MS)
        faults_add(draft->faults, pointer, "must be from 1s to 60s");
    else
        draft->made->timeout_ms = timeout_ms;
}

static void parse_concurrency_max(struct draft *draft, struct json_value value, const char *pointer)
{
    uint64_t max;
    if (json_u64(value, &max) && max >= 1 && max <= CONCURRENCY_MAX)
        draft->made->concurrency_max = (unsigned)max;
    else
        faults_add(draft->faults, pointer, "must be a whole number from 1 to %d", CONCURRENCY_MAX);
}

void draft_parse_concurrency(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"max", parse_concurrency_max, NULL},
                                          {"adaptive", NULL, "true"}};
    DRAFT_WALK(draft, value, pointer, fields);
}

void draft_parse_breaker(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {
        {"window", NULL, "\"30s\""},       {"min_attempts", NULL, "10"},
        {"failure_rate", NULL, "0.5"},     {"cooldown", NULL, "\"10s\""},
        {"max_cooldown", NULL, "\"10m\""},
    };
    DRAFT_WALK(draft, value, pointer, fields);
}
