/* page.c - HTML with two plots in SVG: latency by percentile, both axes logarithmic (the percentile
 * axis in nines), and throughput over time.
 */
#include "bench/load/page.h"

#include "bench/load/report.h"

#include <errno.h>
#include <math.h>

enum { PLOT_WIDTH = 640, PLOT_HEIGHT = 260, LEFT = 70, RIGHT = 26, TOP = 14, BOTTOM = 30 };

static const char style[] =
    ":root{--ink:#16211c;--soft:#5d6b64;--line:#d9e0dc;--back:#f6f8f7;--card:#fff;--a:#0b7a5c;"
    "--b:#c2571a}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6ede9;--soft:#93a29a;--line:#2b3832;"
    "--back:#101613;--card:#18211d;--a:#3fc79b;--b:#f08a4b}}"
    "body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,sans-serif}"
    "main{max-width:1360px;margin:auto;padding:32px 20px}h1{font-size:22px;margin:0 0 4px}"
    "h2{font-size:15px;margin:0 0 8px}p{color:var(--soft);margin:0 0 20px}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px}"
    ".card,section{background:var(--card);border:1px solid var(--line);border-radius:10px;"
    "padding:14px 16px}.card b{display:block;font-size:22px;font-variant-numeric:tabular-nums}"
    ".card span,.key{color:var(--soft);font-size:13px}.bad b{color:var(--b)}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:12px;"
    "margin-top:12px}svg{width:100%;height:auto;display:block}"
    "svg text{fill:var(--soft);font:11px system-ui,sans-serif}.grid{stroke:var(--line)}"
    ".a{stroke:var(--a)}.b{stroke:var(--b)}polyline{fill:none;stroke-width:2;"
    "stroke-linejoin:round}.key i{display:inline-block;width:14px;height:3px;margin:0 6px 3px 12px;"
    "vertical-align:middle}";

/* ---- plots ---- */

/* Where a share of the plot's width or height lies, in the drawing's units. */
static double across(double share)
{
    return LEFT + share * (PLOT_WIDTH - LEFT - RIGHT);
}

static double up(double share)
{
    return PLOT_HEIGHT - BOTTOM - share * (PLOT_HEIGHT - TOP - BOTTOM);
}

static void begin_plot(FILE *out, const char *title, const char *first, const char *second)
{
    fprintf(out,
            "<section><h2>%s</h2><div class=key><i style=\"background:var(--a)\"></i>%s"
            "<i style=\"background:var(--b)\"></i>%s</div>"
            "<svg viewBox=\"0 0 %d %d\" role=img aria-label=\"%s\">\n",
            title, first, second, PLOT_WIDTH, PLOT_HEIGHT, title);
}

static void end_plot(FILE *out)
{
    fprintf(out, "</svg></section>\n");
}

static void draw_row(FILE *out, double share, const char *label)
{
    double y = up(share);
    fprintf(out,
            "<line class=grid x1=%d x2=%d y1=%.1f y2=%.1f /><text x=%d y=%.1f "
            "text-anchor=end>%s</text>\n",
            LEFT, PLOT_WIDTH - RIGHT, y, y, LEFT - 8, y + 4, label);
}

static void draw_column(FILE *out, double share, const char *label)
{
    double x = across(share);
    fprintf(out,
            "<line class=grid x1=%.1f x2=%.1f y1=%d y2=%d /><text x=%.1f y=%d "
            "text-anchor=middle>%s</text>\n",
            x, x, TOP, PLOT_HEIGHT - BOTTOM, x, PLOT_HEIGHT - 10, label);
}

/* ---- latency ---- */

/* How far right a fraction stands, in nines: 0.9 is 1, 0.99 is 2, ... */
static double nines(double fraction)
{
    return -log10(1 - fraction);
}

enum { NINES = 4 }; /* the plot ends at p99.99 */

static double log_share(double us, int low, int high)
{
    double share = (log10(us < 1 ? 1 : us) - low) / (high - low);
    return share < 0 ? 0 : share;
}

