/* sla.c - /api/v1/webhooks/sla: whether a tenant gets what it is promised, over a day and a month.
 */
#include "sla.h"

#include "base/clock.h"
#include "call.h"
#include "observer.h"
#include "router.h"

enum { SLA_TEXT_SIZE = 2048 };

static const struct {
    const char *name;
    uint64_t hours;
} windows[] = {{"24h", 24}, {"30d", UINT64_C(30) * 24}};
enum { WINDOWS = sizeof windows / sizeof windows[0], HOUR_MS = 3600 * 1000 };

static void put_budget(struct text *text, const struct sla *sla, const struct sla_account *account)
{
    text_put(text, SLICE("\"error_budget\":"));
    if (sla->objective <= 0) {
        text_put(text, SLICE("null"));
        return;
    }
    text_printf(text, "{\"total\":%.6g,\"used\":%llu,\"left\":%.6g,\"burn_rate\":%.6g}",
                account->budget, (unsigned long long)account->bad,
                account->budget - (double)account->bad, account->burn_rate);
}

static void put_window(struct text *text, const struct sla *sla, const struct trend_window *window,
                       const struct rollup *sums)
{
    struct sla_account account = sla_judge(sla, sums);
    trend_put_time(text, "since", window->since_ms);
    text_char(text, ',');
    trend_put_time(text, "until", window->until_ms);
    text_printf(text, ",\"deliveries\":%llu,\"good\":%llu,", (unsigned long long)account.deliveries,
                (unsigned long long)account.good);
    trend_put_share(text, "compliance", account.good, account.deliveries);
    text_printf(text, ",\"met\":%s,",
                sla->objective <= 0 ? "null"
                : account.is_met    ? "true"
                                    : "false");
    put_budget(text, sla, &account);
}

void sla_get(struct call *call)
{
    const struct api_parts *parts = &call->api->parts;
    const struct tenant *tenant = registry_tenant(parts->registry, &call->tenant);
    uint64_t now_ms = clock_wall_ms();
    must(tenant);
    struct text *text = call_text(call, SLA_TEXT_SIZE);
    text_put(text, SLICE("{\"sla\":"));
    sla_print(&tenant->sla, text);
    text_char(text, ',');
    trend_put_time(text, "as_of", rollups_figures(parts->observer->rollups).as_of_ms);
    text_put(text, SLICE(",\"windows\":["));
    for (unsigned i = 0; i < WINDOWS; i++) {
        struct trend_window window =
            trend_window(RESOLUTION_1H, windows[i].hours * HOUR_MS, now_ms);
        struct rollup sums;
        window.tenant = call->tenant;
        if (trend_read(parts->db, &window, NULL, NULL, &sums)) {
            call_problem(call, 500, "the sums cannot be read");
            return;
        }
        text_printf(text, "%s{\"window\":\"%s\",", i ? "," : "", windows[i].name);
        put_window(text, &tenant->sla, &window, &sums);
        text_char(text, '}');
    }
    text_put(text, SLICE("]}"));
    call_reply(call, 200, SLICE(""));
}
