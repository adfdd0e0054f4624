/* bench.c - grapnel-load bench: an engine, a receiver, a generator, and the account at the end.
 *
 * The steps, each of which leaves what bench_close() undoes:
 *   prepare    a fresh directory; with --tls a certificate
 *   engine     started and ready
 *   subscribe  the receiver's socket listens; every subscription is made and its secret known
 *   collect    the receiver's thread runs
 *   publish    on this thread; every 20 ms a look at the clock, the engine and the signals
 *   drain      until every accepted event's deliveries are here, or nothing has come for a while
 *   audit      the engine and the receiver are ended first, so that what comes late is counted
 */
#include "base/clock.h"
#include "bench/load/admin.h"
#include "bench/load/certificate.h"
#include "bench/load/commands.h"
#include "bench/load/interrupt.h"
#include "bench/load/page.h"
#include "bench/load/report.h"
#include "bench/load/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    PATIENCE_MS = 30000, /* without progress: give up */
    NS_PER_MS = 1000000,
    STEP_NS = 100 * NS_PER_MS, /* of the timeline, at first */
    PAUSE_NS = 2 * NS_PER_MS,  /* between two looks at what has been delivered */
    LOOK_NS = 20 * NS_PER_MS,  /* between two looks at everything else */
    EVENTS_PER_SECOND_MAX = 500000,
    EVENTS_DEFAULT = 100000,
    REQUEST_BYTES_MAX = 16 << 20, /* what the engine takes as a batch */
    ARGUMENTS_MAX = FLAG_TEXTS_MAX + 16,
    WHY_SIZE = 512,
    PATH_SIZE = SCRATCH_PATH_SIZE + 32,
};

struct bench {
    struct bench_settings settings;
    struct figures figures;
    struct scratch scratch;
    struct engine_process engine;
    char certificate[PATH_SIZE], tls_key[PATH_SIZE];
    struct loop *loop;
    struct tls_context *tls;
    struct ledger ledger;
    struct signature_key *keys;
    struct address receiver_address;
    int receiver_fd;
    struct collector *collector;
    struct publisher *publisher;
    uint64_t said_ns, said_accepted, said_delivered;
    uint64_t load_cpu_before_ns;
    char why[WHY_SIZE];
};

static const char *scheme(const struct bench *bench)
{
    return bench->settings.tls ? "https" : "http";
}

/* ---- prepare ---- */

static int prepare_tls(struct bench *bench)
{
    snprintf(bench->certificate, PATH_SIZE, "%s/certificate.pem", bench->scratch.path);
    snprintf(bench->tls_key, PATH_SIZE, "%s/key.pem", bench->scratch.path);
    int error = certificate_write(bench->certificate, bench->tls_key);
    if (error) {
        snprintf(bench->why, WHY_SIZE, "cannot write a certificate");
        return error;
    }
    char why[TLS_WHY_SIZE];
    error = tls_client_open(&bench->tls, bench->certificate, why);
    if (error)
        snprintf(bench->why, WHY_SIZE, "TLS: %s", why);
    return error;
}

static int prepare(struct bench *bench)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 512, .buffer_bytes = 8192};
    const struct bench_settings *settings = &bench->settings;
    char why[LOOP_WHY_SIZE];
    int error = loop_open(&bench->loop, &sizes, why);
    if (error) {
        snprintf(bench->why, WHY_SIZE, "%s", why);
        return error;
    }
    if (ledger_open(&bench->ledger, settings->events, (unsigned)settings->subscriptions,
                    (unsigned)settings->fan_out) < 0) {
        snprintf(bench->why, WHY_SIZE, "no memory for a ledger of so many events");
        return -ENOMEM;
    }
    error = scratch_open(&bench->scratch, settings->data);
    if (error) {
        snprintf(bench->why, WHY_SIZE, "no fresh directory: %s", strerror(-error));
        return error;
    }
    machine_read(&bench->figures.machine, bench->scratch.path);
    return settings->tls ? prepare_tls(bench) : 0;
}

/* ---- engine ---- */