static void draw_latency(FILE *out, const char *class, const struct histogram *us, int low,
                         int high)
{
    enum { STEPS = 80 };
    fprintf(out, "<polyline class=%s points=\"", class);
    for (unsigned i = 0; i <= STEPS && us->count > 0; i++) {
        double share = (double)i / STEPS;
        double fraction = 1 - pow(10, -share * NINES);
        double value = (double)histogram_quantile(us, fraction);
        fprintf(out, "%.1f,%.1f ", across(share), up(log_share(value, low, high)));
    }
    fprintf(out, "\" />\n");
}

/* 10^power us: "10 us", "1 ms", "100 s". */
static void print_power(int power, char out[static REPORT_TIME_SIZE])
{
    static const char *const units[] = {"us", "ms", "s"};
    int unit = power / 3 < 2 ? power / 3 : 2;
    snprintf(out, REPORT_TIME_SIZE, "%.0f %s", pow(10, power - 3 * unit), units[unit]);
}

static void plot_latency(FILE *out, const struct figures *figures)
{
    const struct histogram *accept = &figures->published.accept_us;
    const struct histogram *receive = &figures->receive_us;
    double most = (double)(accept->max > receive->max ? accept->max : receive->max);
    int low = 1;
    int high = (int)ceil(log10(most < 1000 ? 1000 : most));

    begin_plot(out, "Latency by percentile", "accept", "accept-to-receive");
    for (int power = low; power <= high; power++) {
        char label[REPORT_TIME_SIZE];
        print_power(power, label);
        draw_row(out, (double)(power - low) / (high - low), label);
    }
    static const struct {
        double fraction;
        const char *label;
    } columns[] = {{0.5, "p50"}, {0.9, "p90"}, {0.99, "p99"}, {0.999, "p99.9"}, {0.9999, "p99.99"}};
    for (unsigned i = 0; i < sizeof columns / sizeof *columns; i++)
        draw_column(out, nines(columns[i].fraction) / NINES, columns[i].label);
    draw_latency(out, "a", accept, low, high);
    draw_latency(out, "b", receive, low, high);
    end_plot(out);
}

/* ---- throughput ---- */

/* The counts' growth between two samples, a second. */
static double growth(uint64_t from, uint64_t to, const struct sample *before,
                     const struct sample *after)
{
    double seconds = (double)(after->at_ns - before->at_ns) / 1e9;
    return seconds > 0 && to > from ? (double)(to - from) / seconds : 0;
}

static double rate_at(const struct timeline *timeline, unsigned i, bool delivered)
{
    const struct sample *before = &timeline->samples[i - 1];
    const struct sample *after = &timeline->samples[i];
    if (delivered)
        return growth(before->delivered, after->delivered, before, after);
    return growth(before->accepted, after->accepted, before, after);
}

static void draw_rates(FILE *out, const char *class, const struct timeline *timeline,
                       bool delivered, double most)
{
    uint64_t end_ns = timeline->samples[timeline->count - 1].at_ns;
    fprintf(out, "<polyline class=%s points=\"", class);
    for (unsigned i = 1; i < timeline->count; i++) {
        double share = (double)timeline->samples[i].at_ns / (double)end_ns;
        fprintf(out, "%.1f,%.1f ", across(share), up(rate_at(timeline, i, delivered) / most));
    }
    fprintf(out, "\" />\n");
}

