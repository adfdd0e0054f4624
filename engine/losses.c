/* losses.c - see losses.h. */
#include "losses.h"

#include "base/list.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUIET_MS = 60 * 1000 };

struct loss {
    struct table_node node;
    struct id subscription, tenant;
    uint64_t count, since_ms, until_ms; /* not told yet; wall */
    uint64_t due_ms;                    /* monotonic: when the next may be told; 0: at once */
    struct id event;                    /* the last one, and how it ended */
    uint32_t attempts;
    uint16_t http_status;
    enum attempt_outcome outcome;
};

int losses_open(struct losses *losses, struct alerts *alerts, const struct registry *registry,
                struct db *db)
{
    *losses = (struct losses){.alerts = alerts, .registry = registry};
    losses->list = calloc(LOSSES_MAX, sizeof *losses->list);
    int error = losses->list ? event_reader_open(&losses->events, db) : -ENOMEM;
    return error ? error : table_open(&losses->table, LOSSES_MAX);
}

void losses_close(struct losses *losses)
{
    if (losses->events)
        event_reader_close(losses->events);
    table_close(&losses->table);
    free(losses->list);
    *losses = (struct losses){0};
}

static struct loss *find(struct losses *losses, const struct id *subscription)
{
    struct table_node *node = table_first(&losses->table, id_hash(subscription));
    for (; node; node = table_next(node)) {
        struct loss *loss = container_of(node, struct loss, node);
        if (id_equal(&loss->subscription, subscription))
            return loss;
    }
    if (losses->count == LOSSES_MAX)
        return NULL;
    struct loss *loss = &losses->list[losses->count++];
    *loss = (struct loss){.subscription = *subscription};
    table_put(&losses->table, &loss->node, id_hash(subscription));
    return loss;
}

/* The last one takes its place. */
static void forget(struct losses *losses, struct loss *loss)
{
    struct loss *last = &losses->list[--losses->count];
    table_drop(&losses->table, &loss->node);
    if (loss == last)
        return;
    table_drop(&losses->table, &last->node);
    *loss = *last;
    table_put(&losses->table, &loss->node, id_hash(&loss->subscription));
}

static bool gets_alerts(const struct subscription *subscription)
{
    for (unsigned i = 0; i < subscription->pattern_count; i++)
        if (alert_is_named_by(slice_str(subscription->patterns[i])))
            return true;
    return false;
}

static bool is_of_alert(struct losses *losses, const struct id *id)
{
    struct event_record event;
    return event_reader_get(losses->events, id, &event) || alert_is_type(event.type);
}

void losses_note(struct losses *losses, const struct attempt_record *attempt)
{
    const struct subscription *subscription =
        registry_subscription(losses->registry, &attempt->subscription);
    if (!subscription || (gets_alerts(subscription) && is_of_alert(losses, &attempt->event)))
        return;
    struct loss *loss = find(losses, &attempt->subscription);
    if (!loss) {
        losses->untold++;
        return;
    }
    uint64_t ended_ms = attempt->at_ms + attempt->duration_ms;
    if (loss->count++ == 0)
        loss->since_ms = ended_ms;
    loss->until_ms = ended_ms;
    loss->tenant = attempt->tenant;
    loss->event = attempt->event;
    loss->attempts = attempt->number;
    loss->http_status = attempt->http_status;
    loss->outcome = attempt->outcome;
}

static void put_last(struct losses *losses, struct text *text, const struct loss *loss)
{
    char digits[ID_TEXT_SIZE];
    const char *outcome = attempt_outcome_name(loss->outcome);
    struct event_record event;
    text_printf(text, ",\"last\":{\"event_id\":\"%s\",\"event_type\":",
                id_print(&loss->event, "evt", digits).at);
    if (event_reader_get(losses->events, &loss->event, &event) == 0)
        text_json(text, event.type);
    else
        text_put(text, SLICE("null"));
    text_printf(text, ",\"attempt_count\":%u,\"outcome\":\"%s\",\"http_status\":", loss->attempts,
                outcome ? outcome : "none");
    if (loss->http_status)
        text_u64(text, loss->http_status);
    else
        text_put(text, SLICE("null"));
    text_put(text, SLICE("}}"));
}

static void tell(struct losses *losses, const struct loss *loss)
{
    char payload[ALERT_PAYLOAD_SIZE], key[ALERT_KEY_SIZE];
    char subscription[ID_TEXT_SIZE], event[ID_TEXT_SIZE];
    struct text text;
    text_init(&text, payload, sizeof payload);
    id_print(&loss->subscription, "sub", subscription);
    id_print(&loss->event, "evt", event);
    text_printf(&text, "{\"subscription_id\":\"%s\",\"count\":%llu,\"since\":\"", subscription,
                (unsigned long long)loss->count);
    text_time(&text, loss->since_ms);
    text_put(&text, SLICE("\",\"until\":\""));
    text_time(&text, loss->until_ms);
    text_char(&text, '"');
    put_last(losses, &text, loss);
    must(text_ok(&text));
    snprintf(key, sizeof key, "%s/%s/%u", subscription, event, loss->attempts);
    alerts_raise(losses->alerts, ALERT_DELIVERY_DEAD, &loss->tenant, key, text_slice(&text));
}

void losses_turn(struct losses *losses, uint64_t now_ms)
{
    for (unsigned i = losses->count; i > 0; i--) {
        struct loss *loss = &losses->list[i - 1];
        if (now_ms < loss->due_ms)
            continue;
        if (loss->count == 0) {
            forget(losses, loss);
            continue;
        }
        tell(losses, loss);
        loss->count = 0;
        loss->due_ms = now_ms + QUIET_MS;
    }
}