static int start_engine(struct bench *bench)
{
    const struct bench_settings *settings = &bench->settings;
    const char *words[ARGUMENTS_MAX] = {"--durability", settings->durability};
    unsigned count = 2;
    char shards[24];
    if (settings->shards > 0) {
        snprintf(shards, sizeof shards, "%lu", settings->shards);
        words[count++] = "--shards";
        words[count++] = shards;
    }
    if (settings->tls) {
        const char *tls[] = {"--tls-cert",   bench->certificate, "--tls-key",
                             bench->tls_key, "--ca-file",        bench->certificate};
        for (unsigned i = 0; i < sizeof tls / sizeof *tls; i++)
            words[count++] = tls[i];
    }
    for (unsigned i = 0; i < settings->engine_arguments.count; i++)
        words[count++] = settings->engine_arguments.at[i];
    return engine_process_start(&bench->engine, bench->scratch.path, settings->engine, words,
                                bench->why);
}

static struct lane_target target_of(const struct bench *bench, struct address address)
{
    return (struct lane_target){bench->loop, address, bench->tls, SLICE("127.0.0.1"), true};
}

/* ---- subscribe ---- */

static int subscribe_all(struct bench *bench, struct admin *admin)
{
    char place[ADDRESS_TEXT_SIZE];
    address_print(&bench->receiver_address, place);
    for (unsigned i = 0; i < bench->settings.subscriptions; i++) {
        char url[128], type[STAMP_TYPE_SIZE];
        snprintf(url, sizeof url, "%s://%s/s/%u", scheme(bench), place, i);
        stamp_type(i / bench->ledger.fan_out, type);
        int error = admin_subscribe(admin, url, type, &bench->keys[i], bench->why);
        if (error)
            return error;
        if (interrupt_came()) {
            snprintf(bench->why, WHY_SIZE, "interrupted");
            return -EINTR;
        }
    }
    return 0;
}

static int listen_for_deliveries(struct bench *bench)
{
    struct address any;
    if (address_parse(SLICE("127.0.0.1:0"), &any) < 0)
        return -EINVAL;
    bench->receiver_fd = loop_listen(&any, false, &bench->receiver_address);
    if (bench->receiver_fd >= 0)
        return 0;
    snprintf(bench->why, WHY_SIZE, "the receiver cannot listen: %s", strerror(-bench->receiver_fd));
    return bench->receiver_fd;
}

static int subscribe(struct bench *bench)
{
    bench->keys = calloc(bench->settings.subscriptions, sizeof *bench->keys);
    struct admin *admin = malloc(sizeof *admin);
    if (!bench->keys || !admin) {
        free(admin);
        return -ENOMEM;
    }
    struct lane_target target = target_of(bench, bench->engine.admin);
    int error = listen_for_deliveries(bench);
    if (!error)
        error = admin_open(admin, &target, slice_str(bench->engine.key));
    if (!error) {
        error = subscribe_all(bench, admin);
        admin_close(admin);
    }
    free(admin);
    return error;
}

static int collect(struct bench *bench)
{
    const struct collector_options options = {
        .fd = bench->receiver_fd,
        .payload_bytes = bench->settings.payload_bytes,
        .ledger = &bench->ledger,
        .keys = bench->keys,
        .subscriptions = (unsigned)bench->settings.subscriptions,
        .certificate = bench->settings.tls ? bench->certificate : NULL,
        .key = bench->settings.tls ? bench->tls_key : NULL,
    };
    int error = collector_open(&bench->collector, &options, bench->why);
    bench->receiver_fd = -1;
    return error;
}

/* ---- publish and drain ---- */

static void say_progress(struct bench *bench, uint64_t now_ns, const struct sample *sample)
{
    if (now_ns < bench->said_ns + 1000 * (uint64_t)NS_PER_MS)
        return;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r  %4lu s: %lu accepted (%lu/s), %lu delivered (%lu/s)   ",
                sample->at_ns / 1000000000, sample->accepted,
                sample->accepted - bench->said_accepted, sample->delivered,
                sample->delivered - bench->said_delivered);
    bench->said_ns = now_ns;
    bench->said_accepted = sample->accepted;
    bench->said_delivered = sample->delivered;
}

