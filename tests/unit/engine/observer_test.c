/* What control sees of deliveries: how much at a time, and which alerts come of it. Replaced are
 * who sums up, who reads sums, who counts losses, who sends alerts and who words them. */
#include "observer.h"

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "notice.h"
#include "registry.h"
#include "store/trend.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum {
    SHARDS = 3,
    STORED_MAX = 16,
    JUDGED_AT_A_TIME = 8,
    DAY_MS = 24 * 3600 * 1000,
    SECOND_MS = 1000
};

static struct observer observer;
static struct crew crew = {.shards = 4};
static struct registry registry;
static struct subscription subscriptions[STORED_MAX];
static struct tenant tenants[STORED_MAX];
static uint64_t now_ms = 1000, wall_ms = UINT64_C(1769860800000);
static struct rollup sums;
static int trend_error, step_error, trim_error;
static bool has_more;
static struct rollups_figures figures;
static void (*tell_dead)(void *context, const struct attempt_record *attempt);
static void *tell_context;

static struct {
    unsigned steps, trims, losses, loss_turns, disabled, failing, recovered, breaches, storage,
        reads, given_back;
    const void *last; /* whom the last was about */
} seen;

/* ---- in place of clock.c, rollups.c, index_trim.c, trend.c, losses.c, alerts.c and notice.c ----
 */

uint64_t clock_wall_ms(void)
{
    return wall_ms;
}

uint64_t clock_monotonic_ns(void)
{
    return now_ms * 1000000;
}

int rollups_open(struct rollups **rollups, struct db *db,
                 void (*on_dead)(void *context, const struct attempt_record *attempt),
                 void *context)
{
    (void)db;
    *rollups = NULL;
    tell_dead = on_dead;
    tell_context = context;
    return 0;
}

void rollups_sum_only(struct rollups *rollups,
                      bool (*knows)(void *context, const struct id *tenant))
{
    (void)rollups;
    cr_assert(knows != NULL);
}

int rollup_sweep_step(struct rollup_sweep *sweep, struct db *db,
                      bool (*knows)(void *context, const struct id *tenant), void *context)
{
    (void)db;
    sweep->is_over = !knows(context, &(struct id){{0xff}});
    return 0;
}

int index_trim_step(struct index_trim *trim, struct db *db)
{
    (void)db;
    seen.trims++;
    if (trim_error)
        return trim_error;
    trim->is_over = ++trim->shard == SHARDS;
    return 0;
}

void rollups_close(struct rollups *rollups)
{
    (void)rollups;
}

int rollups_step(struct rollups *rollups, unsigned records_max, uint64_t at_ms, bool *more)
{
    (void)rollups;
    cr_assert(lt(u32, 0, records_max));
    cr_assert(eq(u64, at_ms, wall_ms));
    seen.steps++;
    *more = has_more;
    return step_error;
}

struct rollups_figures rollups_figures(const struct rollups *rollups)
{
    (void)rollups;
    return figures;
}

struct trend_window trend_window(enum resolution resolution, uint64_t window_ms, uint64_t at_ms)
{
    cr_assert(eq(u64, window_ms, DAY_MS));
    return (struct trend_window){
        .resolution = resolution, .since_ms = at_ms - window_ms, .until_ms = at_ms};
}

int trend_read(struct db *db, const struct trend_window *window,
               void (*each)(void *context, uint64_t start_ms, const struct rollup *rollup),
               void *context, struct rollup *sum)
{
    (void)db, (void)each, (void)context;
    cr_assert(window->tenant.bytes[0] > 0);
    seen.reads++;
    *sum = sums;
    return trend_error;
}

int losses_open(struct losses *losses, struct alerts *alerts, const struct registry *of,
                struct db *db)
{
    (void)losses, (void)db;
    cr_assert(alerts == &observer.alerts && of == &registry);
    return 0;
}

void losses_close(struct losses *losses)
{
    (void)losses;
}

