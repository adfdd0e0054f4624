/* observer.c - see observer.h.
 *
 * A step is short enough not to be felt by who waits for an answer of control, and between two
 * there is a pause, so that summing up takes no more than a part of the thread even when it is far
 * behind. The same holds for what is looked through: some at a time.
 *
 * An alert about what is stored (a disabled subscription) is raised when it is stored, and at each
 * start again as long as it is younger than a day; its idempotency key makes one event of all.
 */
#include "observer.h"

#include "base/clock.h"
#include "base/log.h"
#include "config.h"
#include "notice.h"
#include "store/trend.h"

enum {
    STEP_RECORDS = 4096,
    PAUSE_MS = 10,
    REST_MS = 1000,
    LOOK_MAX = 10000, /* subscriptions or tenants at a time */
    JUDGE_MAX = 8,    /* tenants at a time */
    JUDGE_EVERY_MS = 10 * 1000,
    JUDGE_DELIVERIES_MIN = 10, /* fewer prove nothing */
    DAY_MS = 24 * 3600 * 1000,
    TRIM_EVERY_MS = 3600 * 1000,
};

static void on_dead(void *context, const struct attempt_record *attempt)
{
    struct observer *observer = context;
    losses_note(&observer->losses, attempt);
}

static bool knows(void *context, const struct id *tenant)
{
    const struct observer *observer = context;
    return registry_tenant(observer->registry, tenant) != NULL;
}

int observer_open(struct observer *observer, struct crew *crew, struct db *db,
                  const struct registry *registry)
{
    *observer = (struct observer){.db = db, .registry = registry};
    list_init(&observer->reports);
    int error = rollups_open(&observer->rollups, db, on_dead, observer);
    if (!error)
        rollups_sum_only(observer->rollups, knows);
    if (!error)
        error = alerts_open(&observer->alerts, crew);
    if (!error)
        error = losses_open(&observer->losses, &observer->alerts, registry, db);
    return error;
}

void observer_close(struct observer *observer)
{
    rollups_close(observer->rollups);
    alerts_close(&observer->alerts);
    losses_close(&observer->losses);
    observer->rollups = NULL;
}

/* ---- sums ---- */

static void say_what_is_lost(struct observer *observer)
{
    uint64_t lost = rollups_figures(observer->rollups).blocks_lost;
    if (lost > observer->lost)
        LOG(LOG_WARN, "attempts were dropped by retention before they were summed up",
            log_u64("blocks", lost - observer->lost));
    observer->lost = lost;
}

/* Whether there is more to sum up. */
static bool sum_up(struct observer *observer, uint64_t wall_ms)
{
    bool more = false;
    int error = rollups_step(observer->rollups, STEP_RECORDS, wall_ms, &more);
    if (error && !observer->is_failing)
        LOG(LOG_ERROR, "attempts cannot be summed up", log_str("why", db_why()));
    observer->is_failing = error != 0;
    say_what_is_lost(observer);
    return more && !error;
}

void observer_sweep(struct observer *observer)
{
    observer->sweep = (struct rollup_sweep){.is_over = false};
}

/* Whether there is more to drop. What fails is tried again at the next rest. */
static bool sweep(struct observer *observer)
{
    if (observer->sweep.is_over)
        return false;
    return !rollup_sweep_step(&observer->sweep, observer->db, knows, observer) &&
           !observer->sweep.is_over;
}

static void trim(struct observer *observer, uint64_t now_ms)
{
    if (now_ms < observer->trim_ms || index_trim_step(&observer->trim, observer->db) ||
        !observer->trim.is_over)
        return;
    observer->trim = (struct index_trim){.is_over = false};
    observer->trim_ms = now_ms + TRIM_EVERY_MS;
}

/* ---- what was there before the start ---- */

/* For more alerts: as many are left to what cannot wait. */
static bool has_room(const struct observer *observer)
{
    return observer->alerts.used < ALERTS_MAX / 2;
}

static void look_at_some(struct observer *observer, uint64_t wall_ms)
{
    const struct shelf *shelf = &observer->registry->subscriptions;
    size_t end = observer->looked_at + LOOK_MAX < shelf->count ? observer->looked_at + LOOK_MAX
                                                               : shelf->count;
    for (; observer->looked_at < end && has_room(observer); observer->looked_at++) {
        const struct subscription *subscription = shelf->items[observer->looked_at];
        if (subscription->status == SUBSCRIPTION_DISABLED &&
            subscription->updated_ms + DAY_MS > wall_ms)
            notice_disabled(&observer->alerts, subscription);
    }
}