/* Looks around. False: no use to go on. */
static bool look(void *context, uint64_t now_ns)
{
    struct bench *bench = context;
    uint64_t first_ns = publisher_counters(bench->publisher)->first_ns;
    const struct sample sample = {
        .at_ns = first_ns && now_ns > first_ns ? now_ns - first_ns : 0,
        .accepted = publisher_counters(bench->publisher)->accepted,
        .delivered = collector_counters(bench->collector).delivered,
    };
    timeline_add(&bench->figures.timeline, &sample);
    say_progress(bench, now_ns, &sample);
    return engine_process_runs(&bench->engine) && !interrupt_came();
}

static int publish(struct bench *bench)
{
    const struct bench_settings *settings = &bench->settings;
    char authority[ADDRESS_TEXT_SIZE];
    const struct publisher_options options = {
        .target = target_of(bench, bench->engine.ingest),
        .authority = address_print(&bench->engine.ingest, authority),
        .path = SLICE("/api/v1/webhooks/events"),
        .key = slice_str(bench->engine.key),
        .events = settings->events,
        .duration_ms = settings->duration_ms,
        .rate = settings->rate,
        .payload_bytes = settings->payload_bytes,
        .batch = (unsigned)settings->batch,
        .connections = (unsigned)settings->connections,
        .ledger = &bench->ledger,
        .patience_ms = PATIENCE_MS,
        .context = bench,
        .on_tick = look,
    };
    if (publisher_open(&bench->publisher, &options) < 0) {
        snprintf(bench->why, WHY_SIZE, "no memory for so many connections");
        return -ENOMEM;
    }
    timeline_init(&bench->figures.timeline, STEP_NS);
    bench->figures.before = engine_process_cost(&bench->engine);
    bench->load_cpu_before_ns = clock_process_cpu_ns();
    publisher_run(bench->publisher);
    return 0;
}

/* Waits until all deliveries are here that are owed or may come. */
static void drain(struct bench *bench)
{
    const struct publisher_counters *published = publisher_counters(bench->publisher);
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t wanted = (published->accepted + published->unknown) * bench->settings.fan_out;
    uint64_t seen = 0;
    uint64_t progress_ns = clock_monotonic_ns();
    uint64_t looked_ns = 0;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t delivered = collector_counters(bench->collector).delivered;
        if (delivered > seen)
            progress_ns = now_ns;
        seen = delivered;
        if (seen >= wanted || now_ns > progress_ns + (uint64_t)PATIENCE_MS * NS_PER_MS)
            break;
        if (now_ns > looked_ns + LOOK_NS) {
            if (!look(bench, now_ns))
                break;
            looked_ns = now_ns;
        }
        nanosleep(&pause, NULL);
    }
    bench->figures.after = engine_process_cost(&bench->engine);
    bench->figures.load_cpu_ns = clock_process_cpu_ns() - bench->load_cpu_before_ns;
    look(bench, clock_monotonic_ns());
}

/* ---- audit ---- */

static void audit(struct bench *bench)
{
    struct figures *figures = &bench->figures;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%80s\r", "");
    histogram_init(&figures->receive_us);
    bool died = !engine_process_runs(&bench->engine);
    bool stopped = !died && engine_process_stop(&bench->engine) == 0;
    char end[ENGINE_END_SIZE];
    engine_process_print_end(&bench->engine, end);
    figures->collected = collector_counters(bench->collector);
    collector_close(bench->collector, &figures->receive_us);
    bench->collector = NULL;
    figures->published = *publisher_counters(bench->publisher);
    publisher_close(bench->publisher);
    bench->publisher = NULL;
    ledger_audit(&bench->ledger, &figures->audit);
    figures_finish(figures);
    if (interrupt_came())
        snprintf(bench->why, WHY_SIZE, "interrupted");
    else if (died)
        snprintf(bench->why, WHY_SIZE, "the engine ended in the middle of the run: %s", end);
    else if (figures->published.gave_up)
        snprintf(bench->why, WHY_SIZE, "no answer came for %d s", PATIENCE_MS / 1000);
    else if (!stopped)
        snprintf(bench->why, WHY_SIZE, "the engine was told to end (SIGTERM), and did so badly: %s",
                 end);
}