void losses_note(struct losses *losses, const struct attempt_record *attempt)
{
    cr_assert(losses == &observer.losses);
    seen.losses += attempt->number;
}

void losses_turn(struct losses *losses, uint64_t at_ms)
{
    (void)losses;
    cr_assert(eq(u64, at_ms, now_ms));
    seen.loss_turns++;
}

static uint64_t alerts_due_ms = UINT64_MAX;

int alerts_open(struct alerts *alerts, struct crew *with)
{
    alerts->crew = with;
    return 0;
}

void crew_post(struct crew *by, unsigned from, unsigned to, struct mail *mail)
{
    cr_assert(by == &crew);
    cr_assert(eq(u32, from, crew_control(&crew)));
    cr_assert(eq(u32, to, mail->from));
    seen.given_back++;
}

void alerts_close(struct alerts *alerts)
{
    (void)alerts;
}

uint64_t alerts_turn(struct alerts *alerts, uint64_t at_ms)
{
    (void)alerts, (void)at_ms;
    return alerts_due_ms;
}

void notice_disabled(struct alerts *alerts, const struct subscription *subscription)
{
    (void)alerts;
    seen.disabled++;
    seen.last = subscription;
}

void notice_failing(struct alerts *alerts, const struct subscription *subscription,
                    uint64_t since_ms, const char *why)
{
    (void)alerts;
    cr_assert(eq(u64, since_ms, 77));
    cr_assert_str_eq(why, "because");
    seen.failing++;
    seen.last = subscription;
}

void notice_recovered(struct alerts *alerts, const struct subscription *subscription,
                      uint64_t since_ms)
{
    (void)alerts;
    cr_assert(eq(u64, since_ms, 77));
    seen.recovered++;
    seen.last = subscription;
}

void notice_breach(struct alerts *alerts, const struct tenant *tenant,
                   const struct sla_account *account, uint64_t at_ms)
{
    (void)alerts;
    cr_assert(not(account->is_met));
    cr_assert(eq(u64, at_ms, wall_ms));
    seen.breaches++;
    seen.last = tenant;
}

void notice_storage(struct alerts *alerts, const struct tenant *tenant, uint64_t free_min_bytes,
                    uint64_t at_ms)
{
    (void)alerts;
    cr_assert(eq(u64, free_min_bytes, 4096));
    cr_assert(eq(u64, at_ms, wall_ms));
    seen.storage++;
    seen.last = tenant;
}

/* ---- in place of registry.c ---- */

struct subscription *registry_subscription(const struct registry *in, const struct id *id)
{
    for (size_t i = 0; i < in->subscriptions.count; i++)
        if (id_equal(&subscriptions[i].id, id))
            return &subscriptions[i];
    return NULL;
}

struct tenant *registry_tenant(const struct registry *in, const struct id *id)
{
    (void)in, (void)id;
    return NULL;
}

struct tenant *registry_tenant_named(const struct registry *in, struct slice name)
{
    cr_assert(slice_equal(name, SLICE("default")));
    return in->tenants.count > 0 ? &tenants[0] : NULL;
}

/* ---- the stage ---- */

static void setup(void)
{
    static void *stored[STORED_MAX], *signed_up[STORED_MAX];
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    for (uint8_t i = 0; i < STORED_MAX; i++) {
        subscriptions[i].id.bytes[0] = tenants[i].id.bytes[0] = (uint8_t)(i + 1);
        stored[i] = &subscriptions[i];
        signed_up[i] = &tenants[i];
    }
    registry.subscriptions.items = stored;
    registry.tenants.items = signed_up;
    cr_assert(zero(int, observer_open(&observer, &crew, NULL, &registry)));
}

static void teardown(void)
{
    observer_close(&observer);
}

TestSuite(observer, .init = setup, .fini = teardown);

