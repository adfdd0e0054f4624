/* The ledger against its contract: what was promised and did not come is lost, what came twice is
 * duplicated, and what nobody asked for is a stray. The last test checks it against a model too
 * simple to be wrong. */
#include "bench/load/ledger.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <stdlib.h>

static struct ledger ledger;
static struct audit audit;

static void open_ledger(uint64_t events_max, unsigned subscriptions, unsigned fan_out)
{
    cr_assert(eq(int, ledger_open(&ledger, events_max, subscriptions, fan_out), 0));
}

static void close_ledger(void)
{
    ledger_close(&ledger);
}

TestSuite(ledger, .fini = close_ledger);

Test(ledger, owes_nothing_for_events_that_were_not_accepted)
{
    open_ledger(10, 1, 1);
    ledger_note(&ledger, 0, EVENT_UNKNOWN);
    ledger_note(&ledger, 1, EVENT_REFUSED);

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.owed, 0));
    cr_assert(eq(u64, audit.lost, 0));
    cr_assert(eq(u64, audit.unknown, 1));
    cr_assert(eq(u64, audit.refused, 1));
}

Test(ledger, calls_an_accepted_event_lost_until_each_subscription_has_it)
{
    open_ledger(10, 3, 3);
    ledger_note(&ledger, 4, EVENT_ACCEPTED);
    cr_assert(eq(int, ledger_deliver(&ledger, 4, 0), DELIVERY_FIRST));
    cr_assert(eq(int, ledger_deliver(&ledger, 4, 2), DELIVERY_FIRST));

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.owed, 3));
    cr_assert(eq(u64, audit.lost, 1));

    cr_assert(eq(int, ledger_deliver(&ledger, 4, 1), DELIVERY_FIRST));
    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.lost, 0));
    cr_assert(eq(u64, audit.delivered, 3));
}

Test(ledger, judges_only_the_groups_that_are_owed_something)
{
    open_ledger(10, 3, 1);
    ledger.owed_from = 1;
    for (uint64_t event = 0; event < 6; event++)
        ledger_note(&ledger, event, event == 5 ? EVENT_UNKNOWN : EVENT_ACCEPTED);
    cr_assert(eq(u64, ledger_awaited(&ledger), 4)); /* 1, 2, 4 and perhaps 5 */

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.accepted, 3));
    cr_assert(eq(u64, audit.lost, 3));
    cr_assert(eq(u64, audit.unknown, 1));
}

Test(ledger, counts_every_delivery_after_the_first_as_a_duplicate)
{
    open_ledger(10, 1, 1);
    ledger_note(&ledger, 0, EVENT_ACCEPTED);
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), DELIVERY_FIRST));
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), DELIVERY_AGAIN));
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), DELIVERY_AGAIN));

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.duplicated, 2));
    cr_assert(eq(u64, audit.delivered, 1));
    cr_assert(eq(u64, audit.lost, 0));
}

Test(ledger, does_not_let_a_duplicate_hide_a_loss)
{
    open_ledger(2, 1, 1);
    ledger_note(&ledger, 0, EVENT_ACCEPTED);
    ledger_note(&ledger, 1, EVENT_ACCEPTED);
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), DELIVERY_FIRST));
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), DELIVERY_AGAIN));

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.lost, 1));
    cr_assert(eq(u64, audit.duplicated, 1));
}

Test(ledger, keeps_counting_from_wrapping_to_zero)
{
    open_ledger(1, 1, 1);
    ledger_note(&ledger, 0, EVENT_ACCEPTED);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert(eq(int, ledger_deliver(&ledger, 0, 0), i ? DELIVERY_AGAIN : DELIVERY_FIRST));

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.lost, 0));
    cr_assert(eq(u64, audit.delivered, 1));
}

Test(ledger, takes_what_was_never_sent_or_went_to_the_wrong_place_for_a_stray)
{
    open_ledger(10, 4, 2);
    cr_assert(eq(int, ledger_deliver(&ledger, 10, 0), DELIVERY_STRAY));
    cr_assert(eq(int, ledger_deliver(&ledger, UINT64_MAX, 0), DELIVERY_STRAY));
    cr_assert(eq(int, ledger_deliver(&ledger, 0, 2), DELIVERY_STRAY), "owed to 0 and 1");
    cr_assert(eq(int, ledger_deliver(&ledger, 1, 1), DELIVERY_STRAY), "owed to 2 and 3");
    cr_assert(eq(int, ledger_deliver(&ledger, 1, 3), DELIVERY_FIRST));
}

Test(ledger, tells_deliveries_of_unknown_events_apart)
{
    open_ledger(10, 2, 2);
    ledger_note(&ledger, 3, EVENT_UNKNOWN);
    cr_assert(eq(int, ledger_deliver(&ledger, 3, 0), DELIVERY_FIRST));

    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.of_unknown, 1));
    cr_assert(eq(u64, audit.lost, 0));
}

Test(ledger, refuses_an_event_beyond_its_room, .signal = SIGABRT)
{
    open_ledger(10, 1, 1);
    ledger_note(&ledger, 10, EVENT_ACCEPTED);
}

/* Random fates and deliveries; the model keeps every delivery in a plain table of counts. */
enum { EVENTS = 500, GROUPS = 3, FAN_OUT = 4, STEPS = 20000, SEED = 11 };
static enum event_fate fates[EVENTS];
static unsigned counts[EVENTS][GROUPS * FAN_OUT];

static void model_audit(struct audit *expected)
{
    *expected = (struct audit){0};
    for (unsigned event = 0; event < EVENTS; event++) {
        unsigned came = 0;
        for (unsigned i = 0; i < GROUPS * FAN_OUT; i++) {
            came += counts[event][i] > 0;
            expected->duplicated += counts[event][i] > 1 ? counts[event][i] - 1 : 0;
        }
        expected->delivered += came;
        expected->accepted += fates[event] == EVENT_ACCEPTED;
        expected->lost += fates[event] == EVENT_ACCEPTED ? FAN_OUT - came : 0;
        expected->of_unknown += fates[event] == EVENT_UNKNOWN ? came : 0;
        expected->of_refused += fates[event] == EVENT_REFUSED ? came : 0;
    }
}

Test(ledger, agrees_with_a_simple_model)
{
    cr_log_info("seed %d", SEED);
    srandom(SEED);
    open_ledger(EVENTS, GROUPS * FAN_OUT, FAN_OUT);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned event = (unsigned)random() % EVENTS;
        unsigned subscription = (unsigned)random() % (GROUPS * FAN_OUT);
        if (random() % 8 == 0) {
            fates[event] = (enum event_fate)(random() % 4);
            ledger_note(&ledger, event, fates[event]);
            continue;
        }
        enum delivery_turn expected = DELIVERY_STRAY;
        if (subscription / FAN_OUT == event % GROUPS)
            expected = counts[event][subscription]++ ? DELIVERY_AGAIN : DELIVERY_FIRST;
        cr_assert(eq(int, ledger_deliver(&ledger, event, subscription), expected));
    }

    struct audit expected;
    model_audit(&expected);
    ledger_audit(&ledger, &audit);
    cr_assert(eq(u64, audit.accepted, expected.accepted));
    cr_assert(eq(u64, audit.lost, expected.lost));
    cr_assert(eq(u64, audit.delivered, expected.delivered));
    cr_assert(eq(u64, audit.duplicated, expected.duplicated));
    cr_assert(eq(u64, audit.of_unknown, expected.of_unknown));
    cr_assert(eq(u64, audit.of_refused, expected.of_refused));
}
