/* ledger.c - see ledger.h. */
#include "ledger.h"

#include "base/must.h"
#include "world.h"

#include <stdio.h>

struct event ledger_events[LEDGER_EVENTS];
unsigned ledger_event_count;
struct subscription_told ledger_subscriptions[LEDGER_SUBSCRIPTIONS];
unsigned ledger_subscription_count;

static struct body bodies[LEDGER_BODIES];
static unsigned body_count, wall_steps;

struct event *ledger_add_event(const char *type, unsigned batch)
{
    must(ledger_event_count < LEDGER_EVENTS);
    struct event *event = &ledger_events[ledger_event_count++];
    snprintf(event->type, sizeof event->type, "%s", type);
    event->batch = batch;
    event->deliveries = UINT64_MAX;
    return event;
}

struct body *ledger_add_body(struct event *event, struct slice payload, const char *content_type)
{
    must(body_count < LEDGER_BODIES);
    struct body *body = &bodies[body_count];
    *body = (struct body){event->bodies, body_count++, event, payload, content_type, 0};
    event->bodies = body;
    return body;
}

const struct body *ledger_body(unsigned number)
{
    return number < body_count ? &bodies[number] : NULL;
}

void ledger_note_step(void)
{
    wall_steps++;
}

unsigned ledger_steps(void)
{
    return wall_steps;
}

void ledger_offered(struct event *event)
{
    if (event->offered_ns == 0)
        event->offered_ns = world_now_ns();
}

static bool is_of_type(const struct subscription_told *subscription, const struct event *event)
{
    const char *pattern = subscription->pattern;
    size_t size = strlen(pattern);
    if (strcmp(pattern, "*") == 0)
        return true;
    if (size > 2 && strcmp(pattern + size - 2, ".*") == 0)
        return strncmp(event->type, pattern, size - 1) == 0;
    return strcmp(event->type, pattern) == 0;
}

bool ledger_wants(const struct subscription_told *subscription, const struct body *body)
{
    return is_of_type(subscription, body->event) && condition_holds(&subscription->condition, body);
}

bool ledger_matches(const struct subscription_told *subscription, const struct event *event)
{
    if (event->delivered)
        return ledger_wants(subscription, event->delivered);
    for (const struct body *body = event->bodies; body; body = body->next)
        if (!ledger_wants(subscription, body))
            return false;
    return true;
}

bool ledger_may_match(const struct subscription_told *subscription, const struct event *event)
{
    if (event->delivered)
        return ledger_wants(subscription, event->delivered);
    for (const struct body *body = event->bodies; body; body = body->next)
        if (ledger_wants(subscription, body))
            return true;
    return false;
}

/* How many subscriptions an event that was accepted in this time has to match, and may match. */
static void check_count(const struct event *event, uint64_t deliveries)
{
    unsigned least = 0, most = 0;
    for (unsigned i = 0; i < ledger_subscription_count; i++) {
        const struct subscription_told *subscription = &ledger_subscriptions[i];
        if (subscription->state == STATE_ABSENT || !ledger_may_match(subscription, event))
            continue;
        most++;
        least += subscription->state == STATE_ALIVE && subscription->made_ns < event->offered_ns &&
                 ledger_matches(subscription, event);
    }
    if (deliveries < least || deliveries > most)
        world_fail("%s was said to have %lu deliveries, but matches %u to %u", event->id,
                   deliveries, least, most);
}

void ledger_answered(struct event *event, uint64_t sent_ns, struct slice id, uint64_t deliveries,
                     bool is_duplicate)
{
    if (id.size == 0 || id.size >= LEDGER_ID)
        world_fail("a 202 names no event");
    if (event->id[0] && !slice_equal(slice_str(event->id), id))
        world_fail("one event was called %s and then %.*s", event->id, SLICE_ARGS(id));
    if (event->is_accepted && event->answered_ns < sent_ns && !is_duplicate)
        world_fail("%s was accepted twice", event->id);
    snprintf(event->id, sizeof event->id, "%.*s", SLICE_ARGS(id));
    if (!is_duplicate) {
        event->taken_ns = world_now_ns();
        check_count(event, deliveries);
        event->deliveries = deliveries;
    }
    if (!event->is_accepted)
        event->answered_ns = world_now_ns();
    event->is_accepted = true;
    world_say("202 %s deliveries=%lu%s", event->id, deliveries, is_duplicate ? " duplicate" : "");
}

/* By then what the receiver has answered is on record. */
#define ON_RECORD_NS (30 * WORLD_SECOND)

static void owe(struct delivery_seen *seen, unsigned number)
{
    if (seen->is_acknowledged && seen->acknowledged_ns + ON_RECORD_NS < world_now_ns())
        seen->owed_by = number + 1;
}

void ledger_redeliver(struct subscription_told *subscription, struct slice event, bool has_ended)
{
    unsigned number = subscription->replays++;
    must(number < LEDGER_REPLAYS);
    for (unsigned i = 0; i < ledger_event_count; i++) {
        struct delivery_seen *seen = &ledger_events[i].seen[subscription->index];
        if (!slice_equal(slice_str(ledger_events[i].id), event))
            continue;
        seen->is_hurried = true;
        if (has_ended)
            owe(seen, number);
    }
}

unsigned ledger_replay(struct subscription_told *subscription, bool of_all)
{
    unsigned number = subscription->replays++;
    must(number < LEDGER_REPLAYS);
    for (unsigned i = 0; i < ledger_event_count && of_all; i++) {
        struct delivery_seen *seen = &ledger_events[i].seen[subscription->index];
        owe(seen, number);
    }
    return number;
}