static uint64_t turn(uint64_t later_ms)
{
    now_ms += later_ms;
    wall_ms += later_ms;
    return observer_turn(&observer, now_ms);
}

static void promise(unsigned count)
{
    registry.tenants.count = count;
    for (unsigned i = 0; i < count; i++)
        tenants[i].sla.objective = 0.9;
}

Test(observer, sums_up_a_little_and_rests_when_there_is_no_more)
{
    has_more = true;
    uint64_t next_ms = turn(0);
    cr_expect(eq(u32, seen.steps, 1));
    cr_expect(lt(u64, next_ms - now_ms, 100), "there is more");
    cr_expect(lt(u64, now_ms, next_ms), "but others come first");
    turn(1);
    cr_expect(eq(u32, seen.steps, 1), "not before");
    has_more = false;
    next_ms = turn(next_ms - now_ms);
    cr_expect(eq(u32, seen.steps, 2));
    cr_expect(ge(u64, next_ms - now_ms, SECOND_MS));
}

Test(observer, rests_too_when_it_fails_and_goes_on)
{
    has_more = true;
    step_error = -EIO;
    cr_expect(ge(u64, turn(0) - now_ms, SECOND_MS));
    step_error = 0;
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.steps, 2));
}

Test(observer, trims_the_index_a_shard_at_a_time_and_once_an_hour)
{
    trim_error = -EIO;
    turn(0);
    trim_error = 0;
    for (unsigned i = 0; i < SHARDS + 10; i++)
        turn(SECOND_MS);
    cr_expect(eq(u32, seen.trims, 1 + SHARDS));
    turn(3600 * SECOND_MS);
    for (unsigned i = 0; i < SHARDS + 10; i++)
        turn(SECOND_MS);
    cr_expect(eq(u32, seen.trims, 1 + 2 * SHARDS));
}

Test(observer, comes_back_when_an_alert_is_due)
{
    alerts_due_ms = now_ms + 3;
    cr_expect(eq(u64, turn(0), alerts_due_ms));
}

Test(observer, hands_on_dead_deliveries)
{
    tell_dead(tell_context, &(struct attempt_record){.number = 5});
    cr_expect(eq(u32, seen.losses, 5));
    turn(0);
    cr_expect(eq(u32, seen.loss_turns, 1));
}

Test(observer, tells_again_of_what_was_disabled_within_a_day_and_once_a_start)
{
    registry.subscriptions.count = 4;
    subscriptions[1].status = subscriptions[2].status = SUBSCRIPTION_DISABLED;
    subscriptions[1].updated_ms = wall_ms - DAY_MS + 10 * SECOND_MS;
    subscriptions[2].updated_ms = wall_ms - DAY_MS - 1;
    turn(0);
    cr_expect(eq(u32, seen.disabled, 1));
    cr_expect(eq(ptr, (void *)(uintptr_t)seen.last, &subscriptions[1]));
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.disabled, 1));
}

Test(observer, leaves_room_for_other_alerts_when_many_are_to_be_told_again)
{
    registry.subscriptions.count = 2;
    subscriptions[0].status = subscriptions[1].status = SUBSCRIPTION_DISABLED;
    subscriptions[0].updated_ms = subscriptions[1].updated_ms = wall_ms;
    observer.alerts.used = ALERTS_MAX / 2;
    turn(0);
    cr_expect(zero(u32, seen.disabled));
    observer.alerts.used = 0;
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.disabled, 2));
}

Test(observer, tells_a_breach_once_a_day)
{
    promise(1);
    sums.delivered = 8;
    sums.dead = 2;
    turn(0);
    cr_expect(eq(u32, seen.breaches, 1));
    for (unsigned i = 0; i < 30; i++)
        turn(SECOND_MS);
    cr_expect(eq(u32, seen.breaches, 1), "the same day");
    turn(DAY_MS);
    cr_expect(eq(u32, seen.breaches, 2), "the next");
}

