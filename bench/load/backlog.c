/* backlog.c - grapnel-load backlog: one receiver is dead and millions of deliveries wait for it.
 * Does memory stay bounded, does everybody else notice, and does everything arrive once it is back?
 *
 *   before     events for a healthy endpoint alone: the rate to compare with
 *   pile up    events for the dead endpoint, as many as asked for
 *   beside     events for the healthy endpoint again, while the backlog stands
 *   revive     the dead receiver answers; until all has come
 */
#include "bench/load/commands.h"
#include "bench/load/interrupt.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include "base/clock.h"

#include <stdlib.h>

enum { DEAD, HEALTHY, GROUPS }; /* groups of the ledger: event n belongs to n % GROUPS */

struct backlog {
    struct bench_settings settings;
    uint64_t deliveries, probe_events, memory_bytes;
    const char *memory;
    struct trial trial;
    uint64_t sent[GROUPS]; /* events so far */
    double before_rate, beside_rate, pile_rate, drain_seconds;
    uint64_t before_p99_us, beside_p99_us;
};

static void say(const char *what)
{
    fprintf(stderr, "%s ...\n", what);
}

/* Publishes to one group; returns accepted events a second, or a negative number. */
static double publish(struct backlog *backlog, unsigned group, uint64_t events, unsigned batch)
{
    const struct trial_load load = {.first = group + GROUPS * backlog->sent[group],
                                    .stride = GROUPS,
                                    .events = events / batch * batch,
                                    .batch = batch};
    backlog->sent[group] += load.events;
    if (trial_publish(&backlog->trial, &load))
        return -1;
    const struct publisher_counters *published = &backlog->trial.figures.published;
    double seconds = (double)(published->last_ns - published->first_ns) / 1e9;
    return seconds > 0 ? (double)published->accepted / seconds : 0;
}

static uint64_t accept_p99(const struct backlog *backlog)
{
    return histogram_quantile(&backlog->trial.figures.published.accept_us, 0.99);
}

static bool run_phases(struct backlog *backlog)
{
    struct trial *trial = &backlog->trial;
    if (trial_open(trial, &backlog->settings))
        return false;
    say("before: a healthy endpoint alone");
    backlog->before_rate = publish(backlog, HEALTHY, backlog->probe_events, 1);
    if (backlog->before_rate < 0)
        return false;
    backlog->before_p99_us = accept_p99(backlog);

    say("pile up: events for a receiver that refuses connections");
    backlog->pile_rate =
        publish(backlog, DEAD, backlog->deliveries, (unsigned)backlog->settings.batch);
    if (backlog->pile_rate < 0)
        return false;

    say("beside: the healthy endpoint again, while the backlog stands");
    backlog->beside_rate = publish(backlog, HEALTHY, backlog->probe_events, 1);
    if (backlog->beside_rate < 0)
        return false;
    backlog->beside_p99_us = accept_p99(backlog);

    say("revive: the receiver is back");
    uint64_t revived_ns = clock_monotonic_ns();
    if (trial_revive(trial) || trial_drain(trial))
        return false;
    backlog->drain_seconds = (double)(clock_monotonic_ns() - revived_ns) / 1e9;
    return trial_audit(trial) == 0;
}

static void show_phase(const char *name, double rate, uint64_t p99_us)
{
    char count[REPORT_COUNT_SIZE], time[REPORT_TIME_SIZE] = "";
    report_count((uint64_t)rate, count);
    if (p99_us)
        report_time(p99_us, time);
    printf("  %-28s %12s /s %s%s\n", name, count, p99_us ? "accept p99 " : "", time);
}

