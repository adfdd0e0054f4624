/* trial.c - see trial.h. */
#include "bench/load/trial.h"

#include "base/clock.h"
#include "bench/load/admin.h"
#include "bench/load/certificate.h"
#include "bench/load/interrupt.h"

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
    ARGUMENTS_MAX = FLAG_TEXTS_MAX + 16,
};

static const char *scheme(const struct trial *trial)
{
    return trial->settings.tls ? "https" : "http";
}

/* ---- prepare ---- */

static int prepare_tls(struct trial *trial)
{
    snprintf(trial->certificate, TRIAL_PATH_SIZE, "%s/certificate.pem", trial->scratch.path);
    snprintf(trial->tls_key, TRIAL_PATH_SIZE, "%s/key.pem", trial->scratch.path);
    int error = certificate_write(trial->certificate, trial->tls_key);
    if (error) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "cannot write a certificate");
        return error;
    }
    char why[TLS_WHY_SIZE];
    error = tls_client_open(&trial->tls, trial->certificate, why);
    if (error)
        snprintf(trial->why, TRIAL_WHY_SIZE, "TLS: %s", why);
    return error;
}

static int prepare(struct trial *trial)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 512, .buffer_bytes = 8192};
    const struct bench_settings *settings = &trial->settings;
    char why[LOOP_WHY_SIZE];
    int error = loop_open(&trial->loop, &sizes, why);
    if (error) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "%s", why);
        return error;
    }
    if (ledger_open(&trial->ledger, settings->events, (unsigned)settings->subscriptions,
                    (unsigned)settings->fan_out) < 0) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "no memory for a ledger of so many events");
        return -ENOMEM;
    }
    trial->ledger.owed_from = (unsigned)settings->unjudged;
    error = scratch_open(&trial->scratch, settings->data);
    if (error) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "no fresh directory: %s", strerror(-error));
        return error;
    }
    machine_read(&trial->figures.machine, trial->scratch.path);
    return settings->tls ? prepare_tls(trial) : 0;
}

/* ---- engine ---- */

static int start_engine(struct trial *trial)
{
    const struct bench_settings *settings = &trial->settings;
    const char *words[ARGUMENTS_MAX] = {"--durability", settings->durability};
    unsigned count = 2;
    char shards[24];
    if (settings->shards > 0) {
        snprintf(shards, sizeof shards, "%lu", settings->shards);
        words[count++] = "--shards";
        words[count++] = shards;
    }
    if (settings->tls) {
        const char *tls[] = {"--tls-cert",   trial->certificate, "--tls-key",
                             trial->tls_key, "--ca-file",        trial->certificate};
        for (unsigned i = 0; i < sizeof tls / sizeof *tls; i++)
            words[count++] = tls[i];
    }
    for (unsigned i = 0; i < settings->engine_arguments.count; i++)
        words[count++] = settings->engine_arguments.at[i];
    return engine_process_start(&trial->engine, trial->scratch.path, settings->engine, words,
                                trial->why);
}

static struct lane_target target_of(const struct trial *trial, struct address address)
{
    return (struct lane_target){trial->loop, address, trial->tls, SLICE("127.0.0.1"), true};
}

/* ---- subscribe ---- */

void trial_uid(unsigned subscription, char uid[static TRIAL_UID_SIZE])
{
    snprintf(uid, TRIAL_UID_SIZE, "load.%u", subscription);
}

static int subscribe_all(struct trial *trial, struct admin *admin)
{
    char place[ADDRESS_TEXT_SIZE], dead_place[ADDRESS_TEXT_SIZE];
    address_print(&trial->receiver_address, place);
    address_print(&trial->dead_address, dead_place);
    for (unsigned i = 0; i < trial->settings.subscriptions; i++) {
        char url[128], type[STAMP_TYPE_SIZE], uid[TRIAL_UID_SIZE];
        bool is_dead = i < trial->settings.dead;
        snprintf(url, sizeof url, "%s://%s/s/%u", scheme(trial), is_dead ? dead_place : place, i);
        stamp_type(i / trial->ledger.fan_out, type);
        trial_uid(i, uid);
        const struct admin_subscription wish = {url, type, uid, trial->settings.subscription_extra};
        int error = admin_subscribe(admin, &wish, &trial->keys[i], trial->why);
        if (error)
            return error;
        if (interrupt_came()) {
            snprintf(trial->why, TRIAL_WHY_SIZE, "interrupted");
            return -EINTR;
        }
    }
    return 0;
}

/* A socket that listens on `at`, or -errno. */
static int listen_at(struct trial *trial, const struct address *at, struct address *bound)
{
    int fd = loop_listen(at, false, bound);
    if (fd < 0)
        snprintf(trial->why, TRIAL_WHY_SIZE, "the receiver cannot listen: %s", strerror(-fd));
    return fd;
}

