/* queries.c - grapnel-load queries: how long do lists take with millions of attempts on disk?
 *
 * Events are dealt to all subscriptions in turn and delivered, but for those of one subscription,
 * which answers 500 until they are dead (at a rate that keeps its breaker closed). When all have
 * come to their end, each question is asked many times: its first page. A subscription that never
 * got anything is the worst that can be asked for. A page that lacks what is known to be there is
 * wrong, however soon it came.
 */
#include "bench/load/admin.h"
#include "bench/load/commands.h"
#include "bench/load/interrupt.h"
#include "bench/load/report.h"
#include "bench/load/trial.h"

#include "base/clock.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

enum { PATH_SIZE = 512, TIME_SIZE = 32, NS_PER_US = 1000, HOUR_MS = 3600 * 1000 };

#define DELIVERIES "/api/v1/webhooks/deliveries?limit=50"

struct queries {
    struct bench_settings settings;
    uint64_t times, page_max_ms;
    struct trial trial;
    struct admin admin;
    uint64_t middle_ms; /* of the history, in words, and the last event before */
    char middle[TIME_SIZE], event[ADMIN_MEMBER_SIZE];
    bool is_slow, is_wrong;
};

static const struct question {
    const char *name, *path; /* ends with "until=" or "event=": with what is missing then */
    uint64_t least, most;    /* entries */
} questions[] = {
    {"all", DELIVERIES, 50, 50},
    {"all before the middle", DELIVERIES "&until=", 50, 50},
    {"of a subscription", DELIVERIES "&subscription=load.7", 1, 50},
    {"of one before the middle", DELIVERIES "&subscription=load.7&until=", 1, 50},
    {"of one without any", DELIVERIES "&subscription=load.none", 0, 0},
    {"delivered", DELIVERIES "&status=delivered", 50, 50},
    {"dead", DELIVERIES "&status=dead", 1, 50},
    {"dead of a subscription", DELIVERIES "&status=dead&subscription=load.0", 1, 50},
    {"dead of one without any", DELIVERIES "&status=dead&subscription=load.7", 0, 0},
    {"pending", DELIVERIES "&status=pending", 0, 0},
    {"pending before the middle", DELIVERIES "&status=pending&until=", 0, 0},
    {"failed", DELIVERIES "&status=failed", 1, 50},
    {"of an event", DELIVERIES "&event=", 1, 1},
    {"of a rare type", DELIVERIES "&type=nobody.sends.this", 0, 0},
    {"events", "/api/v1/webhooks/events?limit=50", 50, 50},
};
enum { QUESTIONS = sizeof questions / sizeof questions[0] };

static int get(struct queries *queries, const char *path)
{
    return admin_ask(&queries->admin, "GET", path, SLICE(""), queries->trial.why);
}

/* How many entries the page has. */
static uint64_t count_entries(struct queries *queries)
{
    struct admin *admin = &queries->admin;
    char why[JSON_WHY_SIZE];
    struct json_value root, data, entry;
    struct slice key;
    uint64_t cursor = 0, count = 0;
    if (json_read(admin->json, slice_of(admin->answer, admin->answer_size), &root, why) ||
        !json_get(root, "data", &data))
        return 0;
    while (json_next(data, &cursor, &key, &entry))
        count++;
    return count;
}

static int ask(struct queries *queries, const struct question *question)
{
    static struct histogram us;
    char path[PATH_SIZE], times[4][REPORT_TIME_SIZE];
    bool has_time = strstr(question->path, "until=") != NULL;
    bool has_event = strstr(question->path, "event=") != NULL;
    snprintf(path, sizeof path, "%s%s", question->path,
             has_time    ? queries->middle
             : has_event ? queries->event
                         : "");
    histogram_init(&us);
    must(queries->times > 0);
    uint64_t cpu_ns = engine_process_cost(&queries->trial.engine).cpu_ns;
    for (uint64_t i = 0; i < queries->times; i++) {
        uint64_t begun_ns = clock_monotonic_ns();
        int error = get(queries, path);
        if (error)
            return error;
        histogram_add(&us, (clock_monotonic_ns() - begun_ns) / NS_PER_US);
        if (interrupt_came())
            return -EINTR;
    }
    cpu_ns = engine_process_cost(&queries->trial.engine).cpu_ns - cpu_ns;
    report_time(cpu_ns / NS_PER_US / queries->times, times[3]);
    const double fractions[] = {0.5, 0.99, 1};
    for (unsigned i = 0; i < 3; i++)
        report_time(histogram_quantile(&us, fractions[i]), times[i]);
    uint64_t entries = count_entries(queries);
    bool is_wrong = entries < question->least || entries > question->most;
    printf("  %-28s %10s %10s %10s %10s %8lu%s\n", question->name, times[0], times[1], times[2],
           times[3], entries, is_wrong ? "  wrong" : "");
    queries->is_slow |= histogram_quantile(&us, 0.99) > queries->page_max_ms * 1000;
    queries->is_wrong |= is_wrong;
    return 0;
}

/* A subscription that gets nothing, and the id of an event. */
static int prepare(struct queries *queries)
{
    char path[PATH_SIZE];
    struct text middle;
    text_init(&middle, queries->middle, sizeof queries->middle - 1);
    text_time(&middle, queries->middle_ms);
    snprintf(path, sizeof path, "/api/v1/webhooks/events?limit=1&until=%s", queries->middle);
    struct signature_key key;
    struct json_value root, data, entry, id;
    struct slice name, text;
    char why[JSON_WHY_SIZE];
    uint64_t cursor = 0;
    const struct admin_subscription wish = {"http://127.0.0.1:9/", "nobody.sends.this", "load.none",
                                            NULL};
    struct admin *admin = &queries->admin;
    int error = admin_subscribe(admin, &wish, &key, queries->trial.why);
    if (!error)
        error = get(queries, path);
    if (!error)
        error = json_read(admin->json, slice_of(admin->answer, admin->answer_size), &root, why);
    if (error)
        return error;
    if (!json_get(root, "data", &data) || !json_next(data, &cursor, &name, &entry) ||
        !json_get(entry, "id", &id) || !json_string(id, &text))
        return -EINVAL;
    snprintf(queries->event, sizeof queries->event, "%.*s", SLICE_ARGS(text));
    return 0;
}

