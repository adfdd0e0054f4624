/* order_check.c - see order_check.h. A 202 for a duplicate may come from another shard before the
 * one that has the event has passed it on, and does not count here. An event is passed over when it
 * is dead, which its receiver cannot know if it has not seen all attempts: then it is noted, and
 * must not come any more. A crash may bring back what was dead, and so may a replay: then what is
 * checked is that one comes at a time.
 */
#include "order_check.h"

#include "machine.h"
#include "world.h"

static struct delivery_seen *seen_of(struct event *event, const struct attempt_seen *attempt)
{
    return &event->seen[attempt->subscription->index];
}

static bool is_in_order_with(const struct attempt_seen *attempt, const struct event *other)
{
    const struct subscription_told *told = attempt->subscription;
    const struct event *event = attempt->body->event;
    bool is_owed = other->is_accepted && told->made_ns < other->offered_ns;
    bool is_of_key = told->ordering == ORDER_STRICT || other->key == event->key;
    return other != event && is_owed && is_of_key && ledger_matches(told, other);
}

static bool comes_before(const struct event *earlier, const struct event *event)
{
    if (earlier->batch && earlier->batch == event->batch)
        return earlier < event;
    return earlier->taken_ns > 0 && earlier->taken_ns < event->offered_ns;
}

/* Whether the receiver has seen every attempt of it, and one more is to come. */
static bool is_surely_alive(const struct attempt_seen *attempt, const struct event *earlier,
                            const struct delivery_seen *seen)
{
    const struct subscription_told *told = attempt->subscription;
    bool has_missed = attempt->missed_ns >= earlier->offered_ns || told->moves > 0;
    return !has_missed && told->replays == 0 && seen->last_number <= told->step_count;
}

static void check_earlier(const struct attempt_seen *attempt, struct event *earlier)
{
    const struct event *event = attempt->body->event;
    struct delivery_seen *seen = seen_of(earlier, attempt);
    if (seen->was_acknowledged)
        return;
    if (is_surely_alive(attempt, earlier, seen))
        world_fail("%s was sent to subscription %u before %s", event->id,
                   attempt->subscription->index, earlier->id);
    seen->overtaken = machine_crashes() + 1;
}

void order_check(const struct attempt_seen *attempt)
{
    const struct subscription_told *told = attempt->subscription;
    struct event *event = attempt->body->event;
    const struct delivery_seen *own = seen_of(event, attempt);
    if (told->ordering == ORDER_NONE || told->state != STATE_ALIVE || ledger_steps() > 0)
        return;
    if (own->overtaken == machine_crashes() + 1 && told->replays == 0)
        world_fail("%s was sent to subscription %u after what comes after it", event->id,
                   told->index);
    for (unsigned i = 0; i < ledger_event_count; i++) {
        struct event *other = &ledger_events[i];
        if (!is_in_order_with(attempt, other))
            continue;
        const struct delivery_seen *seen = seen_of(other, attempt);
        if (seen->in_flight > 0 && seen->crashes_then == machine_crashes())
            world_fail("%s was sent to subscription %u while %s was under way", event->id,
                       told->index, other->id);
        if (comes_before(other, event))
            check_earlier(attempt, other);
    }
}
