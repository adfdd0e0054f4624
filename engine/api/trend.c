/* trend.c - see trend.h. */
#include "trend.h"

#include "base/clock.h"
#include "call.h"
#include "observer.h"
#include "query.h"

enum { VALUE_SIZE = 16, SUMS_TEXT_SIZE = 1536 };

#define MINUTE_MS UINT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)

static const struct {
    const char *name;
    uint64_t ms;
    enum resolution resolution; /* if none is asked for */
} windows[] = {
    {"5m", 5 * MINUTE_MS, RESOLUTION_10S},       {"1h", HOUR_MS, RESOLUTION_1M},
    {"24h", 24 * HOUR_MS, RESOLUTION_1H},        {"7d", 7 * (24 * HOUR_MS), RESOLUTION_1H},
    {"30d", 30 * (24 * HOUR_MS), RESOLUTION_1H},
};
enum { WINDOWS = sizeof windows / sizeof windows[0], WINDOW_STANDARD = 1 };

/* ---- what was asked ---- */

static int find_window(struct call *call, unsigned *at)
{
    char value[VALUE_SIZE];
    int given = query_get(call->request->query, "window", value, sizeof value);
    *at = WINDOW_STANDARD;
    if (given <= 0)
        return given;
    for (*at = 0; *at < WINDOWS; ++*at)
        if (strcmp(windows[*at].name, value) == 0)
            return 0;
    return -1;
}

static int find_resolution(struct call *call, enum resolution *resolution)
{
    char value[VALUE_SIZE];
    int given = query_get(call->request->query, "resolution", value, sizeof value);
    if (given <= 0)
        return given;
    for (*resolution = RESOLUTION_10S; *resolution <= RESOLUTION_1H; ++*resolution)
        if (strcmp(resolution_name(*resolution), value) == 0)
            return 0;
    return -1;
}

bool trend_query_read(struct call *call, struct trend_query *query)
{
    unsigned at;
    if (find_window(call, &at)) {
        call_problem(call, 422, "query parameter window must be one of 5m, 1h, 24h, 7d, 30d");
        return false;
    }
    enum resolution resolution = windows[at].resolution;
    if (find_resolution(call, &resolution)) {
        call_problem(call, 422, "query parameter resolution must be one of 10s, 1m, 1h");
        return false;
    }
    uint64_t ms = windows[at].ms;
    if (ms < resolution_span_ms(resolution) || ms > resolution_keep_ms(resolution)) {
        call_problem(call, 422, "this window is not kept in this resolution");
        return false;
    }
    query->name = windows[at].name;
    query->window = trend_window(resolution, ms, clock_wall_ms());
    query->window.tenant = call->tenant;
    return true;
}

/* ---- printing ---- */

void trend_put_time(struct text *text, const char *name, uint64_t wall_ms)
{
    text_printf(text, "\"%s\":", name);
    if (!wall_ms) {
        text_put(text, SLICE("null"));
        return;
    }
    text_char(text, '"');
    text_time(text, wall_ms);
    text_char(text, '"');
}

void trend_put_share(struct text *text, const char *name, uint64_t part, uint64_t all)
{
    text_printf(text, "\"%s\":", name);
    if (all)
        text_printf(text, "%.6g", (double)part / (double)all);
    else
        text_put(text, SLICE("null"));
}

void trend_put_query(const struct call *call, struct text *text, const struct trend_query *query)
{
    text_printf(text, "\"window\":\"%s\",\"resolution\":\"%s\",", query->name,
                resolution_name(query->window.resolution));
    trend_put_time(text, "since", query->window.since_ms);
    text_char(text, ',');
    trend_put_time(text, "until", query->window.until_ms);
    text_char(text, ',');
    trend_put_time(text, "as_of", rollups_figures(call->api->parts.observer->rollups).as_of_ms);
    text_char(text, ',');
}

static void put_spread(struct text *text, const char *name, const struct spread *spread)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } quantiles[] = {{"p50", 500}, {"p90", 900}, {"p95", 950}, {"p99", 990}};
    text_printf(text, "\"%s\":", name);
    if (spread->count == 0) {
        text_put(text, SLICE("null"));
        return;
    }
    text_char(text, '{');
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++)
        text_printf(text, "\"%s\":%llu,", quantiles[i].name,
                    (unsigned long long)spread_quantile(spread, quantiles[i].per_mille));
    text_printf(text, "\"max\":%llu}", (unsigned long long)spread->max);
}

static void put_attempts(struct text *text, const struct rollup *rollup)
{
    uint64_t attempts = rollup_attempts(rollup), failures = rollup_failures(rollup);
    const char *comma = "";
    text_printf(text, "\"attempts\":{\"total\":%llu,\"failed\":%llu,\"cancelled\":%llu,",
                (unsigned long long)attempts, (unsigned long long)failures,
                (unsigned long long)rollup->outcomes[ATTEMPT_CANCELLED]);
    trend_put_share(text, "success_rate", attempts - failures, attempts);
    text_put(text, SLICE(",\"failures\":{"));
    for (int outcome = ATTEMPT_HTTP_ERROR; outcome < ATTEMPT_CANCELLED; outcome++) {
        if (rollup->outcomes[outcome] == 0)
            continue;
        text_printf(text, "%s\"%s\":%llu", comma,
                    attempt_outcome_name((enum attempt_outcome)outcome),
                    (unsigned long long)rollup->outcomes[outcome]);
        comma = ",";
    }
    text_put(text, SLICE("},"));
    put_spread(text, "duration_ms", &rollup->attempt_ms);
    text_put(text, SLICE("},"));
}

static void put_sums(struct text *text, const struct rollup *rollup)
{
    put_attempts(text, rollup);
    text_printf(text, "\"delivered\":%llu,\"delivered_at_once\":%llu,\"dead\":%llu,",
                (unsigned long long)rollup->delivered,
                (unsigned long long)rollup->delivered_at_once, (unsigned long long)rollup->dead);
    put_spread(text, "latency_ms", &rollup->delivery_ms);
}

struct series {
    struct call *call;
    struct text *text;
    const char *comma;
};

static void put_span(void *context, uint64_t start_ms, const struct rollup *rollup)
{
    struct series *series = context;
    call_reserve(series->call, SUMS_TEXT_SIZE);
    text_printf(series->text, "%s{", series->comma);
    trend_put_time(series->text, "start", start_ms);
    text_char(series->text, ',');
    put_sums(series->text, rollup);
    text_char(series->text, '}');
    series->comma = ",";
}

bool trend_put(struct call *call, struct text *text, const struct trend_query *query)
{
    struct series series = {.call = call, .text = text, .comma = ""};
    struct rollup sum;
    text_put(text, SLICE("\"series\":["));
    if (trend_read(call->api->parts.db, &query->window, put_span, &series, &sum)) {
        call_problem(call, 500, "the sums cannot be read");
        return false;
    }
    call_reserve(call, SUMS_TEXT_SIZE);
    text_put(text, SLICE("],\"totals\":{"));
    put_sums(text, &sum);
    text_char(text, '}');
    return true;
}