Test(observer, judges_nobody_who_was_promised_nothing_or_by_a_few_deliveries)
{
    registry.tenants.count = 1;
    sums.dead = 100;
    turn(0);
    cr_expect(zero(u32, seen.reads), "no objective");
    promise(1);
    sums.dead = 9;
    turn(10 * SECOND_MS);
    cr_expect(eq(u32, seen.reads, 1));
    cr_expect(zero(u32, seen.breaches), "fewer than ten");
    trend_error = -EIO;
    sums.dead = 10;
    turn(10 * SECOND_MS);
    cr_expect(zero(u32, seen.breaches), "what could not be read");
    trend_error = 0;
    turn(10 * SECOND_MS);
    cr_expect(eq(u32, seen.breaches, 1));
}

Test(observer, judges_some_at_a_time_and_all_in_turn)
{
    promise(STORED_MAX);
    turn(0);
    cr_expect(eq(u32, seen.reads, JUDGED_AT_A_TIME));
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.reads, STORED_MAX));
    turn(SECOND_MS); /* the round after the first comes at once */
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.reads, 2 * STORED_MAX));
    turn(SECOND_MS);
    cr_expect(eq(u32, seen.reads, 2 * STORED_MAX), "the next is not due");
    turn(10 * SECOND_MS);
    cr_expect(eq(u32, seen.reads, 2 * STORED_MAX + JUDGED_AT_A_TIME));
}

static void report(enum report_what what, uint8_t subscription)
{
    static struct mail_report mails[4];
    static unsigned turn_of;
    struct mail_report *mail = &mails[turn_of++ % 4];
    *mail = (struct mail_report){
        .mail.from = 3, .subscription = {{subscription}}, .what = what, .since_ms = 77};
    snprintf(mail->why, sizeof mail->why, "because");
    observer_reported(&observer, mail);
}

Test(observer, tells_what_shards_report)
{
    registry.subscriptions.count = 2;
    report(REPORT_FAILING, 2);
    cr_expect(eq(u32, seen.failing, 1));
    cr_expect(eq(ptr, (void *)(uintptr_t)seen.last, &subscriptions[1]));
    report(REPORT_RECOVERED, 2);
    cr_expect(eq(u32, seen.recovered, 1));
    report(REPORT_DISABLE, 2);
    cr_expect(zero(u32, seen.disabled), "that was not applied");
    subscriptions[1].status = SUBSCRIPTION_DISABLED;
    report(REPORT_DISABLE, 2);
    cr_expect(eq(u32, seen.disabled, 1));
    report(REPORT_FAILING, 9);
    cr_expect(eq(u32, seen.failing, 1), "of one that is gone");
    cr_expect(eq(u32, seen.given_back, 5), "at once");
}

/* So that shards keep what they have to report until alerts have room again. */
Test(observer, gives_reports_back_while_there_is_room_for_alerts)
{
    registry.subscriptions.count = 2;
    observer.alerts.used = ALERTS_MAX / 2;
    report(REPORT_FAILING, 1);
    report(REPORT_FAILING, 2);
    cr_expect(eq(u32, seen.failing, 2), "is told at once all the same");
    turn(1);
    cr_expect(zero(u32, seen.given_back));
    observer.alerts.used = ALERTS_MAX / 2 - 1;
    turn(1);
    cr_expect(eq(u32, seen.given_back, 2));
    turn(1);
    cr_expect(eq(u32, seen.given_back, 2), "once");
}

Test(observer, tells_the_operator_of_a_full_disk)
{
    static struct config config;
    config.storage_free_min_bytes = 4096;
    observer_storage_low(&observer, &config);
    cr_expect(zero(u32, seen.storage), "there is nobody to be told");
    registry.tenants.count = 1;
    observer_storage_low(&observer, &config);
    cr_expect(eq(u32, seen.storage, 1));
    cr_expect(eq(ptr, (void *)(uintptr_t)seen.last, &tenants[0]));
}
