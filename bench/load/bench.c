/* bench.c - grapnel-load bench: one trial, its table, and the account at the end. */
#include "bench/load/commands.h"
#include "bench/load/interrupt.h"
#include "bench/load/page.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include <errno.h>
#include <stdlib.h>

enum {
    EVENTS_PER_SECOND_MAX = 500000,
    EVENTS_DEFAULT = 100000,
    REQUEST_BYTES_MAX = 16 << 20, /* what the engine takes as a batch */
    PAIRS = 5,
    FILTER_TEXT_SIZE = 16 * 1024 + 16, /* the engine's limit, and its name */
};

static int save(struct trial *trial)
{
    const struct bench_settings *settings = &trial->settings;
    int error = 0;
    if (settings->json)
        error = report_json(settings->json, settings, &trial->figures);
    if (error)
        snprintf(trial->why, TRIAL_WHY_SIZE, "%s: %s", settings->json, strerror(-error));
    if (!error && settings->html) {
        error = page_write(settings->html, settings, &trial->figures);
        if (error)
            snprintf(trial->why, TRIAL_WHY_SIZE, "%s: %s", settings->html, strerror(-error));
    }
    return error;
}

static int measure(struct trial *trial, const struct bench_settings *settings)
{
    const struct trial_load load = {
        .stride = 1,
        .events = settings->events,
        .duration_ms = settings->duration_ms,
        .rate = settings->rate,
        .batch = (unsigned)settings->batch,
    };
    int error = trial_open(trial, settings);
    if (!error)
        error = trial_publish(trial, &load);
    if (!error)
        error = trial_drain(trial);
    if (!trial->figures.published.first_ns)
        return error; /* nothing was published: there is nothing to show */
    int ended = trial_audit(trial);
    report_table(stdout, settings, &trial->figures);
    int saved = save(trial);
    return error ? error : ended ? ended : saved;
}

/* 0, or the exit code. */
static int run(const struct bench_settings *settings, double *cpu_us_per_event)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return 1;
    int error = measure(trial, settings);
    bool good = !error && figures_are_good(&trial->figures);
    *cpu_us_per_event = trial->figures.cpu_us_per_event;
    if (error)
        fprintf(stderr, "grapnel-load bench: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    trial_close(trial);
    free(trial);
    return good ? 0 : 1;
}

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* Pairs of trials, without the filter and with it, one right after the other: the machine has bad
 * seconds, so the medians are compared. */
static int run_pairs(const struct bench_settings *settings)
{
    struct bench_settings plain = *settings, filtered = *settings;
    double without[PAIRS], with[PAIRS];
    char extra[FILTER_TEXT_SIZE];
    snprintf(extra, sizeof extra, "\"filter\":%s", settings->filter);
    filtered.subscription_extra = extra;
    for (unsigned i = 0; i < PAIRS; i++) {
        int code = run(&plain, &without[i]);
        if (code == 0)
            code = run(&filtered, &with[i]);
        if (code)
            return code;
    }
    qsort(without, PAIRS, sizeof *without, by_size);
    qsort(with, PAIRS, sizeof *with, by_size);
    printf("\nfilter %s\n  engine  %16.2f us of CPU per event without it, %.2f with it: %+.2f "
           "(medians of %d pairs)\n",
           settings->filter, without[PAIRS / 2], with[PAIRS / 2],
           with[PAIRS / 2] - without[PAIRS / 2], PAIRS);
    return 0;
}

static int complain(const char *what)
{
    fprintf(stderr, "grapnel-load bench: %s (try --help)\n", what);
    return 2;
}

/* Fills in what was not said, and refuses what does not go together. 0, or the exit code. */
static int complete(struct bench_settings *settings)
{
    static char engine[SCRATCH_PATH_SIZE];
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    if (settings->events && settings->duration_ms)
        return complain("--events and --duration: one of them");
    if (!slice_equal(slice_str(settings->durability), SLICE("fsync")) &&
        !slice_equal(slice_str(settings->durability), SLICE("relaxed")))
        return complain("--durability: fsync or relaxed");
    if (settings->subscriptions == 0)
        settings->subscriptions = settings->fan_out;
    if (settings->subscriptions % settings->fan_out != 0)
        return complain("--subscriptions must be a multiple of --fan-out");
    if (settings->filter && strlen(settings->filter) > FILTER_TEXT_SIZE - 16)
        return complain("--filter is over 16 KiB");
    if (stamp_event_size(settings->payload_bytes) * settings->batch > REQUEST_BYTES_MAX)
        return complain("--batch times --payload is over 16 MiB");

    if (settings->duration_ms)
        settings->events = (settings->rate ? settings->rate : EVENTS_PER_SECOND_MAX) *
                           (settings->duration_ms / 1000 + 1);
    else if (settings->events == 0)
        settings->events = EVENTS_DEFAULT;
    settings->events = (settings->events + settings->batch - 1) / settings->batch * settings->batch;
    return 0;
}

int bench_main(int argc, char **argv)
{
    enum { HOUR_MS = 3600 * 1000 };
    struct bench_settings settings = {
        .durability = "fsync", .payload_bytes = 1024, .batch = 1, .fan_out = 1, .connections = 256};
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings.engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--events", FLAG_COUNT, &settings.events, 1, 1000000000, "N", "how many (100000)"},
        {"--duration", FLAG_DURATION, &settings.duration_ms, 1, HOUR_MS, "DURATION",
         "publish for this time instead"},
        {"--rate", FLAG_RATE, &settings.rate, 0, 10000000, "R|max",
         "events a second, in an open loop; or as fast as answers come (max)"},
        {"--payload", FLAG_SIZE, &settings.payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--batch", FLAG_COUNT, &settings.batch, 1, 10000, "B", "events in a request (1)"},
        {"--subscriptions", FLAG_COUNT, &settings.subscriptions, 1, 1000000, "S",
         "in all; a multiple of --fan-out (as --fan-out)"},
        {"--fan-out", FLAG_COUNT, &settings.fan_out, 1, 10000, "F",
         "subscriptions that each event matches (1)"},
        {"--connections", FLAG_COUNT, &settings.connections, 1, 16384, "C",
         "requests on their way at once (256)"},
        {"--tls", FLAG_SWITCH, &settings.tls, 0, 0, NULL, "TLS to the engine and to the receiver"},
        {"--durability", FLAG_TEXT, &settings.durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--shards", FLAG_COUNT, &settings.shards, 1, 256, "N", "of the engine (its default)"},
        {"--data", FLAG_TEXT, &settings.data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings.engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
        {"--filter", FLAG_TEXT, &settings.filter, 0, 0, "JSON",
         "compare: pairs of runs without this filter, and with it, which lets every event pass"},
        {"--json", FLAG_TEXT, &settings.json, 0, 0, "FILE", "save all figures"},
        {"--html", FLAG_TEXT, &settings.html, 0, 0, "FILE", "save a page with plots"},
    };
    const struct flags flags = {
        "grapnel-load bench",
        "Starts an engine in a fresh directory and a receiver, publishes, waits for every "
        "delivery,\n"
        "checks each signature, and prints what it took. Exit 1: something was lost or wrong.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result < 0)
        result = complete(&settings);
    else
        return result;
    if (result != 0)
        return result;
    interrupt_catch();
    double cpu;
    return settings.filter ? run_pairs(&settings) : run(&settings, &cpu);
}
