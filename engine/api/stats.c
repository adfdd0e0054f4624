/* stats.c - /api/v1/webhooks/subscriptions/{id}/stats: what the subscription's shard tells of its
 * endpoint, and how much waits on disk. */
#include "base/clock.h"
#include "call.h"
#include "router.h"
#include "subscriptions.h"

enum { PARKED_COUNT_MAX = 10000, STATS_TEXT_SIZE = 1024 };

void subscriptions_stats(struct call *call)
{
    struct crew *crew = call->api->parts.crew;
    const struct subscription *found = subscriptions_find(call);
    if (!found)
        return;
    for (unsigned i = 0; i < API_STATS_MAX; i++) {
        struct mail_stats *mail = &call->api->stats[i];
        if (mail->is_out)
            continue;
        *mail = (struct mail_stats){.mail.kind = MAIL_STATS,
                                    .subscription = found->id,
                                    .ticket = call->ticket,
                                    .is_out = true};
        crew_post(crew, crew_control(crew), keys_home(&found->id, crew->shards), &mail->mail);
        return;
    }
    call_busy(call);
}

static void put_moment(struct text *text, const char *name, uint64_t wall_ms)
{
    text_printf(text, "\"%s\":", name);
    if (wall_ms == 0) {
        text_put(text, SLICE("null,"));
        return;
    }
    text_char(text, '"');
    text_time(text, wall_ms);
    text_put(text, SLICE("\","));
}

static void put_breaker(struct text *text, const struct endpoint_stats *stats)
{
    text_printf(text, "\"breaker\":{\"state\":\"%s\",", breaker_state_name(stats->breaker));
    put_moment(text, "since", stats->breaker_since_ms);
    put_moment(text, "until", stats->breaker_until_ms);
    text_put(text, SLICE("\"reason\":"));
    if (stats->breaker_reason[0])
        text_json(text, slice_str(stats->breaker_reason));
    else
        text_put(text, SLICE("null"));
    text_put(text, SLICE("},"));
}

static void put_deliveries(struct text *text, const struct mail_stats *mail, int parked)
{
    const struct endpoint_stats *stats = &mail->stats;
    text_printf(text,
                "\"concurrency\":{\"limit\":%u,\"in_flight\":%u},"
                "\"deliveries\":{\"ready\":%u,\"waiting\":%u,\"parked\":%d,"
                "\"parked_is_at_least\":%s}}",
                stats->concurrency, stats->in_flight, stats->ready, stats->waiting, parked,
                parked == PARKED_COUNT_MAX ? "true" : "false");
}

void api_stats_answered(struct api *api, struct mail_stats *mail)
{
    struct call call = {.api = api, .ticket = mail->ticket};
    const struct subscription *found =
        registry_subscription(api->parts.registry, &mail->subscription);
    mail->is_out = false;
    if (!mail->is_found || !found) {
        call_problem(&call, 404, "no such subscription");
        return;
    }
    int parked = backlog_parked_count(api->parts.db, keys_home(&found->id, api->parts.crew->shards),
                                      &found->id, &mail->stats.parked_after, PARKED_COUNT_MAX);
    if (parked < 0) {
        call_problem(&call, 500, "the backlog cannot be read");
        return;
    }
    struct text *text = call_text(&call, STATS_TEXT_SIZE);
    text_printf(text, "{\"status\":\"%s\",", subscription_status_name(found->status));
    put_moment(text, "failing_since", mail->stats.failing_since_ms);
    put_moment(text, "slow_until", mail->stats.slow_until_ms);
    put_breaker(text, &mail->stats);
    put_deliveries(text, mail, parked);
    call_reply(&call, 200, SLICE(""));
}