/* The receiver of the dead gets a port, and refuses connections until trial_revive(). */
static int listen_for_deliveries(struct trial *trial)
{
    struct address any;
    if (address_parse(SLICE("127.0.0.1:0"), &any) < 0)
        return -EINVAL;
    trial->receiver_fd = listen_at(trial, &any, &trial->receiver_address);
    if (trial->receiver_fd < 0)
        return trial->receiver_fd;
    int fd = listen_at(trial, &any, &trial->dead_address);
    if (fd < 0)
        return fd;
    loop_close_socket(trial->loop, fd);
    return 0;
}

static int subscribe(struct trial *trial)
{
    trial->keys = calloc(trial->settings.subscriptions, sizeof *trial->keys);
    struct admin *admin = malloc(sizeof *admin);
    if (!trial->keys || !admin) {
        free(admin);
        return -ENOMEM;
    }
    struct lane_target target = target_of(trial, trial->engine.admin);
    int error = listen_for_deliveries(trial);
    if (!error)
        error = admin_open(admin, &target, slice_str(trial->engine.key));
    if (!error) {
        error = subscribe_all(trial, admin);
        admin_close(admin);
    }
    free(admin);
    return error;
}

static int collect(struct trial *trial, int fd, struct collector **collector)
{
    const struct bench_settings *settings = &trial->settings;
    const struct collector_options options = {
        .fd = fd,
        .payload_bytes = settings->payload_bytes,
        .ledger = &trial->ledger,
        .keys = trial->keys,
        .subscriptions = (unsigned)settings->subscriptions,
        .hanging = (unsigned)settings->hanging,
        .failing = (unsigned)settings->failing,
        .unjudged = (unsigned)(settings->unjudged * settings->fan_out),
        .certificate = settings->tls ? trial->certificate : NULL,
        .key = settings->tls ? trial->tls_key : NULL,
    };
    return collector_open(collector, &options, trial->why);
}

static int collect_the_living(struct trial *trial)
{
    int error = collect(trial, trial->receiver_fd, &trial->collector);
    trial->receiver_fd = -1;
    return error;
}

int trial_revive(struct trial *trial)
{
    struct address bound;
    int fd = listen_at(trial, &trial->dead_address, &bound);
    return fd < 0 ? fd : collect(trial, fd, &trial->revived);
}

/* ---- publish and drain ---- */

static void say_progress(struct trial *trial, uint64_t now_ns, const struct sample *sample)
{
    if (now_ns < trial->said_ns + 1000 * (uint64_t)NS_PER_MS)
        return;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r  %4lu s: %lu accepted (%lu/s), %lu delivered (%lu/s)   ",
                sample->at_ns / 1000000000, sample->accepted,
                sample->accepted - trial->said_accepted, sample->delivered,
                sample->delivered - trial->said_delivered);
    trial->said_ns = now_ns;
    trial->said_accepted = sample->accepted;
    trial->said_delivered = sample->delivered;
}

uint64_t trial_delivered(const struct trial *trial)
{
    uint64_t delivered = collector_counters(trial->collector).delivered;
    return trial->revived ? delivered + collector_counters(trial->revived).delivered : delivered;
}

/* Looks around. False: no use to go on. */
static bool look(void *context, uint64_t now_ns)
{
    struct trial *trial = context;
    uint64_t first_ns = publisher_counters(trial->publisher)->first_ns;
    const struct sample sample = {
        .at_ns = first_ns && now_ns > first_ns ? now_ns - first_ns : 0,
        .accepted = publisher_counters(trial->publisher)->accepted,
        .delivered = trial_delivered(trial),
    };
    timeline_add(&trial->figures.timeline, &sample);
    say_progress(trial, now_ns, &sample);
    return engine_process_runs(&trial->engine) && !interrupt_came();
}

static int open_publisher(struct trial *trial, const struct trial_load *load)
{
    const struct bench_settings *settings = &trial->settings;
    char authority[ADDRESS_TEXT_SIZE];
    const struct publisher_options options = {
        .target = target_of(trial, trial->engine.ingest),
        .authority = address_print(&trial->engine.ingest, authority),
        .path = SLICE("/api/v1/webhooks/events"),
        .key = slice_str(trial->engine.key),
        .events = load->events,
        .first = load->first,
        .stride = load->stride,
        .duration_ms = load->duration_ms,
        .rate = load->rate,
        .payload_bytes = settings->payload_bytes,
        .batch = load->batch,
        .connections = (unsigned)settings->connections,
        .ledger = &trial->ledger,
        .patience_ms = PATIENCE_MS,
        .context = trial,
        .on_tick = look,
    };
    publisher_close(trial->publisher); /* of an earlier load */
    if (publisher_open(&trial->publisher, &options) == 0)
        return 0;
    snprintf(trial->why, TRIAL_WHY_SIZE, "no memory for so many connections");
    return -ENOMEM;
}

