/* What a shard has seen that changes configuration: control is a mailbox that the test empties.
 * Replaced are who finds and changes subscriptions, and the clock. */
#include "report.h"

#include "base/clock.h"
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { SHARDS = 2, NOW_MS = 5000 };

static struct crew crew;
static struct shard shard = {.number = 1, .crew = &crew};
static struct endpoint endpoints[3] = {{.id = {{1}}}, {.id = {{2}}}, {.id = {{3}}}};

/* ---- in place of clock.c, registry.c and changes.c ---- */

static struct registry registry;
static struct changes changes = {.registry = &registry};
static struct subscription *known, *changed;
static int change_error;
static unsigned changes_begun;

uint64_t clock_wall_ms(void)
{
    return NOW_MS;
}

uint64_t clock_monotonic_ns(void)
{
    return 0;
}

struct subscription *registry_subscription(const struct registry *in, const struct id *id)
{
    cr_assert(in == &registry);
    return known && id_equal(&known->id, id) ? known : NULL;
}

int changes_begin(struct changes *to, const struct mutation *by, struct subscription *before,
                  struct subscription *after, void (*on_done)(void *context), void *context)
{
    (void)context;
    cr_assert(to == &changes);
    cr_assert_str_eq(by->action, "subscription.disable");
    cr_assert(by->key == NULL, "the engine itself");
    cr_assert(before == known);
    cr_assert(on_done == NULL, "nobody waits");
    changes_begun++;
    if (change_error == 0)
        changed = after;
    return change_error;
}

/* ---- in place of outage.c ---- */

bool outage_is_told(const struct outage *outage)
{
    return outage->told_ms > 0 && outage->recovered_ms == 0;
}

void outage_tell(struct shard *of, struct endpoint *endpoint, bool goes_on)
{
    cr_assert(of == &shard);
    if (!goes_on)
        endpoint->outage.told_ms = endpoint->outage.since_ms;
    endpoint->outage.recovered_ms = 0;
}

void outage_tell_end(struct shard *of, struct endpoint *endpoint, bool as_if_never)
{
    cr_assert(of == &shard);
    endpoint->outage.told_ms = as_if_never ? 0 : endpoint->outage.told_ms;
    endpoint->outage.recovered_ms = as_if_never ? 0 : NOW_MS;
}

/* ---- the stage ---- */

static void open_shard(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    crew_init(&crew, SHARDS);
    reports_init(&shard.reports);
    for (unsigned i = 0; i < 3; i++) {
        list_init(&endpoints[i].report);
        endpoints[i].outage.since_ms = 70 + i;
    }
}

static void free_subscriptions(void)
{
    subscription_free(known);
    subscription_free(changed);
}

TestSuite(report, .init = open_shard, .fini = free_subscriptions);

/* ---- a shard's ---- */

/* The report that has come to control is of this endpoint. */
static void expect_report(unsigned number, enum disabled_reason reason)
{
    struct mail *mail = mailbox_take(&crew.members[crew_control(&crew)].mailbox);
    cr_assert(mail != NULL);
    cr_assert(eq(int, (int)mail->kind, MAIL_REPORT));
    cr_expect(eq(u32, mail->from, shard.number));
    struct mail_report *report = container_of(mail, struct mail_report, mail);
    cr_expect(id_equal(&report->subscription, &endpoints[number].id));
    cr_expect(eq(int, (int)report->reason, (int)reason));
}

static void expect_no_report(void)
{
    cr_expect(mailbox_take(&crew.members[crew_control(&crew)].mailbox) == NULL);
}

Test(report, leaves_when_what_was_written_of_it_is_on_disk)
{
    shard.outcomes.sequence = 7;
    shard.outcomes.committed = 6;
    report_failing(&shard, &endpoints[0]);
    report_durable(&shard);
    expect_no_report();
    shard.outcomes.committed = 7;
    report_durable(&shard);
    expect_report(0, 0);
}

Test(report, goes_to_control_at_once)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    expect_report(0, DISABLED_GONE);
    report_taken(&shard);
    expect_no_report();
}

Test(report, waits_while_another_is_out_and_goes_in_order)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    report_disable(&shard, &endpoints[1], DISABLED_FAILING);
    report_disable(&shard, &endpoints[2], DISABLED_GONE);
    expect_report(0, DISABLED_GONE);
    expect_no_report();
    report_taken(&shard);
    expect_report(1, DISABLED_FAILING);
    expect_no_report();
    report_taken(&shard);
    expect_report(2, DISABLED_GONE);
}

Test(report, of_one_endpoint_waits_once)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    report_disable(&shard, &endpoints[1], DISABLED_GONE);
    report_disable(&shard, &endpoints[1], DISABLED_FAILING);
    expect_report(0, DISABLED_GONE);
    report_taken(&shard);
    expect_report(1, DISABLED_GONE);
    report_taken(&shard);
    expect_no_report();
}

static void expect_bits(unsigned number, unsigned what, uint64_t since_ms)
{
    struct mail *mail = mailbox_take(&crew.members[crew_control(&crew)].mailbox);
    cr_assert(mail != NULL);
    struct mail_report *report = container_of(mail, struct mail_report, mail);
    cr_expect(id_equal(&report->subscription, &endpoints[number].id));
    cr_expect(eq(u32, report->what, what));
    cr_expect(eq(u64, report->since_ms, since_ms));
}

