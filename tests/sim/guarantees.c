/* guarantees.c - what the engine promises, each promise a function.
 *
 * Exactness. A thread's run takes no virtual time, so what the ledger notes when the engine takes
 * bytes in, or gives a connection up, is the very moment that the engine's own clock shows. Where
 * less can be known from outside (was it a pause before the attempt began?), the check gives way.
 */
#include "ledger.h"

#include "base/id.h"
#include "base/must.h"
#include "disk.h"
#include "gate_model.h"
#include "machine.h"
#include "order_check.h"
#include "outage_check.h"
#include "store/keys.h"
#include "store/row.h"
#include "tempo.h"
#include "world.h"

#include <stdio.h>

/* Threads may be held up for so long. */
#define SLACK_NS (10 * WORLD_SECOND)

static struct delivery_seen *seen_of(const struct attempt_seen *attempt)
{
    return &attempt->body->event->seen[attempt->subscription->index];
}

static bool is_same_process(const struct delivery_seen *seen)
{
    return seen->crashes_then == machine_crashes();
}

/* ---- what is delivered once more ---- */

/* Whether what had ended may come again: as often as a replay was asked for, and no more. */
static bool may_be_renewed(const struct attempt_seen *attempt, const struct delivery_seen *seen)
{
    return seen->renewals < attempt->subscription->replays;
}

static bool has_ended(const struct delivery_seen *seen)
{
    return is_same_process(seen) &&
           (seen->is_acknowledged || (seen->has_failed && seen->wait_ms == UINT64_MAX));
}

/* It comes again because of a replay, if it does: then it begins anew. */
static void renew(const struct attempt_seen *attempt, struct delivery_seen *seen)
{
    bool has_missed = seen->missed_then != attempt->missed;
    seen->owed_by = 0;
    if (attempt->subscription->replays == 0)
        return;
    if (!is_same_process(seen)) {
        seen->renewals = 0;
        seen->is_renewal_unsure = true;
    }
    if (!has_ended(seen) || !may_be_renewed(attempt, seen)) {
        seen->is_renewal_unsure |= has_missed;
        return;
    }
    seen->renewals++;
    seen->attempts_before = attempt->number - 1;
    seen->is_renewal_unsure = has_missed;
    seen->is_acknowledged = seen->has_failed = false;
    seen->overtaken = 0;
}

/* ---- at an attempt ---- */

static void check_match(const struct attempt_seen *attempt)
{
    struct event *event = attempt->body->event;
    if (!ledger_wants(attempt->subscription, attempt->body))
        world_fail("%s of type %s is not for subscription %u of %s", event->id, event->type,
                   attempt->subscription->index, attempt->subscription->pattern);
    if (event->delivered && event->delivered != attempt->body)
        world_fail("%s: a duplicate by its key was delivered: %u and %u", event->id,
                   event->delivered->number, attempt->body->number);
    event->delivered = attempt->body;
}

static void check_duplicate(const struct attempt_seen *attempt)
{
    const struct delivery_seen *seen = seen_of(attempt);
    if (seen->is_acknowledged && is_same_process(seen))
        world_fail("%s came again to subscription %u after its 2xx was taken in",
                   attempt->body->event->id, attempt->subscription->index);
    if (seen->in_flight > 0 && is_same_process(seen))
        world_fail("%s is under way twice to subscription %u", attempt->body->event->id,
                   attempt->subscription->index);
}

static void check_early(const struct attempt_seen *attempt)
{
    const struct delivery_seen *seen = seen_of(attempt);
    if (!seen->has_failed || !is_same_process(seen) || seen->steps_then != ledger_steps())
        return;
    if (seen->wait_ms == UINT64_MAX)
        world_fail("%s came again to subscription %u after the end of its schedule",
                   attempt->body->event->id, attempt->subscription->index);
    uint64_t due_ns = seen->failed_ns + seen->wait_ms * WORLD_MS;
    if (attempt->sent_ns < due_ns && !seen->is_hurried)
        world_fail("%s was sent again to subscription %u %.6f ms early", attempt->body->event->id,
                   attempt->subscription->index,
                   (double)(due_ns - attempt->sent_ns) / (double)WORLD_MS);
}