/* The next of 1, 2, 5, 10, 20, ... */
static double round_up(double value)
{
    double power = pow(10, floor(log10(value < 1 ? 1 : value)));
    double digit = value / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static void plot_throughput(FILE *out, const struct figures *figures)
{
    const struct timeline *timeline = &figures->timeline;
    if (timeline->count < 2)
        return;
    double most = 1;
    for (unsigned i = 1; i < timeline->count; i++)
        most = fmax(most, fmax(rate_at(timeline, i, false), rate_at(timeline, i, true)));
    most = round_up(most);

    begin_plot(out, "Throughput over time, per second", "events accepted", "deliveries received");
    for (unsigned i = 0; i <= 4; i++) {
        char label[REPORT_COUNT_SIZE];
        report_count((uint64_t)(most * i / 4), label);
        draw_row(out, i / 4.0, label);
    }
    double end = (double)timeline->samples[timeline->count - 1].at_ns / 1e9;
    for (unsigned i = 0; i <= 4; i++) {
        char label[REPORT_TIME_SIZE];
        snprintf(label, sizeof label, "%.1f s", end * i / 4);
        draw_column(out, i / 4.0, label);
    }
    draw_rates(out, "a", timeline, false, most);
    draw_rates(out, "b", timeline, true, most);
    end_plot(out);
}

/* ---- the page ---- */

static void card(FILE *out, const char *name, const char *value, bool bad)
{
    fprintf(out, "<div class=\"card%s\"><b>%s</b><span>%s</span></div>\n", bad ? " bad" : "", value,
            name);
}

static void card_count(FILE *out, const char *name, double value, bool bad)
{
    char text[REPORT_COUNT_SIZE];
    report_count((uint64_t)(value + 0.5), text);
    card(out, name, text, bad);
}

static void card_quantile(FILE *out, const char *name, const struct histogram *us, double fraction)
{
    char text[REPORT_TIME_SIZE];
    report_time(histogram_quantile(us, fraction), text);
    card(out, name, text, false);
}

static void write_cards(FILE *out, const struct figures *figures)
{
    char text[48];
    fprintf(out, "<div class=cards>\n");
    card_count(out, "events accepted / s", figures->accepted_per_second, false);
    card_count(out, "deliveries received / s", figures->delivered_per_second, false);
    snprintf(text, sizeof text, "%.1f µs", figures->cpu_us_per_event);
    card(out, "engine CPU per event", text, false);
    snprintf(text, sizeof text, "%.1f µs", figures->cpu_us_per_delivery);
    card(out, "engine CPU per delivery", text, false);
    snprintf(text, sizeof text, "%.0f MiB", (double)figures->after.memory_peak_bytes / 1048576);
    card(out, "engine memory, peak", text, false);
    card_quantile(out, "accept p99", &figures->published.accept_us, 0.99);
    card_quantile(out, "accept-to-receive p50", &figures->receive_us, 0.5);
    card_quantile(out, "accept-to-receive p99", &figures->receive_us, 0.99);
    card_count(out, "lost", (double)figures->audit.lost, figures->audit.lost > 0);
    card_count(out, "duplicated", (double)figures->audit.duplicated, false);
    card_count(out, "bad signatures", (double)figures->collected.bad_signatures,
               figures->collected.bad_signatures > 0);
    fprintf(out, "</div>\n");
}

/* What comes from outside, in a place where text stands. */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '<' || *text == '&')
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text, out);
    }
}

int page_write(const char *path, const struct bench_settings *settings,
               const struct figures *figures)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return -errno;
    fprintf(out,
            "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport "
            "content=\"width=device-width,initial-scale=1\"><title>grapnel-load bench</title>"
            "<style>%s</style><main><h1>grapnel %s under load</h1><p>%lu-byte payloads, %lu a "
            "request, %lu connections, %lu subscriptions, %lu for each event, %s%s. ",
            style, GRAPNEL_VERSION, settings->payload_bytes, settings->batch, settings->connections,
            settings->subscriptions, settings->fan_out, settings->durability,
            settings->tls ? ", TLS" : "");
    put_escaped(out, figures->machine.processor);
    fprintf(out, ", %u cores, Linux ", figures->machine.cores);
    put_escaped(out, figures->machine.kernel);
    fprintf(out, ", data on %s.</p>\n", figures->machine.filesystem);
    write_cards(out, figures);
    fprintf(out, "<div class=plots>\n");
    plot_latency(out, figures);
    plot_throughput(out, figures);
    fprintf(out, "</div></main></html>\n");
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? -EIO : 0;
}