static int save(struct bench *bench)
{
    const struct bench_settings *settings = &bench->settings;
    int error = 0;
    if (settings->json)
        error = report_json(settings->json, settings, &bench->figures);
    if (error)
        snprintf(bench->why, WHY_SIZE, "%s: %s", settings->json, strerror(-error));
    if (!error && settings->html) {
        error = page_write(settings->html, settings, &bench->figures);
        if (error)
            snprintf(bench->why, WHY_SIZE, "%s: %s", settings->html, strerror(-error));
    }
    return error;
}

static void bench_close(struct bench *bench)
{
    if (engine_process_runs(&bench->engine) && engine_process_stop(&bench->engine) < 0)
        fprintf(stderr, "grapnel-load bench: the engine had to be killed\n");
    struct histogram rest;
    histogram_init(&rest);
    collector_close(bench->collector, &rest);
    publisher_close(bench->publisher);
    if (bench->receiver_fd >= 0)
        close(bench->receiver_fd);
    tls_context_close(bench->tls);
    if (bench->loop)
        loop_close(bench->loop);
    ledger_close(&bench->ledger);
    free(bench->keys);
    scratch_close(&bench->scratch);
}

/* ---- all of it ---- */

static int measure(struct bench *bench)
{
    static int (*const steps[])(struct bench * bench) = {prepare, start_engine, subscribe, collect,
                                                         publish};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int error = steps[i](bench);
        if (error) {
            if (!bench->why[0])
                snprintf(bench->why, WHY_SIZE, "%s", strerror(-error));
            return error;
        }
    }
    drain(bench);
    audit(bench);
    report_table(stdout, &bench->settings, &bench->figures);
    int error = save(bench);
    return error ? error : bench->why[0] ? -EIO : 0;
}

static int run(const struct bench_settings *settings)
{
    struct bench *bench = calloc(1, sizeof *bench);
    if (!bench)
        return 1;
    bench->settings = *settings;
    bench->receiver_fd = -1;
    int error = measure(bench);
    bool good = !error && figures_are_good(&bench->figures);
    if (error)
        fprintf(stderr, "grapnel-load bench: %s\n", bench->why);
    if (!good)
        engine_process_print_log(&bench->engine, stderr);
    bench_close(bench);
    free(bench);
    return good ? 0 : 1;
}

/* Beside this program itself. */
static const char *default_engine(char out[static SCRATCH_PATH_SIZE])
{
    char self[SCRATCH_PATH_SIZE];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self);
    while (size > 0 && self[size - 1] != '/')
        size--;
    if (size <= 0)
        return "grapnel";
    int whole = snprintf(out, SCRATCH_PATH_SIZE, "%.*sgrapnel", (int)size, self);
    return whole < SCRATCH_PATH_SIZE ? out : "grapnel";
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
        settings->engine = default_engine(engine);
    if (settings->events && settings->duration_ms)
        return complain("--events and --duration: one of them");
    if (!slice_equal(slice_str(settings->durability), SLICE("fsync")) &&
        !slice_equal(slice_str(settings->durability), SLICE("relaxed")))
        return complain("--durability: fsync or relaxed");
    if (settings->subscriptions == 0)
        settings->subscriptions = settings->fan_out;
    if (settings->subscriptions % settings->fan_out != 0)
        return complain("--subscriptions must be a multiple of --fan-out");
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
         "requests on their way at once (64)"},
        {"--tls", FLAG_SWITCH, &settings.tls, 0, 0, NULL, "TLS to the engine and to the receiver"},
        {"--durability", FLAG_TEXT, &settings.durability, 0, 0, "fsync|relaxed",
         "of the engine (fsync)"},
        {"--shards", FLAG_COUNT, &settings.shards, 1, 256, "N", "of the engine (its default)"},
        {"--data", FLAG_TEXT, &settings.data, 0, 0, "DIR",
         "the fresh directory is made in this one (TMPDIR or /tmp)"},
        {"--engine-arg", FLAG_TEXTS, &settings.engine_arguments, 0, 0, "ARG",
         "one more argument for the engine; may be repeated"},
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
    return run(&settings);
}