/* Attempts that did not reach the receiver are known by the connections that failed. */
static void check_number(const struct attempt_seen *attempt)
{
    const struct delivery_seen *seen = seen_of(attempt);
    const char *id = attempt->body->event->id;
    unsigned last = seen->last_number, number = attempt->number;
    unsigned rounds = 1 + attempt->subscription->replays;
    if (attempt->subscription->replays > 0)
        rounds += machine_crashes(); /* one may do again what a crash has undone */
    if (number == 0 || number > (attempt->subscription->step_count + 1) * rounds)
        world_fail("%s came as attempt %u of %u", id, number,
                   (attempt->subscription->step_count + 1) * rounds);
    if (!is_same_process(seen) && seen->attempts > 0)
        return; /* the end of the last attempt may be lost */
    if (seen->has_failed && number <= last)
        world_fail("%s came as attempt %u after attempt %u had failed", id, number, last);
    if (number < last)
        world_fail("%s came as attempt %u after attempt %u", id, number, last);
    if (number > last + 1 && seen->missed_then == attempt->missed)
        world_fail("%s came as attempt %u after attempt %u", id, number, last);
    bool is_next = attempt->missed_ns < machine_started_ns() &&
                   seen->moves_then == attempt->subscription->moves;
    if (seen->was_cut && is_next && number != last)
        world_fail("%s came as attempt %u after attempt %u had been cut short by a stop", id,
                   number, last);
}

static void check_pause(const struct attempt_seen *attempt)
{
    const struct subscription_told *subscription = attempt->subscription;
    if (!subscription->is_paused)
        return;
    uint64_t began_ns = attempt->on_used_wire ? attempt->sent_ns : attempt->began_ns;
    uint64_t may_ns = subscription->paused_ns;
    if (!attempt->on_used_wire)
        may_ns += subscription->timeout_ms * WORLD_MS + SLACK_NS;
    if (began_ns > may_ns)
        world_fail("%s was sent to subscription %u, which is paused", attempt->body->event->id,
                   subscription->index);
}

static void check_concurrency(const struct attempt_seen *attempt)
{
    if (attempt->subscription->in_flight > attempt->subscription->concurrency)
        world_fail("subscription %u has %u attempts under way, and may have %u",
                   attempt->subscription->index, attempt->subscription->in_flight,
                   attempt->subscription->concurrency);
}

/* Not before this moment the engine has begun the attempt; 0 if that is not known, for its host's
 * name was looked up, or it may have been sent on another connection before. */
static uint64_t find_start(const struct attempt_seen *attempt)
{
    const struct delivery_seen *seen = seen_of(attempt);
    const struct subscription_told *told = attempt->subscription;
    uint64_t start_ns = attempt->on_used_wire ? attempt->sent_ns : attempt->began_ns;
    uint64_t span_ns = told->timeout_ms * WORLD_MS + SLACK_NS;
    bool is_again =
        is_same_process(seen) && seen->last_number == attempt->number && !seen->has_failed;
    bool may_be_again = attempt->missed_ns > 0 && attempt->missed_ns + span_ns > start_ns;
    bool is_looked_up = told->by_name && !attempt->on_used_wire;
    return is_again || may_be_again || is_looked_up ? 0 : start_ns;
}

static void begin_request(struct attempt_seen *attempt)
{
    check_pause(attempt);
    gate_model_begin(attempt);
    outage_check_begin(attempt);
    tempo_check(attempt);
    attempt->subscription->in_flight++;
    check_concurrency(attempt);
}

static void begin_one(struct attempt_seen *attempt)
{
    struct delivery_seen *seen = seen_of(attempt);
    check_match(attempt);
    renew(attempt, seen);
    check_duplicate(attempt);
    check_early(attempt);
    check_number(attempt);
    order_check(attempt);

    if (!is_same_process(seen))
        seen->in_flight = 0;
    seen->attempts++;
    seen->last_number = attempt->number;
    seen->missed_then = attempt->missed;
    seen->crashes_then = machine_crashes();
    seen->is_acknowledged = seen->has_failed = seen->was_cut = false;
    seen->in_flight++;
}

void guarantees_attempt(struct attempt_seen *attempt)
{
    uint64_t start_ns = UINT64_MAX;
    must(attempt);
    for (const struct attempt_seen *each = attempt; each; each = each->companion)
        start_ns = find_start(each) < start_ns ? find_start(each) : start_ns;
    attempt->start_ns = start_ns;
    begin_request(attempt);
    for (struct attempt_seen *each = attempt; each; each = each->companion) {
        each->start_ns = start_ns;
        begin_one(each);
    }
}

