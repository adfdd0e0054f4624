/* tenant_stats.c - /api/v1/webhooks/stats: what came of all attempts of a tenant; and which of its
 * subscriptions fail most. */
#include "call.h"
#include "query.h"
#include "router.h"

#include <stdlib.h>

enum { STATS_TEXT_SIZE = 1024, RANKED_TEXT_SIZE = 512, GROUP_SIZE = 16 };

static void put_ranked(struct call *call, struct text *text, const struct trend_ranked *ranked)
{
    char digits[ID_TEXT_SIZE];
    const struct subscription *found =
        registry_subscription(call->api->parts.registry, &ranked->subscription);
    text_printf(text, "{\"subscription_id\":\"%s\",\"exists\":%s,",
                id_print(&ranked->subscription, "sub", digits).at, found ? "true" : "false");
    text_printf(text, "\"attempts\":%llu,\"failed\":%llu,", (unsigned long long)ranked->attempts,
                (unsigned long long)ranked->failures);
    trend_put_share(text, "success_rate", ranked->attempts - ranked->failures, ranked->attempts);
    text_printf(text, ",\"delivered\":%llu,\"dead\":%llu}", (unsigned long long)ranked->delivered,
                (unsigned long long)ranked->dead);
}

/* Where the page begins: after the one that the last page ended with, wherever that is now. */
static int page_start(const struct page *page, const struct trend_ranked *ranked, int count)
{
    for (int i = 0; page->has_cursor && i < count; i++)
        if (id_equal(&ranked[i].subscription, &page->cursor))
            return i + 1;
    return page->has_cursor ? count : 0;
}

static void put_page(struct call *call, struct text *text, const struct page *page,
                     const struct trend_ranked *ranked, int count)
{
    int start = page_start(page, ranked, count);
    int end = count - start > (int)page->limit ? start + (int)page->limit : count;
    text_put(text, SLICE("\"data\":["));
    for (int i = start; i < end; i++) {
        call_reserve(call, RANKED_TEXT_SIZE);
        if (i > start)
            text_char(text, ',');
        put_ranked(call, text, &ranked[i]);
    }
    call_reserve(call, RANKED_TEXT_SIZE);
    page_end(text, end < count, "sub", end < count ? &ranked[end - 1].subscription : NULL);
}

static void answer_ranked(struct call *call, struct trend_query *query, const struct page *page)
{
    struct trend_ranked *ranked = malloc(TREND_RANKED_MAX * sizeof *ranked);
    bool is_whole;
    if (!ranked) {
        call_busy(call);
        return;
    }
    uint64_t since_ms = query->window.since_ms;
    int count = trend_rank(call->api->parts.db, &query->window, ranked, &since_ms, &is_whole);
    if (count < 0) {
        call_problem(call, 500, "the sums cannot be read");
    } else {
        struct text *text = call_text(call, STATS_TEXT_SIZE);
        bool is_complete = is_whole && since_ms == query->window.since_ms;
        query->window.since_ms = since_ms;
        text_char(text, '{');
        trend_put_query(call, text, query);
        text_printf(text, "\"complete\":%s,", is_complete ? "true" : "false");
        put_page(call, text, page, ranked, count);
        call_reply(call, 200, SLICE(""));
    }
    free(ranked);
}

void tenant_stats_get(struct call *call)
{
    static const char *const parameters[] = {"window", "resolution", "group_by", NULL};
    struct trend_query query;
    struct page page;
    char group[GROUP_SIZE];
    if (!call_page(call, "sub", parameters, &page) || !trend_query_read(call, &query))
        return;
    int given = query_get(call->request->query, "group_by", group, sizeof group);
    if (given < 0 || (given && strcmp(group, "subscription") != 0)) {
        call_problem(call, 422, "query parameter group_by must be subscription");
        return;
    }
    if (given) {
        answer_ranked(call, &query, &page);
        return;
    }
    struct text *text = call_text(call, STATS_TEXT_SIZE);
    text_char(text, '{');
    trend_put_query(call, text, &query);
    if (!trend_put(call, text, &query))
        return;
    text_char(text, '}');
    call_reply(call, 200, SLICE(""));
}
