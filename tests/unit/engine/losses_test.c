/* Deliveries given up: told at once, then once a minute with a count. Replaced are who finds
 * subscriptions and events, and who raises alerts. */
#include "losses.h"

#include "subscription.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

static struct losses losses;
static struct alerts alerts;
static struct registry registry;
static struct subscription subscription;
static char of_orders[] = "order.*", of_alerts[] = "endpoint.*", *patterns[] = {of_orders};
static unsigned raised;
static char payload[ALERT_PAYLOAD_SIZE];
static const char *event_type = "order.made";

/* ---- in place of registry.c, backlog.c and alerts.c ---- */

struct subscription *registry_subscription(const struct registry *in, const struct id *id)
{
    cr_assert(in == &registry);
    return id->bytes[15] == 0xee ? NULL : &subscription;
}

int event_reader_open(struct event_reader **reader, struct db *db)
{
    (void)db;
    *reader = NULL;
    return 0;
}

void event_reader_close(struct event_reader *reader)
{
    (void)reader;
}

int event_reader_get(struct event_reader *reader, const struct id *id, struct event_record *event)
{
    (void)reader, (void)id;
    if (!event_type)
        return -ENOENT;
    *event = (struct event_record){.type = slice_str(event_type)};
    return 0;
}

void alerts_raise(struct alerts *to, enum alert_kind kind, const struct id *tenant, const char *key,
                  struct slice text)
{
    cr_assert(to == &alerts && tenant->bytes[0] == 7 && key[0]);
    cr_assert(eq(int, (int)kind, ALERT_DELIVERY_DEAD));
    memcpy(payload, text.at, text.size);
    payload[text.size] = '\0';
    raised++;
}

/* ---- the stage ---- */

static void setup(void)
{
    subscription.patterns = patterns;
    subscription.pattern_count = 1;
    cr_assert(zero(int, losses_open(&losses, &alerts, &registry, NULL)));
}

static void teardown(void)
{
    losses_close(&losses);
}

TestSuite(losses, .init = setup, .fini = teardown);

static void lose(unsigned number)
{
    struct attempt_record attempt = {.subscription = {{(uint8_t)number, (uint8_t)(number >> 8), 1}},
                                     .tenant = {{7}},
                                     .outcome = ATTEMPT_TIMEOUT,
                                     .status_after = DELIVERY_DEAD,
                                     .number = 3,
                                     .at_ms = 1000};
    losses_note(&losses, &attempt);
}

Test(losses, are_told_at_once_and_then_once_a_minute)
{
    lose(1);
    losses_turn(&losses, 5000);
    cr_assert(eq(u32, raised, 1));
    cr_expect(strstr(payload, "\"count\":1,") != NULL, "%s", payload);
    cr_expect(strstr(payload, "\"event_type\":\"order.made\"") != NULL, "%s", payload);
    for (unsigned i = 0; i < 50; i++)
        lose(1);
    losses_turn(&losses, 64999);
    cr_expect(eq(u32, raised, 1));
    losses_turn(&losses, 65000);
    cr_assert(eq(u32, raised, 2));
    cr_expect(strstr(payload, "\"count\":50,") != NULL, "%s", payload);
}

Test(losses, are_forgotten_after_a_quiet_minute)
{
    lose(1);
    lose(2);
    losses_turn(&losses, 5000);
    cr_expect(eq(u32, losses.count, 2));
    losses_turn(&losses, 65000);
    cr_expect(zero(u32, losses.count));
    lose(2);
    losses_turn(&losses, 65001);
    cr_expect(eq(u32, raised, 3));
}

Test(losses, of_subscriptions_do_not_mix)
{
    for (unsigned number = 0; number < 30; number++)
        for (unsigned i = 0; i <= number; i++)
            lose(number);
    losses_turn(&losses, 5000);
    cr_expect(eq(u32, raised, 30));
}

Test(losses, of_more_subscriptions_than_are_kept_are_counted)
{
    for (unsigned number = 0; number < LOSSES_MAX + 5; number++)
        lose(number);
    cr_expect(eq(u64, losses.untold, 5));
    losses_turn(&losses, 5000);
    cr_expect(eq(u32, raised, LOSSES_MAX));
}

Test(losses, of_alerts_are_not_told)
{
    patterns[0] = of_alerts;
    event_type = "endpoint.failing";
    lose(1);
    event_type = NULL; /* nobody knows any more what it was */
    lose(1);
    losses_turn(&losses, 5000);
    cr_expect(zero(u32, raised));
    event_type = "order.made";
    lose(1);
    losses_turn(&losses, 5000);
    cr_expect(eq(u32, raised, 1));
}
