/* ledger.c - two arrays of bytes. A count of deliveries stays at 255 when it gets there. */
#include "bench/load/ledger.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

/* The kernel gives pages as they are first written. */
static uint8_t *reserve(uint64_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

int ledger_open(struct ledger *ledger, uint64_t events_max, unsigned subscriptions,
                unsigned fan_out)
{
    must(events_max > 0 && fan_out > 0 && subscriptions > 0 && subscriptions % fan_out == 0);
    *ledger = (struct ledger){
        .events_max = events_max, .fan_out = fan_out, .groups = subscriptions / fan_out};
    if (events_max > UINT64_MAX / 2 / fan_out)
        return -ENOMEM;
    ledger->fates = reserve(events_max);
    ledger->counts = reserve(events_max * fan_out);
    if (ledger->fates && ledger->counts)
        return 0;
    ledger_close(ledger);
    return -ENOMEM;
}

void ledger_close(struct ledger *ledger)
{
    if (ledger->fates)
        munmap(ledger->fates, ledger->events_max);
    if (ledger->counts)
        munmap(ledger->counts, ledger->events_max * ledger->fan_out);
    ledger->fates = ledger->counts = NULL;
}

void ledger_note(struct ledger *ledger, uint64_t event, enum event_fate fate)
{
    must(event < ledger->events_max);
    ledger->fates[event] = (uint8_t)fate;
}

enum delivery_turn ledger_deliver(struct ledger *ledger, uint64_t event, unsigned subscription)
{
    if (event >= ledger->events_max ||
        subscription / ledger->fan_out != ledger_group(ledger, event))
        return DELIVERY_STRAY;

    uint8_t *count = &ledger->counts[event * ledger->fan_out + subscription % ledger->fan_out];
    if (*count < UINT8_MAX)
        ++*count;
    return *count == 1 ? DELIVERY_FIRST : DELIVERY_AGAIN;
}

static bool is_owed(const struct ledger *ledger, uint64_t event)
{
    return ledger_group(ledger, event) >= ledger->owed_from;
}

static void audit_event(const struct ledger *ledger, uint64_t event, struct audit *audit)
{
    uint64_t came = 0, again = 0;
    for (unsigned i = 0; i < ledger->fan_out; i++) {
        unsigned count = ledger->counts[event * ledger->fan_out + i];
        came += count > 0;
        again += count > 1 ? count - 1 : 0;
    }
    audit->delivered += came;
    audit->duplicated += again;

    switch ((enum event_fate)ledger->fates[event]) {
    case EVENT_ACCEPTED:
        audit->accepted++;
        audit->owed += ledger->fan_out;
        audit->lost += ledger->fan_out - came;
        break;
    case EVENT_UNKNOWN:
        audit->unknown++;
        audit->of_unknown += came;
        break;
    case EVENT_REFUSED:
        audit->refused++;
        audit->of_refused += came;
        break;
    case EVENT_UNSENT:
        break;
    }
}

void ledger_audit(const struct ledger *ledger, struct audit *audit)
{
    *audit = (struct audit){0};
    for (uint64_t event = 0; event < ledger->events_max; event++)
        if (is_owed(ledger, event))
            audit_event(ledger, event, audit);
}

uint64_t ledger_awaited(const struct ledger *ledger)
{
    uint64_t events = 0;
    for (uint64_t event = 0; event < ledger->events_max; event++) {
        uint8_t fate = ledger->fates[event];
        events += is_owed(ledger, event) && (fate == EVENT_ACCEPTED || fate == EVENT_UNKNOWN);
    }
    return events * ledger->fan_out;
}
