/* outage_check.c - see outage_check.h. A crash may take the note of an outage with it, if nothing
 * was synced since: then it begins anew. A day without an attempt ends it, too.
 */
#include "outage_check.h"

#include "machine.h"
#include "world.h"

#define HOUR_NS  (3600 * WORLD_SECOND)
#define SLACK_NS (60 * WORLD_SECOND)

struct outage {
    unsigned crashes;
    uint64_t since_ns, last_ns; /* 0: there is none */
    uint64_t over_ns;           /* when it was long enough; 0: it is not */
};

static struct outage outages[LEDGER_SUBSCRIPTIONS];

static struct outage *look(const struct attempt_seen *attempt)
{
    struct outage *outage = &outages[attempt->subscription->index];
    if (outage->crashes != machine_crashes())
        *outage = (struct outage){.crashes = machine_crashes()};
    return outage;
}

void outage_check_begin(const struct attempt_seen *attempt)
{
    const struct outage *outage = look(attempt);
    if (outage->over_ns > 0 && attempt->start_ns > outage->over_ns + SLACK_NS)
        world_fail("subscription %u is sent to after %.1f days of nothing but failures",
                   attempt->subscription->index,
                   (double)(attempt->start_ns - outage->since_ns) / 24 / (double)HOUR_NS);
}

void outage_check_end(const struct attempt_seen *attempt, bool is_success)
{
    struct outage *outage = look(attempt);
    uint64_t now_ns = world_now_ns();
    if (is_success) {
        *outage = (struct outage){.crashes = outage->crashes};
        return;
    }
    if (outage->since_ns == 0 || now_ns - outage->last_ns > 24 * HOUR_NS)
        outage->since_ns = now_ns;
    outage->last_ns = now_ns;
    bool is_long = now_ns - outage->since_ns > 5 * 24 * HOUR_NS + WORLD_SECOND;
    if (is_long && outage->over_ns == 0 && ledger_steps() == 0)
        outage->over_ns = now_ns;
}

void outage_check_disturb(const struct subscription_told *subscription)
{
    outages[subscription->index] = (struct outage){.crashes = machine_crashes()};
}
