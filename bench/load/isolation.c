/* isolation.c - grapnel-load isolation: do endpoints that hang or fail move the others?
 *
 * Rounds of two trials each, one right after the other: all endpoints healthy, then the same with
 * some that never answer and some that answer 500. Judged are the same endpoints in both: those
 * that are always healthy. Each figure shown at the end is the median of the rounds, because a
 * shared machine has bad seconds.
 */
#include "bench/load/commands.h"
#include "bench/load/interrupt.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include <stdlib.h>

enum { ROUNDS_MAX = 9, POINTS = 3, HOUR_MS = 3600 * 1000 };

static const double fractions[POINTS] = {0.5, 0.95, 0.99};

struct isolation {
    struct bench_settings settings; /* with the bad endpoints */
    uint64_t rounds;
    double change_max;                  /* of the p99, as a part of it */
    uint64_t us[2][ROUNDS_MAX][POINTS]; /* accept-to-receive; [0] all healthy, [1] with bad */
    double cpu_us[2][ROUNDS_MAX];
    uint64_t accepted[2], lost[2], duplicated[2];
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
    for (unsigned i = 0; i < POINTS && !error; i++)
        isolation->us[bad][round][i] = histogram_quantile(&figures->receive_us, fractions[i]);
    isolation->cpu_us[bad][round] = figures->cpu_us_per_event;
    isolation->accepted[bad] += figures->audit.accepted;
    isolation->lost[bad] += figures->audit.lost;
    isolation->duplicated[bad] += figures->audit.duplicated;
    bool good = !error && figures_are_good(figures);
    if (error)
        fprintf(stderr, "grapnel-load isolation: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    trial_close(trial);
    free(trial);
    return good;
}

static void show_round(const struct isolation *isolation, unsigned round)
{
    char healthy[REPORT_TIME_SIZE], bad[REPORT_TIME_SIZE];
    report_time(isolation->us[0][round][POINTS - 1], healthy);
    report_time(isolation->us[1][round][POINTS - 1], bad);
    fprintf(stderr, "  round %u: p99 %s, with the bad endpoints %s\n", round + 1, healthy, bad);
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static uint64_t median(const struct isolation *isolation, unsigned bad, unsigned point)
{
    uint64_t values[ROUNDS_MAX];
    for (unsigned i = 0; i < isolation->rounds; i++)
        values[i] = isolation->us[bad][i][point];
    qsort(values, isolation->rounds, sizeof *values, compare);
    return values[isolation->rounds / 2];
}

static void show_row(const struct isolation *isolation, unsigned bad, const char *name)
{
    printf("  %-24s", name);
    for (unsigned i = 0; i < POINTS; i++) {
        char time[REPORT_TIME_SIZE];
        report_time(median(isolation, bad, i), time);
        printf(" %10s", time);
    }
    printf(" %10lu %6lu %6lu\n", isolation->accepted[bad], isolation->lost[bad],
           isolation->duplicated[bad]);
}

/* Whether the p99 has moved by no more than was allowed. */
static bool show(const struct isolation *isolation)
{
    const struct bench_settings *settings = &isolation->settings;
    double healthy = (double)median(isolation, 0, POINTS - 1);
    double change = healthy > 0 ? (double)median(isolation, 1, POINTS - 1) / healthy - 1 : 0;
    printf("\n%lu endpoints, %lu events/s, %lu rounds; bad: %lu never answer, %lu answer 500\n",
           settings->subscriptions, settings->rate, isolation->rounds, settings->hanging,
           settings->failing);
    printf("accept-to-receive of the %lu others, medians of the rounds\n\n",
           settings->subscriptions - settings->hanging - settings->failing);
    printf("  %-24s %10s %10s %10s %10s %6s %6s\n", "", "p50", "p95", "p99", "events", "lost",
           "dup");
    show_row(isolation, 0, "all healthy");
    show_row(isolation, 1, "with the bad endpoints");
    printf("\n  p99 moved by %+.1f %% (allowed: %.0f %%)\n", change * 100,
           isolation->change_max * 100);
    return change <= isolation->change_max;
}

static int run(struct isolation *isolation)
{
    for (unsigned round = 0; round < isolation->rounds; round++) {
        if (!try(isolation, round, false) || !try(isolation, round, true))
            return 1;
        show_round(isolation, round);
    }
    return show(isolation) ? 0 : 1;
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
    static struct isolation isolation = {.settings = {.durability = "fsync",
                                                      .payload_bytes = 1024,
                                                      .batch = 1,
                                                      .fan_out = 1,
                                                      .connections = 256,
                                                      .subscriptions = 1000,
                                                      .hanging = 50,
                                                      .failing = 50,
                                                      .rate = 2000,
                                                      .duration_ms = 20000},
                                         .rounds = 3,
                                         .change_max = 0.2};
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
        {"--rounds", FLAG_COUNT, &isolation.rounds, 1, ROUNDS_MAX, "N", "of two trials each (3)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--change-max", FLAG_DECIMAL, &isolation.change_max, 0, 0, "PART",
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