/* 0, or -EIO: it is no use to go on. */
static int check(struct trial *trial)
{
    char end[ENGINE_END_SIZE];
    if (interrupt_came()) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "interrupted");
    } else if (!engine_process_runs(&trial->engine)) {
        engine_process_print_end(&trial->engine, end);
        snprintf(trial->why, TRIAL_WHY_SIZE, "the engine ended in the middle of the run: %s", end);
    } else if (trial->figures.published.gave_up) {
        snprintf(trial->why, TRIAL_WHY_SIZE, "no answer came for %d s", PATIENCE_MS / 1000);
    } else {
        return 0;
    }
    return -EIO;
}

int trial_publish(struct trial *trial, const struct trial_load *load)
{
    struct figures *figures = &trial->figures;
    int error = open_publisher(trial, load);
    if (error)
        return error;
    timeline_init(&figures->timeline, STEP_NS);
    figures->before = engine_process_cost(&trial->engine);
    trial->load_cpu_before_ns = clock_process_cpu_ns();
    publisher_run(trial->publisher);
    figures->published = *publisher_counters(trial->publisher);
    return check(trial);
}

uint64_t trial_requests(const struct trial *trial)
{
    return collector_counters(trial->collector).requests;
}

/* Until there are so many. */
static int wait_for(struct trial *trial, uint64_t (*count)(const struct trial *trial),
                    uint64_t wanted)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t seen = 0;
    uint64_t progress_ns = clock_monotonic_ns();
    uint64_t looked_ns = 0;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t now = count(trial);
        if (now > seen)
            progress_ns = now_ns;
        seen = now;
        if (seen >= wanted || now_ns > progress_ns + (uint64_t)PATIENCE_MS * NS_PER_MS)
            break;
        if (now_ns > looked_ns + LOOK_NS) {
            if (!look(trial, now_ns))
                break;
            looked_ns = now_ns;
        }
        nanosleep(&pause, NULL);
    }
    trial->figures.after = engine_process_cost(&trial->engine);
    trial->figures.load_cpu_ns = clock_process_cpu_ns() - trial->load_cpu_before_ns;
    look(trial, clock_monotonic_ns());
    return check(trial);
}

int trial_drain(struct trial *trial)
{
    return wait_for(trial, trial_delivered, ledger_awaited(&trial->ledger));
}

int trial_await_requests(struct trial *trial, uint64_t count)
{
    return wait_for(trial, trial_requests, count);
}

void trial_take_latency(struct trial *trial, struct histogram *receive_us)
{
    histogram_init(receive_us);
    collector_take(trial->collector, receive_us);
    if (trial->revived)
        collector_take(trial->revived, receive_us);
}

/* ---- audit ---- */

static void close_collector(struct collector **collector, struct figures *figures)
{
    if (!*collector)
        return;
    struct collector_counters counters = collector_counters(*collector);
    struct collector_counters *sum = &figures->collected;
    sum->requests += counters.requests;
    sum->delivered += counters.delivered;
    sum->bad_signatures += counters.bad_signatures;
    sum->strays += counters.strays;
    sum->last_ns = counters.last_ns > sum->last_ns ? counters.last_ns : sum->last_ns;
    collector_close(*collector, &figures->receive_us);
    *collector = NULL;
}

int trial_audit(struct trial *trial)
{
    struct figures *figures = &trial->figures;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%80s\r", "");
    histogram_init(&figures->receive_us);
    int error = check(trial);
    bool stopped = engine_process_stop(&trial->engine) == 0;
    char end[ENGINE_END_SIZE];
    engine_process_print_end(&trial->engine, end);
    close_collector(&trial->collector, figures);
    close_collector(&trial->revived, figures);
    ledger_audit(&trial->ledger, &figures->audit);
    figures_finish(figures);
    if (!error && !stopped) {
        snprintf(trial->why, TRIAL_WHY_SIZE,
                 "the engine was told to end (SIGTERM), and did so badly: %s", end);
        error = -EIO;
    }
    return error;
}

/* ---- life ---- */

int trial_open(struct trial *trial, const struct bench_settings *settings)
{
    static int (*const steps[])(struct trial * trial) = {prepare, start_engine, subscribe,
                                                         collect_the_living};
    *trial = (struct trial){.settings = *settings, .receiver_fd = -1};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int error = steps[i](trial);
        if (error) {
            if (!trial->why[0])
                snprintf(trial->why, TRIAL_WHY_SIZE, "%s", strerror(-error));
            return error;
        }
    }
    return 0;
}

void trial_close(struct trial *trial)
{
    if (engine_process_runs(&trial->engine) && engine_process_stop(&trial->engine) < 0)
        fprintf(stderr, "grapnel-load: the engine had to be killed\n");
    struct histogram rest;
    histogram_init(&rest);
    collector_close(trial->collector, &rest);
    collector_close(trial->revived, &rest);
    publisher_close(trial->publisher);
    if (trial->receiver_fd >= 0)
        close(trial->receiver_fd);
    tls_context_close(trial->tls);
    if (trial->loop)
        loop_close(trial->loop);
    ledger_close(&trial->ledger);
    free(trial->keys);
    scratch_close(&trial->scratch);
}

const char *trial_default_engine(char out[static SCRATCH_PATH_SIZE])
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
