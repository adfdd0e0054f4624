/* stats.c - /api/v1/webhooks/subscriptions/{id}/stats: what the subscription's shard tells of its
 * endpoint, what waits on disk, and what came of its attempts. */
#include "base/clock.h"
#include "call.h"
#include "router.h"
#include "store/arrears.h"
#include "subscriptions.h"

enum { PARKED_COUNT_MAX = 10000, STATS_TEXT_SIZE = 2048 };

void subscriptions_stats(struct call *call)
{
    static const char *const parameters[] = {"window", "resolution", NULL};
    struct crew *crew = call->api->parts.crew;
    const struct subscription *found = subscriptions_find(call);
    struct page page;
    if (!found || !call_page(call, "sub", parameters, &page))
        return;
    for (unsigned i = 0; i < API_STATS_MAX; i++) {
        struct mail_stats *mail = &call->api->stats[i].mail;
        if (mail->is_out)
            continue;
        if (!trend_query_read(call, &call->api->stats[i].query))
            return;
        call->api->stats[i].query.window.subscription = found->id;
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
                "\"parked_is_at_least\":%s},",
                stats->concurrency, stats->in_flight, stats->ready, stats->waiting, parked,
                parked == PARKED_COUNT_MAX ? "true" : "false");
}

static void put_queue(struct text *text, const struct mail_stats *mail, int parked,
                      const struct arrears *arrears)
{
    const struct endpoint_stats *stats = &mail->stats;
    uint64_t now_ms = clock_wall_ms();
    struct id oldest = arrears->oldest;
    if (id_is_zero(&oldest) ||
        (!id_is_zero(&stats->oldest) && memcmp(&stats->oldest, &oldest, sizeof oldest) < 0))
        oldest = stats->oldest;
    uint64_t since_ms = id_is_zero(&oldest) ? 0 : id_time_ms(&oldest);
    text_printf(text, "\"queue\":{\"depth\":%u,\"retrying\":%u,\"retrying_is_at_least\":%s,",
                stats->ready + stats->in_flight + stats->waiting + (unsigned)parked,
                arrears->retrying, arrears->is_at_least ? "true" : "false");
    put_moment(text, "oldest_at", since_ms);
    text_printf(text, "\"oldest_age_ms\":%llu},",
                (unsigned long long)(since_ms && now_ms > since_ms ? now_ms - since_ms : 0));
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
    const struct trend_query *query = &container_of(mail, struct api_stats, mail)->query;
    unsigned home = keys_home(&found->id, api->parts.crew->shards);
    int parked = backlog_parked_count(api->parts.db, home, &found->id, &mail->stats.parked_after,
                                      PARKED_COUNT_MAX);
    struct arrears arrears;
    if (parked < 0 || arrears_read(api->parts.db, home, &found->id, &arrears)) {
        call_problem(&call, 500, "the backlog cannot be read");
        return;
    }
    struct text *text = call_text(&call, STATS_TEXT_SIZE);
    text_printf(text, "{\"status\":\"%s\",", subscription_status_name(found->status));
    put_moment(text, "failing_since", mail->stats.failing_since_ms);
    put_moment(text, "slow_until", mail->stats.slow_until_ms);
    put_breaker(text, &mail->stats);
    put_deliveries(text, mail, parked);
    put_queue(text, mail, parked, &arrears);
    trend_put_query(&call, text, query);
    if (!trend_put(&call, text, query))
        return;
    text_char(text, '}');
    call_reply(&call, 200, SLICE(""));
}
