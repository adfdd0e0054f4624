/* management.c - grapnel-load management: do lists, scrapes and a replay move deliveries?
 *
 * Rounds of two trials each. Both begin with a history: events for one endpoint, all delivered.
 * Then events come at a steady rate for another, which alone is judged; in the second trial
 * somebody asks for heavy lists all the while, scrapes the metrics, and replays the whole history.
 * That one lasts until the replay is over.
 */
#include "base/clock.h"
#include "bench/load/commands.h"
#include "bench/load/comparison.h"
#include "bench/load/interrupt.h"
#include "bench/load/overseer.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include <stdlib.h>

enum { HISTORY, LIVE, GROUPS, HISTORY_BATCH = 100, MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS };

struct management {
    struct bench_settings settings;
    uint64_t history, managed_max_ms;
    struct comparison comparison;
    struct overseer *overseer; /* NULL: nobody manages */
    uint64_t managed_until_ms; /* monotonic */
    struct overseer_counts counts;
};

static int publish_history(const struct management *management, struct trial *trial)
{
    const struct trial_load load = {.first = HISTORY,
                                    .stride = GROUPS,
                                    .events = management->history / HISTORY_BATCH * HISTORY_BATCH,
                                    .batch = HISTORY_BATCH};
    int error = trial_publish(trial, &load);
    return error ? error : trial_await_requests(trial, load.events); /* it is not judged */
}

static uint64_t live_events(const struct management *management)
{
    const struct bench_settings *settings = &management->settings;
    uint64_t longest_ms = management->managed_max_ms > settings->duration_ms
                              ? management->managed_max_ms
                              : settings->duration_ms;
    return settings->rate * (longest_ms / 1000 + 1);
}

/* The replay is not over, and nobody has lost patience with it. */
static bool goes_on(void *context)
{
    const struct management *management = context;
    return !overseer_has_replayed(management->overseer) &&
           clock_monotonic_ns() / 1000000 < management->managed_until_ms;
}

static int publish_live(struct management *management, struct trial *trial)
{
    const struct bench_settings *settings = &management->settings;
    const struct trial_load load = {.first = LIVE,
                                    .stride = GROUPS,
                                    .events = live_events(management),
                                    .duration_ms = settings->duration_ms,
                                    .rate = settings->rate,
                                    .batch = 1,
                                    .goes_on = management->overseer ? goes_on : NULL,
                                    .context = management};
    int error = trial_publish(trial, &load);
    return error ? error : trial_drain(trial);
}

static int publish_managed(struct management *management, struct trial *trial)
{
    char uid[TRIAL_UID_SIZE];
    trial_uid(HISTORY, uid);
    const struct overseer_options options = {trial->engine.admin, trial->engine.key, uid};
    int error = overseer_open(&management->overseer, &options);
    management->managed_until_ms = clock_monotonic_ns() / 1000000 + management->managed_max_ms;
    if (!error)
        error = publish_live(management, trial);
    int ended = overseer_close(management->overseer, &management->counts, trial->why);
    management->overseer = NULL;
    return error ? error : ended;
}

/* One trial; `kind` 1: with the overseer. Whether it was good. */
static bool try(struct management *management, unsigned round, unsigned kind)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return false;
    int error = trial_open(trial, &management->settings);
    if (!error)
        error = publish_history(management, trial);
    if (!error)
        error = kind ? publish_managed(management, trial) : publish_live(management, trial);
    if (!error)
        error = trial_audit(trial);
    if (!error)
        comparison_add(&management->comparison, kind, round, &trial->figures);
    bool good = !error && figures_are_good(&trial->figures);
    if (error)
        fprintf(stderr, "grapnel-load management: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    trial_close(trial);
    free(trial);
    return good;
}

static int run(struct management *management)
{
    const struct bench_settings *settings = &management->settings;
    struct comparison *comparison = &management->comparison;
    struct overseer_counts *counts = &management->counts;
    for (unsigned round = 0; round < comparison->rounds; round++) {
        if (!try(management, round, 0) || !try(management, round, 1))
            return 1;
        char time[REPORT_TIME_SIZE];
        comparison_say(comparison, round);
        report_time(counts->list_max_us, time);
        fprintf(stderr,
                "           %lu lists (the slowest took %s), %lu scrapes; replay %s, %lu handed\n",
                counts->lists, time, counts->scrapes, counts->replay, counts->handed);
    }
    printf("\n%lu events/s, %lu rounds; managed: heavy lists in a loop, /metrics once a second, a "
           "replay\nof %lu deliveries; accept-to-receive, medians of the rounds\n\n",
           settings->rate, comparison->rounds, management->history);
    return comparison_show(comparison) ? 0 : 1;
}

int management_main(int argc, char **argv)
{
    static char engine[SCRATCH_PATH_SIZE];
    static struct management management = {
        .settings = {.durability = "fsync",
                     .payload_bytes = 1024,
                     .batch = 1,
                     .fan_out = 1,
                     .connections = 256,
                     .subscriptions = GROUPS,
                     .unjudged = 1,
                     .rate = 10000,
                     .duration_ms = 30000},
        .history = 1000000,
        .managed_max_ms = 15 * MINUTE_MS,
        .comparison = {{"left alone", "managed"}, .rounds = 3, .change_max = 0.2}};
    struct bench_settings *settings = &management.settings;
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings->engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--history", FLAG_COUNT, &management.history, HISTORY_BATCH, 100000000, "N",
         "deliveries that are there, and replayed (1000000)"},
        {"--rate", FLAG_COUNT, &settings->rate, 1, 10000000, "R", "events a second (10000)"},
        {"--duration", FLAG_DURATION, &settings->duration_ms, 1000, HOUR_MS, "DURATION",
         "of each trial, behind its history (30s); the second goes on until the replay is over"},
        {"--managed-max", FLAG_DURATION, &management.managed_max_ms, 1000, HOUR_MS, "DURATION",
         "but no longer than this (15m)"},
        {"--rounds", FLAG_COUNT, &management.comparison.rounds, 1, COMPARISON_ROUNDS_MAX, "N",
         "of two trials each (3)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--change-max", FLAG_DECIMAL, &management.comparison.change_max, 0, 0, "PART",
         "exit with 1 if the p99 grows by more than this part of it (0.2)"},
        {"--durability", FLAG_TEXT, &settings->durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--data", FLAG_TEXT, &settings->data, 0, 0, "DIR",
         "the fresh directories are made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings->engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
    };
    const struct flags flags = {
        "grapnel-load management",
        "Compares, in rounds, the latency of deliveries without and with somebody who manages the\n"
        "engine. Exit 1: something was lost or wrong, or the p99 has moved by more than allowed.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    uint64_t live = live_events(&management);
    settings->events = GROUPS * ((management.history > live ? management.history : live) + 1);
    interrupt_catch();
    return run(&management);
}