/* ---- agreements ---- */

static bool was_told(const struct observer *observer, const struct id *tenant, uint64_t day)
{
    for (unsigned i = 0; i < OBSERVER_TOLD; i++)
        if (observer->told[i].day == day && id_equal(&observer->told[i].tenant, tenant))
            return true;
    return false;
}

static void judge(struct observer *observer, const struct tenant *tenant, uint64_t wall_ms)
{
    struct trend_window window = trend_window(RESOLUTION_1H, DAY_MS, wall_ms);
    struct rollup sums;
    uint64_t day = wall_ms / DAY_MS;
    window.tenant = tenant->id;
    if (was_told(observer, &tenant->id, day) ||
        trend_read(observer->db, &window, NULL, NULL, &sums))
        return;
    struct sla_account account = sla_judge(&tenant->sla, &sums);
    if (account.is_met || account.deliveries < JUDGE_DELIVERIES_MIN)
        return;
    unsigned at = observer->told_next++ % OBSERVER_TOLD;
    observer->told[at].tenant = tenant->id;
    observer->told[at].day = day;
    notice_breach(&observer->alerts, tenant, &account, wall_ms);
}

static void judge_some(struct observer *observer, uint64_t now_ms, uint64_t wall_ms)
{
    const struct shelf *shelf = &observer->registry->tenants;
    unsigned looked_at = 0, judged = 0;
    if (observer->judged >= shelf->count) {
        if (now_ms < observer->judge_ms)
            return;
        observer->judged = 0;
        observer->judge_ms = now_ms + JUDGE_EVERY_MS;
    }
    while (observer->judged < shelf->count && looked_at++ < LOOK_MAX && judged < JUDGE_MAX) {
        const struct tenant *tenant = shelf->items[observer->judged++];
        if (tenant->sla.objective <= 0)
            continue;
        judge(observer, tenant, wall_ms);
        judged++;
    }
}

/* ---- reports ---- */

static void give_back(struct observer *observer)
{
    struct crew *crew = observer->alerts.crew;
    while (has_room(observer) && list_is_linked(&observer->reports)) {
        struct mail_report *report = container_of(observer->reports.next, struct mail_report, link);
        list_remove(&report->link);
        crew_post(crew, crew_control(crew), report->mail.from, &report->mail);
    }
}

static void notice(struct observer *observer, const struct mail_report *report)
{
    const struct subscription *subscription =
        registry_subscription(observer->registry, &report->subscription);
    if (!subscription)
        return;
    if (report->what & REPORT_DISABLE && subscription->status == SUBSCRIPTION_DISABLED)
        notice_disabled(&observer->alerts, subscription);
    if (report->what & REPORT_FAILING)
        notice_failing(&observer->alerts, subscription, report->since_ms, report->why);
    if (report->what & REPORT_RECOVERED)
        notice_recovered(&observer->alerts, subscription, report->since_ms);
}

void observer_reported(struct observer *observer, struct mail_report *report)
{
    notice(observer, report);
    list_push_back(&observer->reports, &report->link);
    give_back(observer);
}

/* ---- the whole ---- */

uint64_t observer_turn(struct observer *observer, uint64_t now_ms)
{
    uint64_t alerts_ms = alerts_turn(&observer->alerts, now_ms);
    give_back(observer);
    if (now_ms >= observer->again_ms) {
        uint64_t wall_ms = clock_wall_ms();
        bool more = sum_up(observer, wall_ms);
        more |= sweep(observer);
        trim(observer, now_ms);
        losses_turn(&observer->losses, now_ms);
        look_at_some(observer, wall_ms);
        judge_some(observer, now_ms, wall_ms);
        observer->again_ms = now_ms + (more ? PAUSE_MS : REST_MS);
        alerts_ms = alerts_turn(&observer->alerts, now_ms);
    }
    return alerts_ms < observer->again_ms ? alerts_ms : observer->again_ms;
}

void observer_storage_low(struct observer *observer, const struct config *config)
{
    LOG(LOG_ERROR, "too little free space on the disk: events are refused",
        log_str("data", config->data));
    const struct tenant *tenant = registry_tenant_named(observer->registry, SLICE("default"));
    if (tenant)
        notice_storage(&observer->alerts, tenant, config->storage_free_min_bytes, clock_wall_ms());
}
