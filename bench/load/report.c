/* report.c - see report.h. */
#include "bench/load/report.h"

#include "base/text.h"

#include <errno.h>

void report_time(uint64_t us, char out[static REPORT_TIME_SIZE])
{
    if (us < 1000)
        snprintf(out, REPORT_TIME_SIZE, "%u us", (unsigned)us);
    else if (us < 1000000)
        snprintf(out, REPORT_TIME_SIZE, "%.2f ms", (double)us / 1e3);
    else
        snprintf(out, REPORT_TIME_SIZE, "%.2f s", (double)us / 1e6);
}

void report_count(uint64_t count, char out[static REPORT_COUNT_SIZE])
{
    char digits[REPORT_COUNT_SIZE];
    int size = snprintf(digits, sizeof digits, "%lu", count);
    char *at = out;
    for (int i = 0; i < size; i++) {
        if (i > 0 && (size - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
}

/* ---- the table ---- */

void report_latency_head(FILE *out)
{
    fprintf(out, "  %-18s %10s %10s %10s %10s %10s\n", "latency", "p50", "p95", "p99", "p99.9",
            "max");
}

void report_latency_row(FILE *out, const char *name, const struct histogram *us)
{
    static const double fractions[] = {0.5, 0.95, 0.99, 0.999, 1};
    fprintf(out, "  %-18s", name);
    for (unsigned i = 0; i < sizeof fractions / sizeof *fractions; i++) {
        char time[REPORT_TIME_SIZE];
        report_time(histogram_quantile(us, fractions[i]), time);
        fprintf(out, " %10s", us->count ? time : "-");
    }
    fprintf(out, "\n");
}

void report_answers(FILE *out, const struct publisher_counters *published)
{
    for (unsigned status = 0; status < PUBLISHER_STATUSES; status++)
        if (status != 202 && published->answers[status] > 0)
            fprintf(out, "  answers %u         %14lu requests\n", status,
                    published->answers[status]);
    if (published->connect_failures > 0)
        fprintf(out, "  connections that failed or ended %lu (%s)\n", published->connect_failures,
                strerror(-published->last_error));
}

static void print_setting(FILE *out, const struct bench_settings *settings,
                          const struct machine *machine)
{
    char rate[REPORT_COUNT_SIZE] = "as fast as answers come";
    if (settings->rate > 0)
        report_count(settings->rate, rate);
    fprintf(out,
            "\n%lu-byte payloads, %lu a request, %s%s, %lu connections; %lu subscriptions, "
            "%lu for each event; %s%s\n",
            settings->payload_bytes, settings->batch, rate, settings->rate ? "/s" : "",
            settings->connections, settings->subscriptions, settings->fan_out, settings->durability,
            settings->tls ? "; TLS on both sides" : "");
    fprintf(out, "%s, %u cores, Linux %s, data on %s%s\n\n", machine->processor, machine->cores,
            machine->kernel, machine->filesystem,
            slice_equal(slice_str(machine->filesystem), SLICE("tmpfs"))
                ? " (which is memory: fdatasync costs nothing there)"
                : "");
}

static void print_count_row(FILE *out, const char *name, double per_second, uint64_t count)
{
    char rate[REPORT_COUNT_SIZE], total[REPORT_COUNT_SIZE];
    report_count((uint64_t)(per_second + 0.5), rate);
    report_count(count, total);
    fprintf(out, "  %-18s %10s /s %14s\n", name, rate, total);
}

void report_table(FILE *out, const struct bench_settings *settings, const struct figures *figures)
{
    const struct audit *audit = &figures->audit;
    print_setting(out, settings, &figures->machine);
    print_count_row(out, "accepted", figures->accepted_per_second, audit->accepted);
    print_count_row(out, "delivered", figures->delivered_per_second, audit->delivered);
    fprintf(out, "  %-18s %10.1f us of CPU per event (user %.1f, system %.1f), %.1f per delivery\n",
            "engine", figures->cpu_us_per_event, figures->user_us_per_event,
            figures->system_us_per_event, figures->cpu_us_per_delivery);
    fprintf(out, "  %-18s %10.0f MiB of memory at its peak\n", "",
            (double)figures->after.memory_peak_bytes / 1048576);
    fprintf(out, "  %-18s %10.1f us of CPU per event\n\n", "load and receiver",
            figures->load_cpu_us_per_event);

    report_latency_head(out);
    report_latency_row(out, "accept", &figures->published.accept_us);
    report_latency_row(out, "accept-to-receive", &figures->receive_us);

    fprintf(out, "\n  lost %lu, duplicated %lu, bad signatures %lu, strays %lu", audit->lost,
            audit->duplicated, figures->collected.bad_signatures, figures->collected.strays);
    if (audit->unknown > 0)
        fprintf(out, "; of %lu events the answer is unknown (%lu of their deliveries came)",
                audit->unknown, audit->of_unknown);
    if (audit->refused > 0)
        fprintf(out, "; %lu events were refused", audit->refused);
    fprintf(out, "\n");
    report_answers(out, &figures->published);
    if (figures->published.gave_up)
        fprintf(out, "  publishing was given up before its end\n");
}

/* ---- JSON ---- */

static void put_text(FILE *out, const char *name, const char *value)
{
    char room[1024];
    struct text text;
    text_init(&text, room, sizeof room);
    text_json(&text, slice_str(value));
    fprintf(out, "  \"%s\": %.*s,\n", name, SLICE_ARGS(text_slice(&text)));
}

static void put_count(FILE *out, const char *name, uint64_t value)
{
    fprintf(out, "  \"%s\": %lu,\n", name, value);
}

static void put_number(FILE *out, const char *name, double value)
{
    fprintf(out, "  \"%s\": %.3f,\n", name, value);
}

static void put_latency(FILE *out, const char *name, const struct histogram *us)
{
    static const struct {
        const char *name;
        double fraction;
    } points[] = {{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (unsigned i = 0; i < sizeof points / sizeof *points; i++)
        fprintf(out, "  \"%s_%s_us\": %lu,\n", name, points[i].name,
                histogram_quantile(us, points[i].fraction));
}

static void put_settings(FILE *out, const struct bench_settings *settings,
                         const struct machine *machine)
{
    put_text(out, "engine", settings->engine);
    put_count(out, "payload_bytes", settings->payload_bytes);
    put_count(out, "batch", settings->batch);
    put_count(out, "rate", settings->rate);
    put_count(out, "duration_ms", settings->duration_ms);
    put_count(out, "connections", settings->connections);
    put_count(out, "subscriptions", settings->subscriptions);
    put_count(out, "fan_out", settings->fan_out);
    put_count(out, "shards", settings->shards);
    put_text(out, "durability", settings->durability);
    fprintf(out, "  \"tls\": %s,\n", settings->tls ? "true" : "false");
    put_text(out, "processor", machine->processor);
    put_count(out, "cores", machine->cores);
    put_count(out, "memory_bytes", machine->memory_bytes);
    put_text(out, "kernel", machine->kernel);
    put_text(out, "filesystem", machine->filesystem);
}

static void put_figures(FILE *out, const struct figures *figures)
{
    const struct audit *audit = &figures->audit;
    put_count(out, "accepted", audit->accepted);
    put_count(out, "delivered", audit->delivered);
    put_count(out, "lost", audit->lost);
    put_count(out, "duplicated", audit->duplicated);
    put_count(out, "bad_signatures", figures->collected.bad_signatures);
    put_count(out, "strays", figures->collected.strays);
    put_count(out, "unknown", audit->unknown);
    put_count(out, "refused", audit->refused);
    put_count(out, "retries", figures->published.retries);
    put_number(out, "publish_seconds", figures->publish_seconds);
    put_number(out, "deliver_seconds", figures->deliver_seconds);
    put_number(out, "accepted_per_second", figures->accepted_per_second);
    put_number(out, "delivered_per_second", figures->delivered_per_second);
    put_number(out, "engine_cpu_us_per_event", figures->cpu_us_per_event);
    put_number(out, "engine_user_us_per_event", figures->user_us_per_event);
    put_number(out, "engine_system_us_per_event", figures->system_us_per_event);
    put_number(out, "engine_cpu_us_per_delivery", figures->cpu_us_per_delivery);
    put_count(out, "engine_memory_peak_bytes", figures->after.memory_peak_bytes);
    put_number(out, "load_cpu_us_per_event", figures->load_cpu_us_per_event);
    put_latency(out, "accept", &figures->published.accept_us);
    put_latency(out, "receive", &figures->receive_us);
}

static void put_answers(FILE *out, const struct publisher_counters *published)
{
    const char *comma = "";
    fprintf(out, "  \"answers\": {");
    for (unsigned status = 0; status < PUBLISHER_STATUSES; status++) {
        if (published->answers[status] == 0)
            continue;
        fprintf(out, "%s\"%u\": %lu", comma, status, published->answers[status]);
        comma = ", ";
    }
    fprintf(out, "},\n");
}

static void put_timeline(FILE *out, const struct timeline *timeline)
{
    fprintf(out, "  \"timeline\": [");
    for (unsigned i = 0; i < timeline->count; i++) {
        const struct sample *sample = &timeline->samples[i];
        fprintf(out, "%s[%.3f, %lu, %lu]", i ? ", " : "", (double)sample->at_ns / 1e9,
                sample->accepted, sample->delivered);
    }
    fprintf(out, "]\n");
}

int report_json(const char *path, const struct bench_settings *settings,
                const struct figures *figures)
{
    FILE *out = fopen(path, "we");
    if (!out)
        return -errno;
    fprintf(out, "{\n");
    put_text(out, "version", GRAPNEL_VERSION);
    put_settings(out, settings, &figures->machine);
    put_figures(out, figures);
    put_answers(out, &figures->published);
    put_timeline(out, &figures->timeline);
    fprintf(out, "}\n");
    bool failed = ferror(out) != 0;
    return fclose(out) != 0 || failed ? -EIO : 0;
}
