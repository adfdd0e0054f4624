/* report.c - see report.h. */
#include "report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "shard.h"

void reports_init(struct reports *reports)
{
    *reports = (struct reports){.mail.mail.kind = MAIL_REPORT};
    list_init(&reports->waiting);
}

static void send_next(struct shard *shard)
{
    struct reports *reports = &shard->reports;
    struct text why;
    if (reports->is_out || !list_is_linked(&reports->waiting))
        return;
    struct endpoint *endpoint = container_of(reports->waiting.next, struct endpoint, report);
    if (shard->outcomes.committed < endpoint->report_sequence)
        return;
    list_remove(&endpoint->report);
    reports->is_out = true;
    reports->mail.subscription = endpoint->id;
    reports->mail.what = endpoint->to_report;
    reports->mail.reason = endpoint->to_disable;
    reports->mail.since_ms = endpoint->outage.told_ms;
    text_init(&why, reports->mail.why, sizeof reports->mail.why - 1);
    breaker_explain(&endpoint->gate.breaker, &why);
    if (why.size == 0)
        text_put(&why, SLICE("it failed before the engine was started"));
    reports->mail.why[why.size] = '\0';
    endpoint->to_report = 0;
    crew_post(shard->crew, shard->number, crew_control(shard->crew), &reports->mail.mail);
}

static void put(struct shard *shard, struct endpoint *endpoint, enum report_what what)
{
    endpoint->to_report |= (uint8_t)what;
    endpoint->report_sequence = shard->outcomes.sequence;
    if (!list_is_linked(&endpoint->report))
        list_push_back(&shard->reports.waiting, &endpoint->report);
    send_next(shard);
}

void report_disable(struct shard *shard, struct endpoint *endpoint, enum disabled_reason reason)
{
    if (endpoint->to_report & REPORT_DISABLE)
        return;
    endpoint->to_disable = reason;
    put(shard, endpoint, REPORT_DISABLE);
}

void report_forget(struct endpoint *endpoint)
{
    list_remove(&endpoint->report);
    endpoint->to_report = 0;
}

/* It waits for its turn, or the opposite does not any more. */
static void put_or_take_back(struct shard *shard, struct endpoint *endpoint, enum report_what what,
                             enum report_what opposite)
{
    if (!(endpoint->to_report & opposite)) {
        put(shard, endpoint, what);
        return;
    }
    endpoint->to_report &= (uint8_t)~opposite;
    if (endpoint->to_report == 0)
        list_remove(&endpoint->report);
}

void report_failing(struct shard *shard, struct endpoint *endpoint)
{
    if (endpoint->is_failing)
        return;
    bool goes_on =
        outage_is_told(&endpoint->outage) || (endpoint->to_report & REPORT_RECOVERED) != 0;
    endpoint->is_failing = true;
    outage_tell(shard, endpoint, goes_on);
    put_or_take_back(shard, endpoint, REPORT_FAILING, REPORT_RECOVERED);
}

void report_recovered(struct shard *shard, struct endpoint *endpoint)
{
    if (!outage_is_told(&endpoint->outage))
        return;
    bool is_untold = endpoint->is_failing && endpoint->to_report & REPORT_FAILING;
    outage_tell_end(shard, endpoint, is_untold);
    if (endpoint->is_failing)
        put_or_take_back(shard, endpoint, REPORT_RECOVERED, REPORT_FAILING);
    else
        put(shard, endpoint, REPORT_RECOVERED);
    endpoint->is_failing = false;
}

void report_again(struct shard *shard, struct endpoint *endpoint)
{
    put(shard, endpoint, outage_is_told(&endpoint->outage) ? REPORT_FAILING : REPORT_RECOVERED);
}

void report_taken(struct shard *shard)
{
    shard->reports.is_out = false;
    send_next(shard);
}

void report_durable(struct shard *shard)
{
    send_next(shard);
}

void report_apply(const struct mail_report *report, struct changes *changes)
{
    static const struct mutation disabling = {.action = "subscription.disable"};
    struct subscription *before = registry_subscription(changes->registry, &report->subscription);
    if (!(report->what & REPORT_DISABLE) || !before || before->status == SUBSCRIPTION_DISABLED)
        return;
    struct subscription *after = subscription_copy(before);
    must(after);
    after->status = SUBSCRIPTION_DISABLED;
    after->disabled_reason = report->reason;
    subscription_touch(after, before, clock_wall_ms());
    if (changes_begin(changes, &disabling, before, after, NULL, NULL)) {
        LOG(LOG_ERROR, "a subscription could not be disabled",
            log_id("subscription", "sub", &report->subscription));
        subscription_free(after);
        return;
    }
    LOG(LOG_WARN, "subscription disabled", log_id("subscription", "sub", &report->subscription),
        log_str("reason", disabled_reason_name(report->reason)));
}