static int ask_all(struct queries *queries)
{
    struct trial *trial = &queries->trial;
    char count[REPORT_COUNT_SIZE];
    report_count(trial_requests(trial), count);
    printf("\n%s attempts on disk; pages of 50, each asked for %lu times\n\n", count,
           queries->times);
    printf("  %-28s %10s %10s %10s %10s %8s\n", "", "p50", "p99", "max", "CPU", "entries");
    for (unsigned i = 0; i < QUESTIONS; i++) {
        int error = ask(queries, &questions[i]);
        if (error)
            return error;
    }
    return 0;
}

static int question_engine(struct queries *queries)
{
    struct trial *trial = &queries->trial;
    const struct lane_target target = {trial->loop, trial->engine.admin, NULL, SLICE("127.0.0.1"),
                                       true};
    int error = admin_open(&queries->admin, &target, slice_str(trial->engine.key));
    if (error)
        return error;
    error = prepare(queries);
    if (!error)
        error = ask_all(queries);
    admin_close(&queries->admin);
    return error;
}

/* Delivers all, and waits until those that fail have failed twice. */
static int make_history(struct queries *queries)
{
    struct trial *trial = &queries->trial;
    const struct bench_settings *settings = &queries->settings;
    const struct trial_load load = {
        .stride = 1, .events = settings->events, .batch = (unsigned)settings->batch};
    uint64_t failing = (settings->events + settings->subscriptions - 1) / settings->subscriptions;
    uint64_t attempts = settings->events + failing;
    uint64_t begun_ms = clock_wall_ms();
    int error = trial_publish(trial, &load);
    queries->middle_ms = begun_ms + (clock_wall_ms() - begun_ms) / 2;
    if (!error)
        error = trial_drain(trial);
    if (!error)
        error = trial_await_requests(trial, attempts);
    if (error || trial_requests(trial) >= attempts)
        return error;
    snprintf(trial->why, TRIAL_WHY_SIZE, "deliveries that fail do not come to their end");
    return -ETIMEDOUT;
}

static int run(struct queries *queries)
{
    struct trial *trial = &queries->trial;
    int error = trial_open(trial, &queries->settings);
    if (!error)
        error = make_history(queries);
    if (!error)
        error = question_engine(queries);
    if (!error)
        error = trial_audit(trial);
    bool good = !error && figures_are_good(&trial->figures);
    if (error)
        fprintf(stderr, "grapnel-load queries: %s\n", trial->why);
    if (!good)
        engine_process_print_log(&trial->engine, stderr);
    if (good && queries->is_slow)
        printf("\n  slower than %lu ms\n", queries->page_max_ms);
    trial_close(trial);
    return good && !queries->is_slow && !queries->is_wrong ? 0 : 1;
}

int queries_main(int argc, char **argv)
{
    static char engine[SCRATCH_PATH_SIZE];
    static struct queries queries = {
        .settings = {.durability = "fsync",
                     .events = 10000000,
                     .payload_bytes = 128,
                     .batch = 100,
                     .fan_out = 1,
                     .connections = 16,
                     .subscriptions = 100,
                     .failing = 1,
                     .unjudged = 1,
                     .subscription_extra =
                         "\"retry\":{\"schedule\":[\"1s\"]},"
                         "\"rate_limit\":{\"per_second\":4000},"
                         "\"breaker\":{\"min_attempts\":10000,\"window\":\"1s\"}"},
        .times = 50,
        .page_max_ms = 50};
    struct bench_settings *settings = &queries.settings;
    const struct flag table[] = {
        {"--engine", FLAG_TEXT, &settings->engine, 0, 0, "PATH", "(grapnel, beside this program)"},
        {"--events", FLAG_COUNT, &settings->events, 1000, 1000000000, "N",
         "that are delivered first (10000000)"},
        {"--times", FLAG_COUNT, &queries.times, 1, 100000, "N", "that each question is asked (50)"},
        {"--page-max", FLAG_DURATION, &queries.page_max_ms, 1, HOUR_MS, "DURATION",
         "exit with 1 if a p99 is above (50ms)"},
        {"--subscriptions", FLAG_COUNT, &settings->subscriptions, 10, 100000, "N",
         "that the events are dealt to (100)"},
        {"--payload", FLAG_SIZE, &settings->payload_bytes, STAMP_PAYLOAD_MIN, STAMP_PAYLOAD_MAX,
         "BYTES", "of each payload (128)"},
        {"--durability", FLAG_TEXT, &settings->durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--data", FLAG_TEXT, &settings->data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings->engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
    };
    const struct flags flags = {"grapnel-load queries",
                                "Fills an engine's disk with deliveries and asks for lists of "
                                "them. Exit 1: something was\n"
                                "lost or wrong, or a page took longer than allowed.",
                                table, sizeof table / sizeof *table};
    int result = flags_parse(&flags, argc, argv);
    if (result >= 0)
        return result;
    if (!settings->engine)
        settings->engine = trial_default_engine(engine);
    settings->events = settings->events / settings->batch * settings->batch;
    interrupt_catch();
    return run(&queries);
}