/* ---- at its end ---- */

static void end_request(struct attempt_seen *attempt)
{
    must(!attempt->is_over && attempt->subscription->in_flight > 0);
    attempt->is_over = true;
    attempt->subscription->in_flight--;
}

static struct delivery_seen *end_one(const struct attempt_seen *attempt)
{
    struct delivery_seen *seen = seen_of(attempt);
    if (seen->in_flight > 0)
        seen->in_flight--;
    return seen;
}

static void say(const struct attempt_seen *attempt, int status)
{
    world_say("%s to subscription %u, attempt %u: %d", attempt->body->event->id,
              attempt->subscription->index, attempt->number, status);
}

static void note_failure(const struct attempt_seen *attempt, struct delivery_seen *seen,
                         uint64_t retry_after_ms)
{
    const struct subscription_told *subscription = attempt->subscription;
    seen->has_failed = true;
    seen->failed_ns = world_now_ns();
    seen->crashes_then = machine_crashes();
    seen->steps_then = ledger_steps();
    seen->wait_ms = UINT64_MAX;
    seen->has_failed = !seen->is_renewal_unsure; /* else it is not known how long it waits */
    unsigned number = attempt->number - seen->attempts_before;
    if (number <= subscription->step_count) {
        seen->wait_ms = subscription->steps_ms[number - 1];
        if (retry_after_ms > seen->wait_ms)
            seen->wait_ms = retry_after_ms;
    }
}

/* While it stops, an end may be its own doing. */
static bool is_at_work(void)
{
    return machine_is_up() && !machine_is_stopping();
}

static void answer_one(const struct attempt_seen *attempt, int status, uint64_t retry_after_ms)
{
    struct delivery_seen *seen = end_one(attempt);
    say(attempt, status);
    if (status >= 200 && status <= 299) {
        seen->is_acknowledged = seen->was_acknowledged = true;
        seen->acknowledged_ns = world_now_ns();
        seen->crashes_then = machine_crashes();
    } else {
        note_failure(attempt, seen, retry_after_ms);
    }
}

void guarantees_answered(struct attempt_seen *attempt, int status, uint64_t retry_after_ms)
{
    bool is_delivered = status >= 200 && status <= 299;
    end_request(attempt);
    for (const struct attempt_seen *each = attempt; each; each = each->companion)
        answer_one(each, status, retry_after_ms);
    outage_check_end(attempt, is_delivered);
    if (is_at_work())
        gate_model_end(attempt, is_delivered ? END_DELIVERED : END_ANSWERED, retry_after_ms);
}

/* Given up by an engine that stops, though it had time left. */
static void note_cut(const struct attempt_seen *attempt, struct delivery_seen *seen,
                     enum attempt_end how)
{
    uint64_t late_ns = attempt->start_ns + attempt->subscription->timeout_ms * WORLD_MS;
    seen->was_cut = machine_is_up() && how == END_LATE && attempt->start_ns > 0 &&
                    world_now_ns() + WORLD_MS < late_ns;
    seen->moves_then = attempt->subscription->moves;
}

static void break_one(const struct attempt_seen *attempt, enum attempt_end how)
{
    struct delivery_seen *seen = end_one(attempt);
    say(attempt, 0);
    if (!is_at_work())
        note_cut(attempt, seen, how);
    else if (how != END_UNKNOWN)
        note_failure(attempt, seen, 0);
}

void guarantees_ended(struct attempt_seen *attempt, enum attempt_end how)
{
    end_request(attempt);
    for (const struct attempt_seen *each = attempt; each; each = each->companion)
        break_one(each, how);
    if (!is_at_work())
        return;
    gate_model_end(attempt, how, 0);
    if (how != END_UNKNOWN)
        outage_check_end(attempt, false);
}

/* ---- at rest ---- */

struct row_count {
    unsigned of_deleted, of_others;
};

static struct row_count counted;

static bool is_deleted(const struct id *subscription)
{
    char text[ID_TEXT_SIZE];
    id_print(subscription, "sub", text);
    for (unsigned i = 0; i < ledger_subscription_count; i++)
        if (strcmp(ledger_subscriptions[i].id, text) == 0)
            return ledger_subscriptions[i].state == STATE_DELETED;
    return false;
}

