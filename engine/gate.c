/* gate.c - see gate.h. */
#include "gate.h"

#include "base/must.h"
#include "subscription.h"

enum {
    NS_PER_MS = 1000000,
    RETRIES_PER_SECOND = 10, /* which may always go, however many first attempts wait */
    DOUBT_AFTER = 3,         /* failures in a row */
    SHUT_AFTER_MS = 1000,    /* a shorter slow-down is waited out in memory */
};

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void gate_init(struct gate *gate, const struct subscription *subscription, uint64_t now_ms)
{
    *gate = (struct gate){0};
    breaker_init(&gate->breaker, &subscription->breaker, now_ms);
    throttle_init(&gate->throttle, subscription->rate_limit);
    concurrency_init(&gate->concurrency, subscription->concurrency);
    retry_budget_init(&gate->budget, RETRIES_PER_SECOND, now_ms * NS_PER_MS);
}

void gate_change(struct gate *gate, const struct subscription *subscription, uint64_t now_ms)
{
    breaker_change(&gate->breaker, &subscription->breaker, now_ms);
    throttle_change(&gate->throttle, subscription->rate_limit, now_ms * NS_PER_MS);
    concurrency_change(&gate->concurrency, subscription->concurrency);
}

enum breaker_change gate_reset(struct gate *gate, uint64_t now_ms)
{
    struct concurrency_settings settings = {.max = gate->concurrency.max,
                                            .adaptive = gate->concurrency.adaptive};
    concurrency_init(&gate->concurrency, settings);
    gate->slow_until_ms = 0;
    gate->is_proven = false;
    gate->failures = 0;
    return breaker_reset(&gate->breaker, now_ms);
}

/* ---- whether ---- */

static unsigned at_a_time(const struct gate *gate)
{
    unsigned limit = gate->concurrency.limit;
    return gate->is_proven || limit < GATE_DOUBTFUL_MAX ? limit : GATE_DOUBTFUL_MAX;
}

uint64_t gate_opens_ms(const struct gate *gate, uint64_t now_ms)
{
    if (gate->in_flight >= at_a_time(gate))
        return GATE_NEVER;
    uint64_t opens_ms = later(breaker_ready_ms(&gate->breaker), gate->slow_until_ms);
    uint64_t wait_ns = throttle_wait_ns(&gate->throttle, 1, now_ms * NS_PER_MS);
    if (wait_ns == 0 || opens_ms == GATE_NEVER)
        return opens_ms;
    return later(opens_ms, now_ms + (wait_ns - 1) / NS_PER_MS + 1);
}

uint64_t gate_shut_until_ms(const struct gate *gate, uint64_t now_ms)
{
    uint64_t until_ms = 0;
    if (gate->breaker.state == BREAKER_OPEN)
        until_ms = gate->breaker.until_ms;
    if (gate->slow_until_ms > now_ms + SHUT_AFTER_MS)
        until_ms = later(until_ms, gate->slow_until_ms);
    return until_ms > now_ms ? until_ms : 0;
}

enum breaker_change gate_begin(struct gate *gate, bool is_retry, uint64_t now_ms,
                               struct gate_pass *pass)
{
    uint64_t now_ns = now_ms * NS_PER_MS;
    must(throttle_take(&gate->throttle, 1, now_ns) == 0);
    if (is_retry)
        retry_budget_retry(&gate->budget, now_ns);
    else
        retry_budget_first(&gate->budget);
    *pass = (struct gate_pass){
        .begun_ns = now_ns, .in_flight = ++gate->in_flight, .is_doubtful = !gate->is_proven};
    return breaker_begin(&gate->breaker, now_ms, &pass->ticket);
}

/* ---- what an end tells ---- */

static bool is_overload(unsigned status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

static enum concurrency_result load_of(const struct attempt_record *record)
{
    switch (record->outcome) {
    case ATTEMPT_DELIVERED:
        return CONCURRENCY_SUCCESS;
    case ATTEMPT_HTTP_ERROR:
        return is_overload(record->http_status) ? CONCURRENCY_TROUBLE : CONCURRENCY_NEUTRAL;
    case ATTEMPT_TIMEOUT:
    case ATTEMPT_CONNECT_REFUSED:
    case ATTEMPT_CONNECT_FAILED:
        return CONCURRENCY_TROUBLE;
    default:
        return CONCURRENCY_NEUTRAL;
    }
}

static enum breaker_result health_of(const struct attempt_record *record)
{
    switch (record->outcome) {
    case ATTEMPT_DELIVERED:
        return BREAKER_SUCCESS;
    case ATTEMPT_HTTP_ERROR:
    case ATTEMPT_RESPONSE_INVALID:
        return BREAKER_FAILURE;
    case ATTEMPT_TIMEOUT:
        return record->first_byte_us > 0 ? BREAKER_FAILURE : BREAKER_UNREACHABLE;
    default:
        return BREAKER_UNREACHABLE;
    }
}

static void prove(struct gate *gate, bool is_success)
{
    if (is_success)
        gate->failures = 0;
    else if (gate->failures < DOUBT_AFTER)
        gate->failures++;
    if (is_success || gate->failures == DOUBT_AFTER)
        gate->is_proven = is_success;
}

/* A receiver is asked again at least as often as an open breaker asks. */
static void slow_down(struct gate *gate, uint64_t wait_ms, uint64_t now_ms)
{
    uint64_t max_ms = gate->breaker.settings.max_cooldown_ms;
    gate->slow_until_ms =
        later(gate->slow_until_ms, now_ms + (wait_ms < max_ms ? wait_ms : max_ms));
}

enum breaker_change gate_end(struct gate *gate, const struct gate_pass *pass,
                             const struct attempt_record *record, uint64_t retry_after_ms,
                             uint64_t now_ns, struct random *random)
{
    uint64_t now_ms = now_ns / NS_PER_MS;
    bool is_success = record->outcome == ATTEMPT_DELIVERED;
    must(gate->in_flight > 0);
    gate->in_flight--;
    prove(gate, is_success);
    if (!is_success && retry_after_ms > 0)
        slow_down(gate, retry_after_ms, now_ms);
    concurrency_end(&gate->concurrency, load_of(record), pass->begun_ns, now_ns, pass->in_flight);
    return breaker_end(&gate->breaker, pass->ticket, health_of(record), now_ms, random);
}

void gate_cancel(struct gate *gate, const struct gate_pass *pass)
{
    must(gate->in_flight > 0);
    gate->in_flight--;
    breaker_cancel(&gate->breaker, pass->ticket);
}