Test(report, tells_an_outage_once_and_its_end_once)
{
    report_failing(&shard, &endpoints[0]);
    expect_bits(0, REPORT_FAILING, 70);
    report_taken(&shard);
    report_failing(&shard, &endpoints[0]);
    expect_no_report();
    endpoints[0].outage.since_ms = 0;
    report_recovered(&shard, &endpoints[0]);
    expect_bits(0, REPORT_RECOVERED, 70);
    report_taken(&shard);
    report_recovered(&shard, &endpoints[0]);
    expect_no_report();
}

/* Nobody was told of it. */
Test(report, of_an_outage_that_is_over_before_its_turn_is_taken_back)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    report_failing(&shard, &endpoints[1]);
    report_recovered(&shard, &endpoints[1]);
    report_failing(&shard, &endpoints[2]);
    report_disable(&shard, &endpoints[2], DISABLED_GONE);
    report_recovered(&shard, &endpoints[2]);
    expect_bits(0, REPORT_DISABLE, 0);
    report_taken(&shard);
    expect_bits(2, REPORT_DISABLE, 0);
    report_taken(&shard);
    expect_no_report();
    cr_expect(not(outage_is_told(&endpoints[1].outage)));
}

/* Whoever was told of the outage hears nothing, and then of the end of the same one. */
Test(report, of_an_end_that_was_none_is_taken_back)
{
    report_failing(&shard, &endpoints[1]);
    expect_bits(1, REPORT_FAILING, 71);
    report_recovered(&shard, &endpoints[1]);
    endpoints[1].outage.since_ms = 99;
    report_failing(&shard, &endpoints[1]);
    report_taken(&shard);
    expect_no_report();
    report_recovered(&shard, &endpoints[1]);
    expect_bits(1, REPORT_RECOVERED, 71);
}

/* What was told before a start is told again; both, if it is over before its turn has come. */
Test(report, is_made_again_after_a_start)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    expect_report(0, DISABLED_GONE);
    endpoints[1].outage.told_ms = 50;
    report_again(&shard, &endpoints[1]);
    report_recovered(&shard, &endpoints[1]);
    endpoints[2].outage.told_ms = 60;
    endpoints[2].outage.recovered_ms = 65;
    report_again(&shard, &endpoints[2]);
    report_taken(&shard);
    expect_bits(1, REPORT_FAILING | REPORT_RECOVERED, 50);
    report_taken(&shard);
    expect_bits(2, REPORT_RECOVERED, 60);
}

/* The breaker opens for the first time in this process, and for the first time at all it does not.
 */
Test(report, of_an_outage_that_goes_on_after_a_start_is_of_the_same_one)
{
    endpoints[1].outage.told_ms = 50;
    report_failing(&shard, &endpoints[1]);
    expect_bits(1, REPORT_FAILING, 50);
    report_taken(&shard);
    report_recovered(&shard, &endpoints[1]);
    expect_bits(1, REPORT_RECOVERED, 50);
}

/* Control may not have been able to do it. */
Test(report, is_made_again_once_it_was_taken)
{
    report_disable(&shard, &endpoints[0], DISABLED_GONE);
    expect_report(0, DISABLED_GONE);
    report_taken(&shard);
    report_disable(&shard, &endpoints[0], DISABLED_FAILING);
    expect_report(0, DISABLED_FAILING);
}

/* ---- control's ---- */

static void apply_to(enum subscription_status status)
{
    static char url[] = "https://example.com/";
    static const struct subscription plain = {.url_text = url};
    static const struct mail_report report = {
        .what = REPORT_DISABLE, .subscription = {{1}}, .reason = DISABLED_FAILING};
    known = subscription_copy(&plain);
    known->id = report.subscription;
    known->status = status;
    report_apply(&report, &changes);
}

Test(report, disables_a_copy_that_says_why_and_when)
{
    apply_to(SUBSCRIPTION_ACTIVE);
    cr_assert(changed != NULL);
    cr_expect(id_equal(&changed->id, &known->id));
    cr_expect(eq(int, (int)changed->status, SUBSCRIPTION_DISABLED));
    cr_expect(eq(int, (int)changed->disabled_reason, DISABLED_FAILING));
    cr_expect(eq(u64, changed->updated_ms, NOW_MS));
    cr_expect(eq(int, (int)known->status, SUBSCRIPTION_ACTIVE), "which others still read");
}

Test(report, disables_what_is_paused)
{
    apply_to(SUBSCRIPTION_PAUSED);
    cr_expect(changed != NULL);
}

Test(report, does_not_disable_twice)
{
    apply_to(SUBSCRIPTION_DISABLED);
    cr_expect(zero(u32, changes_begun));
}

Test(report, says_nothing_of_what_is_deleted)
{
    report_apply(&(struct mail_report){.what = REPORT_DISABLE}, &changes);
    cr_expect(zero(u32, changes_begun));
}

Test(report, keeps_nothing_of_a_change_that_could_not_begin)
{
    change_error = -EIO;
    apply_to(SUBSCRIPTION_ACTIVE);
    cr_expect(eq(u32, changes_begun, 1));
    cr_expect(eq(int, (int)known->status, SUBSCRIPTION_ACTIVE));
}