static void count_row(struct slice key, struct slice value)
{
    struct id subscription, event;
    enum row_kind kind;
    uint64_t due_ms;
    (void)value;
    must(key.at[0] == ROW_RETRY ? key_parse_retry(key, &due_ms, &subscription, &event) == 0
                                : key_parse_row(key, &kind, &subscription, &event) == 0);
    if (is_deleted(&subscription))
        counted.of_deleted++;
    else
        counted.of_others++;
}

static struct row_count count_rows(void)
{
    counted = (struct row_count){0};
    disk_each_row(ROW_RETRY, count_row);
    disk_each_row(ROW_PARKED, count_row);
    return counted;
}

bool guarantees_are_met(void)
{
    return count_rows().of_others == 0;
}

bool guarantees_are_swept(void)
{
    struct row_count count = count_rows();
    return count.of_deleted + count.of_others == 0;
}

/* Of a delivery that was given up: those it had before it was redelivered last. */
static unsigned attempts_before(const struct id *subscription, const struct id *event)
{
    struct key key = key_row(ROW_DELIVERY, subscription, event);
    struct delivery_row row;
    struct slice value;
    must(disk_find_row(key_slice(&key), &value));
    must(delivery_row_decode(value, &row) == 0);
    return row.attempts_before;
}

static bool is_dead_letter(const struct event *event, const struct subscription_told *subscription)
{
    struct id event_id, subscription_id;
    struct slice value;
    struct wait_row row;
    must(id_parse(slice_str(event->id), "evt", &event_id) == 0);
    must(id_parse(slice_str(subscription->id), "sub", &subscription_id) == 0);
    struct key key = key_row(ROW_DEAD, &subscription_id, &event_id);
    if (!disk_find_row(key_slice(&key), &value))
        return false;
    must(wait_row_decode(value, &row) == 0);
    unsigned before = attempts_before(&subscription_id, &event_id);
    if (row.attempt_count - before != subscription->step_count + 1)
        world_fail("%s was given up for subscription %u after %u attempts of %u", event->id,
                   subscription->index, row.attempt_count - before, subscription->step_count + 1);
    return true;
}

static void check_not_lost(const struct event *event, const struct subscription_told *subscription)
{
    const struct delivery_seen *seen = &event->seen[subscription->index];
    bool is_owed = event->is_accepted && subscription->state == STATE_ALIVE &&
                   subscription->made_ns < event->offered_ns && ledger_matches(subscription, event);
    if (is_owed && !seen->is_acknowledged && !is_dead_letter(event, subscription))
        world_fail("%s is lost for subscription %u after %u attempts", event->id,
                   subscription->index, seen->attempts);
}

/* What had been taken when a replay was asked for has come since, or died. */
static void check_replayed(const struct event *event, const struct subscription_told *subscription)
{
    const struct delivery_seen *seen = &event->seen[subscription->index];
    bool is_owed = seen->owed_by > 0 && subscription->state == STATE_ALIVE &&
                   subscription->is_replay_sure[seen->owed_by - 1] && ledger_steps() == 0;
    if (is_owed && !is_dead_letter(event, subscription))
        world_fail("%s was not delivered once more to subscription %u by replay %u", event->id,
                   subscription->index, seen->owed_by - 1);
}

/* A delivery's row remembers where each of its attempts is, or the latest of them. */
static void check_attempts_kept(struct slice key, struct slice value)
{
    struct id subscription, event;
    enum row_kind kind;
    struct delivery_row row;
    must(key_parse_row(key, &kind, &subscription, &event) == 0);
    must(delivery_row_decode(value, &row) == 0);
    unsigned owed =
        row.attempt_count < RECORD_ATTEMPTS_KEPT ? row.attempt_count : RECORD_ATTEMPTS_KEPT;
    if (row.block_count < owed)
        world_fail("a delivery had %u attempts, and its row knows of %u", row.attempt_count,
                   row.block_count);
}

void guarantees_at_rest(void)
{
    disk_each_row(ROW_DELIVERY, check_attempts_kept);
    for (unsigned i = 0; i < ledger_event_count; i++)
        for (unsigned k = 0; k < ledger_subscription_count; k++) {
            check_not_lost(&ledger_events[i], &ledger_subscriptions[k]);
            check_replayed(&ledger_events[i], &ledger_subscriptions[k]);
        }
    machine_check_pools();
}
