/* Whether an endpoint may begin an attempt, out of all that may hold it back. */
#include "gate.h"

#include "base/random.h"
#include "subscription.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { NOW_MS = 1000000, NS_PER_MS = 1000000, SECOND_MS = 1000 };

static const struct subscription easy = {
    .concurrency = {.max = 64, .adaptive = false},
    .breaker = {.window_ms = 30 * SECOND_MS,
                .min_attempts = 10,
                .failure_rate = 0.5,
                .cooldown_ms = 10 * SECOND_MS,
                .max_cooldown_ms = 600 * SECOND_MS},
};

static const struct attempt_record success = {.outcome = ATTEMPT_DELIVERED, .http_status = 200};
static const struct attempt_record error = {.outcome = ATTEMPT_HTTP_ERROR, .http_status = 500};
static const struct attempt_record refusal = {.outcome = ATTEMPT_CONNECT_REFUSED};

static struct gate gate;
static struct random chance;

static void begin_with(const struct subscription *subscription)
{
    random_init(&chance, 1);
    gate_init(&gate, subscription, NOW_MS);
}

static enum breaker_change end_as(const struct gate_pass *pass, const struct attempt_record *record,
                                  uint64_t retry_after_ms, uint64_t now_ms)
{
    return gate_end(&gate, pass, record, retry_after_ms, now_ms * NS_PER_MS, &chance);
}

static enum breaker_change attempt(const struct attempt_record *record, uint64_t now_ms)
{
    struct gate_pass pass;
    gate_begin(&gate, false, now_ms, &pass);
    return end_as(&pass, record, 0, now_ms);
}

static bool is_open(uint64_t now_ms)
{
    return gate_opens_ms(&gate, now_ms) <= now_ms;
}

/* Fails until the breaker opens. */
static void break_at(uint64_t now_ms)
{
    for (int i = 0; i < BREAKER_UNREACHABLE_MAX - 1; i++)
        cr_assert(eq(int, attempt(&refusal, now_ms), BREAKER_SAME));
    cr_assert(eq(int, attempt(&refusal, now_ms), BREAKER_OPENED));
}

Test(gate, lets_a_few_go_until_the_receiver_has_proven_itself)
{
    struct gate_pass passes[GATE_DOUBTFUL_MAX];
    begin_with(&easy);
    for (int i = 0; i < GATE_DOUBTFUL_MAX; i++) {
        cr_assert(is_open(NOW_MS));
        gate_begin(&gate, false, NOW_MS, &passes[i]);
        cr_assert(passes[i].is_doubtful);
    }
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), GATE_NEVER), "until one has ended");
    end_as(&passes[0], &success, 0, NOW_MS);
    for (unsigned i = gate.in_flight; i < easy.concurrency.max; i++) {
        cr_assert(is_open(NOW_MS));
        gate_begin(&gate, false, NOW_MS, &passes[0]);
        cr_assert(not(passes[0].is_doubtful));
    }
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), GATE_NEVER));
}

Test(gate, doubts_a_receiver_that_fails_in_a_row_and_trusts_it_at_the_first_success)
{
    begin_with(&easy);
    attempt(&success, NOW_MS);
    attempt(&error, NOW_MS);
    attempt(&error, NOW_MS);
    cr_assert(gate.is_proven, "so much happens");
    attempt(&success, NOW_MS);
    attempt(&error, NOW_MS);
    attempt(&error, NOW_MS);
    cr_assert(gate.is_proven, "a success begins a new row");
    attempt(&error, NOW_MS);
    cr_assert(not(gate.is_proven));
    attempt(&success, NOW_MS);
    cr_assert(gate.is_proven);
}

Test(gate, never_lets_more_go_than_are_configured)
{
    struct subscription narrow = easy;
    struct gate_pass pass;
    narrow.concurrency.max = 1;
    begin_with(&narrow);
    gate_begin(&gate, false, NOW_MS, &pass);
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), GATE_NEVER));
    end_as(&pass, &success, 0, NOW_MS);
    cr_assert(is_open(NOW_MS));
}

Test(gate, tells_the_moment_of_the_next_token_of_a_rate_limit)
{
    struct subscription slow = easy;
    slow.rate_limit = (struct throttle_rate){.per_second = 2, .burst = 1};
    begin_with(&slow);
    attempt(&success, NOW_MS);
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), NOW_MS + 500));
    cr_assert(not(is_open(NOW_MS + 499)));
    cr_assert(is_open(NOW_MS + 500));
    cr_assert(eq(u64, gate_shut_until_ms(&gate, NOW_MS), 0), "a limit does not send it to disk");
}

Test(gate, is_shut_while_the_breaker_is_open_and_lets_one_probe_go_at_a_time)
{
    struct gate_pass probe;
    begin_with(&easy);
    break_at(NOW_MS);
    uint64_t until_ms = gate_opens_ms(&gate, NOW_MS);
    cr_assert(ge(u64, until_ms, NOW_MS + easy.breaker.cooldown_ms));
    cr_assert(eq(u64, gate_shut_until_ms(&gate, NOW_MS), until_ms));
    cr_assert(eq(u64, gate_shut_until_ms(&gate, until_ms), 0), "a probe is wanted");
    cr_assert(gate_is_probing(&gate));

    cr_assert(eq(int, gate_begin(&gate, false, until_ms, &probe), BREAKER_HALF_OPENED));
    cr_assert(eq(u64, gate_opens_ms(&gate, until_ms), GATE_NEVER));
    cr_assert(eq(int, end_as(&probe, &refusal, 0, until_ms), BREAKER_OPENED));
    cr_assert(
        lt(u64, until_ms + 2 * easy.breaker.cooldown_ms - 1, gate_shut_until_ms(&gate, until_ms)));
}