/* Whether memory and rate were as they should be. */
static bool show(const struct backlog *backlog)
{
    const struct figures *figures = &backlog->trial.figures;
    uint64_t peak = figures->after.memory_peak_bytes;
    double part = backlog->before_rate > 0 ? backlog->beside_rate / backlog->before_rate : 0;
    char count[REPORT_COUNT_SIZE];
    report_count(backlog->sent[DEAD], count);
    printf("\n%s deliveries for a dead receiver, %lu-byte payloads; engine with --memory %s\n\n",
           count, backlog->settings.payload_bytes, backlog->memory);
    show_phase("before, healthy endpoint", backlog->before_rate, backlog->before_p99_us);
    show_phase("pile up, dead endpoint", backlog->pile_rate, 0);
    show_phase("beside the backlog, healthy", backlog->beside_rate, backlog->beside_p99_us);
    printf("  %-28s %12.0f %% of the rate before\n", "", part * 100);
    show_phase(
        "drained after the revival",
        backlog->drain_seconds > 0 ? (double)backlog->sent[DEAD] / backlog->drain_seconds : 0, 0);
    printf("  %-28s %12.1f s\n", "", backlog->drain_seconds);
    printf("  %-28s %12.0f MiB at its peak\n", "engine's memory", (double)peak / 1048576);
    printf("\n  lost %lu, duplicated %lu, bad signatures %lu, strays %lu\n", figures->audit.lost,
           figures->audit.duplicated, figures->collected.bad_signatures, figures->collected.strays);
    return peak <= backlog->memory_bytes && part >= 0.8 && figures->audit.duplicated == 0;
}

static int run(struct backlog *backlog)
{
    struct trial *trial = &backlog->trial;
    bool ended = run_phases(backlog);
    bool good = false;
    if (ended)
        good = show(backlog) && figures_are_good(&trial->figures);
    else
        fprintf(stderr, "grapnel-load backlog: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    trial_close(trial);
    return good ? 0 : 1;
}

/* The engine's --memory, and room in the ledger for every event of both groups. */
static int complete(struct backlog *backlog)
{
    static char engine[SCRATCH_PATH_SIZE];
    static char memory[32];
    struct bench_settings *settings = &backlog->settings;
    struct flag_texts *arguments = &settings->engine_arguments;
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    if (arguments->count + 2 > FLAG_TEXTS_MAX) {
        fprintf(stderr, "grapnel-load backlog: too many --engine-arg (try --help)\n");
        return 2;
    }
    snprintf(memory, sizeof memory, "%luM", backlog->memory_bytes >> 20);
    backlog->memory = memory;
    arguments->at[arguments->count++] = "--memory";
    arguments->at[arguments->count++] = memory;
    uint64_t healthy = 2 * backlog->probe_events;
    uint64_t most = backlog->deliveries > healthy ? backlog->deliveries : healthy;
    settings->events = GROUPS * (most + 1);
    settings->subscriptions = GROUPS;
    settings->dead = 1;
    return 0;
}

int backlog_main(int argc, char **argv)
{
    static struct backlog backlog = {
        .settings = {.durability = "fsync",
                     .payload_bytes = 256,
                     .batch = 100,
                     .fan_out = 1,
                     .connections = 256,
                     .subscription_extra = "\"breaker\":{\"max_cooldown\":\"10s\"}"},
        .deliveries = 5000000,
        .probe_events = 200000,
        .memory_bytes = (uint64_t)512 << 20};
    struct bench_settings *settings = &backlog.settings;
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings->engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--deliveries", FLAG_COUNT, &backlog.deliveries, 1000, 1000000000, "N",
         "that pile up (5000000)"},
        {"--memory", FLAG_SIZE, &backlog.memory_bytes, 64 << 20, 0, "BYTES",
         "what the engine may use (512M)"},
        {"--probe", FLAG_COUNT, &backlog.probe_events, 1000, 100000000, "N",
         "events for the healthy endpoint, before and beside (200000)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (256)"},
        {"--batch", FLAG_COUNT, &settings->batch, 1, 10000, "B",
         "events in a request while it piles up (100)"},
        {"--durability", FLAG_TEXT, &settings->durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--data", FLAG_TEXT, &settings->data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings->engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
    };
    const struct flags flags = {
        "grapnel-load backlog",
        "Lets deliveries pile up for a receiver that is dead, measures what others notice, "
        "revives\n"
        "it, and waits until all is drained. Exit 1: something was lost or came twice, memory was\n"
        "exceeded, or the others' rate fell below 80 %.",
        table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    result = complete(&backlog);
    if (result != 0)
        return result;
    interrupt_catch();
    return run(&backlog);
}
