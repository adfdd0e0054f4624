/* status.c - grapnelctl status: is it ready, what is it, how much does it do, what waits, and what
 * fails most. From /readyz, two looks at /metrics, a second apart, and the list of deliveries.
 */
#include "base/clock.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"
#include "tools/ctl/view.h"
#include "tools/ctl/worst.h"

#include <stdlib.h>
#include <time.h>

/* A line of the answer: a figure as it is, or how much it grows in a second. */
struct figure {
    const char *name;   /* in the answer */
    const char *metric; /* with its labels, as it is printed */
    bool is_rate;
};

static const struct figure figures[] = {
    {"uptime_seconds", "grapnel_uptime_seconds", false},
    {"subscriptions", "grapnel_subscriptions", false},
    {"accepted_per_second", "grapnel_events_accepted_total", true},
    {"refused_per_second", "grapnel_events_refused_total", true},
    {"shed_per_second", "grapnel_events_shed_total", true},
    {"delivered_per_second", "grapnel_deliveries_delivered_total", true},
    {"dead_per_second", "grapnel_deliveries_dead_total", true},
    {"ready_deliveries", "grapnel_deliveries_ready", false},
    {"in_flight", "grapnel_deliveries_in_flight", false},
    {"waiting_retries", "grapnel_deliveries_waiting", false},
    {"endpoints", "grapnel_endpoints", false},
    {"breakers_open", "grapnel_breakers{state=\"open\"}", false},
    {"storage_low", "grapnel_storage_low", false},
    {"storage_live_bytes", "grapnel_storage_live_bytes", false},
    {"memory_bytes", "process_resident_memory_bytes", false},
};
enum { FIGURES = sizeof figures / sizeof figures[0], VERSION_SIZE = 64, WHY_SIZE = 160 };

struct look {
    bool is_there[FIGURES];
    double values[FIGURES];
    char version[VERSION_SIZE];
    uint64_t at_ns;
};

struct standing {
    bool is_ready;
    char why[WHY_SIZE]; /* it is not */
    struct look first, second;
    struct worst worst;
};

/* ---- reading the metrics ---- */

static void read_version(struct look *look, struct slice line)
{
    static const char before[] = "grapnel_build_info{version=\"";
    if (!slice_starts_with(line, SLICE(before)))
        return;
    struct slice version = slice_skip(line, sizeof before - 1);
    snprintf(look->version, sizeof look->version, "%.*s", (int)slice_find(version, '"'),
             version.at);
}

static void read_line(struct look *look, struct slice line)
{
    read_version(look, line);
    for (size_t i = 0; i < FIGURES; i++) {
        struct slice metric = slice_str(figures[i].metric);
        if (!slice_starts_with(line, metric) || line.size <= metric.size ||
            line.at[metric.size] != ' ')
            continue;
        char number[40], *end;
        struct slice rest = slice_skip(line, metric.size + 1);
        snprintf(number, sizeof number, "%.*s", SLICE_ARGS(rest));
        look->values[i] = strtod(number, &end);
        look->is_there[i] = end != number;
    }
}

static int take_look(struct session *session, struct look *look)
{
    struct server_call call = {.method = "GET", .target = SLICE("/metrics")};
    int status = session_ask(session, &call);
    if (status)
        return status;
    look->at_ns = clock_monotonic_ns();
    for (struct slice rest = call.answer; rest.size;) {
        struct slice line = slice_of(rest.at, slice_find(rest, '\n'));
        read_line(look, line);
        rest = slice_skip(rest, line.size + 1);
    }
    return EXIT_DONE;
}

/* Not being ready is an answer too. */
static int ask_ready(struct session *session, struct standing *standing)
{
    char why[SERVER_WHY_SIZE], what[JSON_WHY_SIZE];
    struct server_call call = {.method = "GET", .target = SLICE("/readyz")};
    struct json_value root, value;
    struct slice detail = SLICE("not ready");
    if (server_ask(session->server, &call, why) < 0) {
        session_complain("%s", why);
        return EXIT_UNREACHABLE;
    }
    standing->is_ready = call.status == 200;
    if (standing->is_ready)
        return EXIT_DONE;
    if (json_read(session->json, call.answer, &root, what) == 0 &&
        json_get(root, "detail", &value) && !json_string(value, &detail))
        detail = SLICE("not ready");
    snprintf(standing->why, sizeof standing->why, "%.*s", SLICE_ARGS(detail));
    return EXIT_DONE;
}

/* ---- showing ---- */

static void put_figures(const struct standing *standing, struct text *text)
{
    const struct look *first = &standing->first, *second = &standing->second;
    double seconds = (double)(second->at_ns - first->at_ns) / 1e9;
    for (size_t i = 0; i < FIGURES; i++) {
        if (!second->is_there[i])
            continue;
        double value = second->values[i];
        if (figures[i].is_rate)
            value = (value - first->values[i]) / seconds;
        text_printf(text, ",\"%s\":%.*f", figures[i].name, figures[i].is_rate ? 1 : 0, value);
    }
}

static int show(struct session *session, const struct standing *standing)
{
    char buffer[4096 + JSON_PADDING];
    struct text text;
    struct json_value root;
    text_init(&text, buffer, sizeof buffer - JSON_PADDING);
    text_printf(&text, "{\"ready\":%s,", standing->is_ready ? "true" : "false");
    if (!standing->is_ready) {
        text_put(&text, SLICE("\"detail\":"));
        text_json(&text, slice_str(standing->why));
        text_char(&text, ',');
    }
    text_put(&text, SLICE("\"version\":"));
    text_json(&text, slice_str(standing->second.version));
    put_figures(standing, &text);
    bool is_json = line_wants_json(session->line);
    if (is_json) {
        text_put(&text, SLICE(",\"worst_endpoints\":"));
        worst_print(&standing->worst, &text);
    }
    text_char(&text, '}');
    must(text_ok(&text));
    if (is_json) {
        printf("%.*s\n", SLICE_ARGS(text_slice(&text)));
        return EXIT_DONE;
    }
    int status = session_read(session, text_slice(&text), &root);
    if (status)
        return status;
    view_object(root);
    worst_show(&standing->worst);
    return EXIT_DONE;
}

int run_status(const struct line *line)
{
    const struct timespec second = {.tv_sec = 1};
    struct session session;
    static struct standing standing; /* large */
    int status = session_open(&session, line);
    if (!status)
        status = ask_ready(&session, &standing);
    if (!status)
        status = take_look(&session, &standing.first);
    if (!status) {
        nanosleep(&second, NULL);
        status = take_look(&session, &standing.second);
    }
    if (!status)
        status = worst_ask(&standing.worst, &session);
    if (!status)
        status = show(&session, &standing);
    session_close(&session);
    return status ? status : standing.is_ready ? EXIT_DONE : EXIT_REFUSED;
}