Test(gate, opens_again_after_successful_probes)
{
    begin_with(&easy);
    break_at(NOW_MS);
    uint64_t until_ms = gate_opens_ms(&gate, NOW_MS);
    for (int i = 0; i < BREAKER_PROBES - 1; i++)
        cr_assert(ne(int, attempt(&success, until_ms), BREAKER_CLOSED_AGAIN));
    cr_assert(eq(int, attempt(&success, until_ms), BREAKER_CLOSED_AGAIN));
    cr_assert(not(gate_is_probing(&gate)));
    cr_assert(gate.is_proven);
}

Test(gate, a_probe_that_told_nothing_makes_room_for_another)
{
    struct gate_pass probe;
    begin_with(&easy);
    break_at(NOW_MS);
    uint64_t until_ms = gate_opens_ms(&gate, NOW_MS);
    gate_begin(&gate, false, until_ms, &probe);
    gate_cancel(&gate, &probe);
    cr_assert(is_open(until_ms));
    cr_assert(eq(u32, gate.in_flight, 0));
}

Test(gate, retry_after_closes_it_for_so_long)
{
    struct gate_pass pass;
    begin_with(&easy);
    gate_begin(&gate, false, NOW_MS, &pass);
    end_as(&pass, &error, 5000, NOW_MS);
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), NOW_MS + 5000));
    cr_assert(eq(u64, gate_shut_until_ms(&gate, NOW_MS), NOW_MS + 5000));
    cr_assert(eq(u64, gate_shut_until_ms(&gate, NOW_MS + 4500), 0), "the rest is short");
    cr_assert(not(is_open(NOW_MS + 4999)));
    cr_assert(is_open(NOW_MS + 5000));
}

Test(gate, retry_after_closes_it_no_longer_than_a_breaker_would)
{
    struct gate_pass pass;
    begin_with(&easy);
    gate_begin(&gate, false, NOW_MS, &pass);
    end_as(&pass, &error, 86400 * SECOND_MS, NOW_MS);
    cr_assert(eq(u64, gate_opens_ms(&gate, NOW_MS), NOW_MS + easy.breaker.max_cooldown_ms));
}

Test(gate, retry_after_of_a_success_says_nothing)
{
    struct gate_pass pass;
    begin_with(&easy);
    gate_begin(&gate, false, NOW_MS, &pass);
    end_as(&pass, &success, 5000, NOW_MS);
    cr_assert(is_open(NOW_MS));
}

Test(gate, overload_shrinks_concurrency_and_other_errors_do_not)
{
    static const struct {
        struct attempt_record record;
        bool shrinks;
    } cases[] = {
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 429}, true},
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 502}, true},
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 503}, true},
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 504}, true},
        {{.outcome = ATTEMPT_TIMEOUT}, true},
        {{.outcome = ATTEMPT_CONNECT_REFUSED}, true},
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 500}, false},
        {{.outcome = ATTEMPT_HTTP_ERROR, .http_status = 422}, false},
        {{.outcome = ATTEMPT_TLS_FAILED}, false},
    };
    struct subscription adaptive = easy;
    adaptive.concurrency.adaptive = true;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        begin_with(&adaptive);
        attempt(&cases[i].record, NOW_MS);
        cr_assert(eq(int, gate.concurrency.limit < CONCURRENCY_START, cases[i].shrinks), "%s %u",
                  attempt_outcome_name(cases[i].record.outcome), cases[i].record.http_status);
    }
}

Test(gate, a_timeout_after_the_first_byte_was_an_answer)
{
    const struct attempt_record stalled = {.outcome = ATTEMPT_TIMEOUT, .first_byte_us = 1};
    begin_with(&easy);
    for (int i = 0; i < BREAKER_UNREACHABLE_MAX; i++)
        cr_assert(eq(int, attempt(&stalled, NOW_MS), BREAKER_SAME));
}

Test(gate, reset_forgets_what_was_found_out_but_not_what_is_on_its_way)
{
    struct gate_pass early, slow;
    begin_with(&easy);
    gate_begin(&gate, false, NOW_MS, &early);
    gate_begin(&gate, false, NOW_MS, &slow);
    end_as(&slow, &error, 60000, NOW_MS);
    break_at(NOW_MS + 60000);
    cr_assert(eq(int, gate_reset(&gate, NOW_MS), BREAKER_CLOSED_AGAIN));
    cr_assert(eq(u32, gate.in_flight, 1));
    cr_assert(is_open(NOW_MS));
    cr_assert(eq(int, end_as(&early, &error, 0, NOW_MS), BREAKER_SAME));
    cr_assert(eq(int, gate_reset(&gate, NOW_MS), BREAKER_SAME));
}

Test(gate, retries_go_before_first_attempts_only_as_the_budget_allows)
{
    struct gate_pass pass;
    begin_with(&easy);
    attempt(&success, NOW_MS);
    for (int i = 0; i < RETRY_BUDGET_MAX; i++) {
        cr_assert(gate_lets_retry(&gate, NOW_MS));
        gate_begin(&gate, true, NOW_MS, &pass);
    }
    cr_assert(not(gate_lets_retry(&gate, NOW_MS)));
    for (int i = 0; i < RETRY_BUDGET_FIRSTS; i++)
        gate_begin(&gate, false, NOW_MS, &pass);
    cr_assert(gate_lets_retry(&gate, NOW_MS), "first attempts pay for it");
}
