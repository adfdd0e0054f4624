/* management.c - grapnel-load management: do lists, scrapes and a replay move deliveries?
 *
 * One engine. First a history: events for one endpoint, all delivered. Then events come at a steady
 * rate for another, which alone is judged, and by turns of the same length somebody manages the
 * engine or leaves it alone: asks for heavy lists all the while, scrapes the metrics, and replays
 * the whole history. The replay stands still while the engine is left alone. A round is one turn of
 * each kind; there are rounds until the replay is over. Between two turns all is delivered.
 */
#include "base/clock.h"
#include "bench/load/commands.h"
#include "bench/load/comparison.h"
#include "bench/load/interrupt.h"
#include "bench/load/overseer.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include <stdlib.h>
#include <string.h>

enum { HISTORY, LIVE, GROUPS, HISTORY_BATCH = 100, SECOND_MS = 1000, MINUTE_MS = 60 * SECOND_MS };
enum kind { LEFT_ALONE, MANAGED };

struct management {
    struct bench_settings settings; /* duration_ms: of a turn */
    uint64_t history;
    struct comparison comparison;
    struct overseer_counts counts;
};

static uint64_t events_of_a_turn(const struct bench_settings *settings)
{
    return settings->rate * settings->duration_ms / SECOND_MS;
}

static int publish_history(const struct management *management, struct trial *trial)
{
    const struct trial_load load = {.first = HISTORY,
                                    .stride = GROUPS,
                                    .events = management->history / HISTORY_BATCH * HISTORY_BATCH,
                                    .batch = HISTORY_BATCH};
    int error = trial_publish(trial, &load);
    return error ? error : trial_await_requests(trial, load.events); /* it is not judged */
}

/* Publishes for one turn, and takes what it measured into the comparison. */
static int publish_turn(struct management *management, struct trial *trial, enum kind kind)
{
    struct comparison *comparison = &management->comparison;
    uint64_t events = events_of_a_turn(&management->settings);
    uint64_t turns_before = 2 * comparison->rounds + kind;
    const struct trial_load load = {.first = LIVE + GROUPS * events * turns_before,
                                    .stride = GROUPS,
                                    .events = events,
                                    .rate = management->settings.rate,
                                    .batch = 1};
    int error = trial_publish(trial, &load);
    if (!error)
        error = trial_drain(trial);
    if (!error) {
        struct histogram receive_us;
        trial_take_latency(trial, &receive_us);
        comparison_add(comparison, kind, (unsigned)comparison->rounds, &receive_us);
    }
    return error;
}

static int manage_turn(struct management *management, struct trial *trial,
                       struct overseer *overseer)
{
    overseer_manage(overseer);
    int error = publish_turn(management, trial, MANAGED);
    int refused = overseer_rest(overseer, &management->counts, trial->why);
    return error ? error : refused;
}

static void say_round(const struct management *management)
{
    const struct overseer_counts *counts = &management->counts;
    char time[REPORT_TIME_SIZE];
    report_time(counts->list_max_us, time);
    comparison_say(&management->comparison, (unsigned)management->comparison.rounds - 1);
    fprintf(stderr,
            "           so far %lu lists (the slowest took %s), %lu scrapes; replay %s, %lu "
            "handed\n",
            counts->lists, time, counts->scrapes, counts->replay, counts->handed);
}

static int publish_rounds(struct management *management, struct trial *trial)
{
    struct comparison *comparison = &management->comparison;
    char uid[TRIAL_UID_SIZE];
    struct overseer *overseer;
    trial_uid(HISTORY, uid);
    const struct overseer_options options = {trial->engine.admin, trial->engine.key, uid};
    int error = overseer_open(&overseer, &options);
    if (error)
        return error;
    while (!error && !overseer_has_replayed(overseer) &&
           comparison->rounds < COMPARISON_ROUNDS_MAX) {
        error = publish_turn(management, trial, LEFT_ALONE);
        if (!error)
            error = manage_turn(management, trial, overseer);
        if (!error) {
            comparison->rounds++;
            say_round(management);
        }
    }
    overseer_close(overseer);
    return error;
}

/* Whether nothing was lost or wrong. */
static bool try(struct management *management)
{
    struct trial *trial = calloc(1, sizeof *trial);
    if (!trial)
        return false;
    int error = trial_open(trial, &management->settings);
    if (!error)
        error = publish_history(management, trial);
    if (!error)
        error = publish_rounds(management, trial);
    if (!error)
        error = trial_audit(trial);
    if (!error)
        comparison_account(&management->comparison, &trial->figures.audit);
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
    const struct overseer_counts *counts = &management->counts;
    if (!try(management))
        return 1;
    printf("\n%lu events/s, %lu rounds of two turns of %lu s; managed: %lu heavy lists in a loop,\n"
           "/metrics once a second, a replay of %lu deliveries (%s, %lu handed);\n"
           "accept-to-receive, medians of the rounds\n\n",
           settings->rate, management->comparison.rounds, settings->duration_ms / SECOND_MS,
           counts->lists, management->history, counts->replay, counts->handed);
    bool moved = !comparison_show(&management->comparison);
    return moved || strcmp(counts->replay, "done") != 0 ? 1 : 0;
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
                     .duration_ms = 5 * SECOND_MS},
        .history = 1000000,
        .comparison = {{"left alone", "managed"}, .change_max = 0.2}};
    struct bench_settings *settings = &management.settings;
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings->engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--history", FLAG_COUNT, &management.history, HISTORY_BATCH, 100000000, "N",
         "deliveries that are there, and replayed (1000000)"},
        {"--rate", FLAG_COUNT, &settings->rate, 1, 1000000, "R", "events a second (10000)"},
        {"--turn", FLAG_DURATION, &settings->duration_ms, SECOND_MS, 10 * MINUTE_MS, "DURATION",
         "of each turn (5s)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (1024)"},
        {"--change-max", FLAG_DECIMAL, &management.comparison.change_max, 0, 0, "PART",
         "exit with 1 if the p99 grows by more than this part of it (0.2)"},
        {"--durability", FLAG_TEXT, &settings->durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--data", FLAG_TEXT, &settings->data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings->engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
    };
    const struct flags flags = {
        "grapnel-load management",
        "Compares the latency of deliveries by turns, while the engine is left alone and while\n"
        "somebody manages it, until the replay is over. Exit 1: something was lost or wrong, the\n"
        "replay was not over in time, or the p99 has moved by more than allowed.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    uint64_t live = 2 * COMPARISON_ROUNDS_MAX * events_of_a_turn(settings);
    settings->events = GROUPS * ((management.history > live ? management.history : live) + 1);
    interrupt_catch();
    return run(&management);
}
