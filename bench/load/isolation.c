/* isolation.c - grapnel-load isolation: do endpoints that hang or fail move the others?
 *
 * Rounds of two trials each, one right after the other: all endpoints healthy, then the same with
 * some that never answer and some that answer 500. Judged are the same endpoints in both: those
 * that are always healthy.
 */
#include "bench/load/commands.h"
#include "bench/load/comparison.h"
#include "bench/load/interrupt.h"
#include "bench/load/trial.h"

#include <stdlib.h>

enum { HOUR_MS = 3600 * 1000 };

struct isolation {
    struct bench_settings settings; /* with the bad endpoints */
    struct comparison comparison;
};

/* One trial; its figures go into column `bad` of the table. Whether it was good. */
static bool try(struct isolation *isolation, unsigned round, bool bad)
{
    struct trial *trial = calloc(1, sizeof *trial);
    struct bench_settings settings = isolation->settings;
    if (!trial)
        return false;
    settings.unjudged = settings.hanging + settings.failing;
    if (!bad)
        settings.hanging = settings.failing = 0;
    const struct trial_load load = {.stride = 1,
                                    .events = settings.events,
                                    .duration_ms = settings.duration_ms,
                                    .rate = settings.rate,
                                    .batch = 1};
    int error = trial_open(trial, &settings);
    if (!error)
        error = trial_publish(trial, &load);
    if (!error)
        error = trial_drain(trial);
    if (!error)
        error = trial_audit(trial);
    const struct figures *figures = &trial->figures;
    if (!error) {
        comparison_add(&isolation->comparison, bad, round, &figures->receive_us);
        comparison_account(&isolation->comparison, &figures->audit);
    }
    bool good = !error && figures_are_good(figures);
    if (error)
        fprintf(stderr, "grapnel-load isolation: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    trial_close(trial);
    free(trial);
    return good;
}

static int run(struct isolation *isolation)
{
    const struct bench_settings *settings = &isolation->settings;
    struct comparison *comparison = &isolation->comparison;
    for (unsigned round = 0; round < comparison->rounds; round++) {
        if (!try(isolation, round, false) || !try(isolation, round, true))
            return 1;
        comparison_say(comparison, round);
    }
    printf("\n%lu endpoints, %lu events/s, %lu rounds; bad: %lu never answer, %lu answer 500\n",
           settings->subscriptions, settings->rate, comparison->rounds, settings->hanging,
           settings->failing);
    printf("accept-to-receive of the %lu others, medians of the rounds\n\n",
           settings->subscriptions - settings->hanging - settings->failing);
    return comparison_show(comparison) ? 0 : 1;
}

static int complete(struct isolation *isolation)
{
    static char engine[SCRATCH_PATH_SIZE];
    struct bench_settings *settings = &isolation->settings;
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    if (settings->hanging + settings->failing >= settings->subscriptions) {
        fprintf(stderr, "grapnel-load isolation: --hanging and --failing leave no endpoint that is "
                        "healthy (try --help)\n");
        return 2;
    }
    settings->events = settings->rate * (settings->duration_ms / 1000 + 1);
    return 0;
}

int isolation_main(int argc, char **argv)
{
    static struct isolation isolation = {
        .settings = {.durability = "fsync",
                     .payload_bytes = 1024,
                     .batch = 1,
                     .fan_out = 1,
                     .connections = 256,
                     .subscriptions = 1000,
                     .hanging = 50,
                     .failing = 50,
                     .rate = 2000,
                     .duration_ms = 20000},
        .comparison = {{"all healthy", "with the bad endpoints"}, .rounds = 3, .change_max = 0.2}};
    struct bench_settings *settings = &isolation.settings;
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings->engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--endpoints", FLAG_COUNT, &settings->subscriptions, 2, 1000000, "N", "in all (1000)"},
        {"--hanging", FLAG_COUNT, &settings->hanging, 0, 1000000, "N",
         "of them that never answer (50)"},
        {"--failing", FLAG_COUNT, &settings->failing, 0, 1000000, "N",
         "of them that answer 500 (50)"},
        {"--rate", FLAG_COUNT, &settings->rate, 1, 10000000, "R",
         "events a second, dealt to the endpoints in turn (2000)"},
        {"--duration", FLAG_DURATION, &settings->duration_ms, 1000, HOUR_MS, "DURATION",
         "of each trial (20s)"},
        {"--rounds", FLAG_COUNT, &isolation.comparison.rounds, 1, COMPARISON_ROUNDS_MAX, "N",
         "of two trials each (3)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--change-max", FLAG_DECIMAL, &isolation.comparison.change_max, 0, 0, "PART",
         "exit with 1 if the p99 grows by more than this part of it (0.2)"},
        {"--durability", FLAG_TEXT, &settings->durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--data", FLAG_TEXT, &settings->data, 0, 0, "DIR",
         "the fresh directories are made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings->engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
    };
    const struct flags flags = {
        "grapnel-load isolation",
        "Compares, in rounds, the latency of healthy endpoints without and with others that hang "
        "or\n"
        "fail. Exit 1: something was lost or wrong, or the p99 has moved by more than allowed.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    result = complete(&isolation);
    if (result != 0)
        return result;
    interrupt_catch();
    return run(&isolation);
}
