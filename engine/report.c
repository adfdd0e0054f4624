/* report.c - see report.h. */
#include "report.h"

#include "base/clock.h"
#include "base/log.h"
#include "shard.h"

void reports_init(struct reports *reports)
{
    *reports = (struct reports){.mail.mail.kind = MAIL_REPORT};
    list_init(&reports->waiting);
}

static void send_next(struct shard *shard)
{
    struct reports *reports = &shard->reports;
    if (reports->is_out || !list_is_linked(&reports->waiting))
        return;
    struct endpoint *endpoint = container_of(reports->waiting.next, struct endpoint, report);
    list_remove(&endpoint->report);
    reports->is_out = true;
    reports->mail.subscription = endpoint->id;
    reports->mail.reason = endpoint->to_disable;
    crew_post(shard->crew, shard->number, crew_control(shard->crew), &reports->mail.mail);
}

void report_disable(struct shard *shard, struct endpoint *endpoint, enum disabled_reason reason)
{
    if (list_is_linked(&endpoint->report))
        return;
    endpoint->to_disable = reason;
    list_push_back(&shard->reports.waiting, &endpoint->report);
    send_next(shard);
}

void report_taken(struct shard *shard)
{
    shard->reports.is_out = false;
    send_next(shard);
}

void report_apply(const struct mail_report *report, struct changes *changes)
{
    static const struct mutation disabling = {.action = "subscription.disable"};
    struct subscription *before = registry_subscription(changes->registry, &report->subscription);
    if (!before || before->status == SUBSCRIPTION_DISABLED)
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
