/* main.c - the program: what is opened in which order, and the threads.
 *
 * The main thread becomes control. A thread is only what calls a tick and waits on its loop;
 * everything else is in the struct it drives.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/semaphore.h"
#include "budget.h"
#include "config.h"
#include "control.h"
#include "notify.h"
#include "reader.h"
#include "restore.h"
#include "shard.h"
#include "store/old_logs.h"
#include "store/recovery.h"
#include "writer.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum {
    SMALL_RING_ENTRIES = 64,
    SMALL_RING_BUFFERS = 8,
    SMALL_RING_BUFFER_BYTES = 512,
    LARGE_BYTES = 256 * 1024
};

struct engine;

struct worker {
    struct engine *engine;
    pthread_t thread;
    unsigned number;
    int core; /* to run on; -1: any */
    int error;
    char why[SHARD_WHY_SIZE];
    bool is_running;
    struct mail_serve serve;
};

struct engine {
    struct config config;
    struct crew crew;
    struct db *db;
    struct old_logs *old_logs;
    struct recovery_report recovery;
    struct shard *shards;
    struct writer writer;
    struct reader reader;
    struct control *control;
    struct worker workers[CREW_MAX];
    int listeners[DB_SHARDS_MAX];
    sem_t opened;
};

/* ---- threads ---- */

static void run_on_core(const struct worker *worker)
{
    cpu_set_t cores;
    if (worker->core < 0)
        return;
    CPU_ZERO(&cores);
    CPU_SET(worker->core, &cores);
    (void)pthread_setaffinity_np(pthread_self(), sizeof cores, &cores); /* no harm if it may not */
}

static void *run_shard(void *context)
{
    struct worker *worker = context;
    struct engine *engine = worker->engine;
    struct shard *shard = &engine->shards[worker->number];

    char name[16];
    snprintf(name, sizeof name, "shard-%u", worker->number);
    (void)pthread_setname_np(pthread_self(), name);
    run_on_core(worker);
    worker->error = shard_open(shard, worker->number, &engine->crew, &engine->config,
                               &engine->recovery, worker->why);
    sem_post(&engine->opened);
    if (worker->error)
        return NULL;
    while (!shard->is_stopped) {
        uint64_t until_ns = shard_tick(shard);
        crew_turn(&engine->crew, worker->number, shard->is_stopped ? 0 : until_ns);
    }
    return NULL;
}

static int open_small_loop(struct worker *worker)
{
    const struct loop_options options = {SMALL_RING_ENTRIES, SMALL_RING_BUFFERS,
                                         SMALL_RING_BUFFER_BYTES};
    worker->error =
        loop_open(&worker->engine->crew.members[worker->number].loop, &options, worker->why);
    sem_post(&worker->engine->opened);
    return worker->error;
}

static void *run_writer(void *context)
{
    struct worker *worker = context;
    struct writer *writer = &worker->engine->writer;
    (void)pthread_setname_np(pthread_self(), "writer");
    if (open_small_loop(worker))
        return NULL;
    while (!writer->is_stopped) {
        uint64_t until_ns = writer_tick(writer);
        crew_turn(&worker->engine->crew, worker->number, until_ns);
    }
    return NULL;
}

static void *run_reader(void *context)
{
    struct worker *worker = context;
    struct reader *reader = &worker->engine->reader;
    (void)pthread_setname_np(pthread_self(), "reader");
    if (open_small_loop(worker))
        return NULL;
    while (!reader->is_stopped) {
        bool was_busy = reader_tick(reader);
        crew_turn(&worker->engine->crew, worker->number,
                  was_busy || reader->is_stopped ? 0 : UINT64_MAX);
    }
    return NULL;
}

/* The cores this process may run on, in order. */
static int core_of(unsigned number)
{
    cpu_set_t cores;
    unsigned seen = 0;
    if (sched_getaffinity(0, sizeof cores, &cores))
        return -1;
    unsigned count = (unsigned)CPU_COUNT(&cores);
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, &cores) && seen++ == number % count)
            return core;
    return -1;
}

static int start_worker(struct engine *engine, unsigned number, void *(*run)(void *), int core)
{
    struct worker *worker = &engine->workers[number];
    worker->engine = engine;
    worker->number = number;
    worker->core = core;
    int rc = -pthread_create(&worker->thread, NULL, run, worker);
    if (rc) {
        LOG(LOG_ERROR, "a thread cannot be started", log_str("why", strerrordesc_np(-rc)));
        return rc;
    }
    worker->is_running = true;
    semaphore_await(&engine->opened);
    if (worker->error)
        LOG(LOG_ERROR, "cannot start", log_str("why", worker->why));
    return worker->error;
}

static int start_workers(struct engine *engine)
{
    struct crew *crew = &engine->crew;
    int rc = start_worker(engine, crew_writer(crew), run_writer, -1);
    if (rc == 0)
        rc = start_worker(engine, crew_reader(crew), run_reader, -1);
    for (unsigned i = 0; rc == 0 && i < crew->shards; i++)
        rc = start_worker(engine, i, run_shard, core_of(i));
    return rc;
}

/* ---- the store ---- */

static void say_progress(const struct recovery_report *report)
{
    LOG(LOG_INFO, "recovering", log_u64("blocks", report->blocks_read),
        log_u64("events", report->events_read), log_u64("parked", report->deliveries_parked),
        log_u64("rows_moved", report->rows_moved));
}

static struct db_options db_options_of(const struct config *config)
{
    return (struct db_options){
        .shards = config->shards,
        .memory_bytes = budget_of(config->memory_bytes, config->shards).store_bytes,
        .retention_ms = config->retention_ms,
        .retention_bytes = config->retention_bytes,
        .dedup_window_ms = config->idempotency_window_ms,
    };
}

/* --restore: the data directory from a backup, and nothing else. The exit status. */
static int restore(const struct config *config)
{
    const struct db_options options = db_options_of(config);
    struct restore_report report;
    char why[RESTORE_WHY_SIZE];
    if (restore_run(config->restore, config->data, &options, &report, why)) {
        LOG(LOG_ERROR, "the backup was not restored", log_str("why", why));
        return 1;
    }
    LOG(LOG_INFO, "the backup was restored and is whole: the engine can be started",
        log_str("data", config->data), log_str("created_at", report.created_at),
        log_str("version", report.version), log_str("secret_key", report.secret_key),
        log_u64("files", report.files), log_u64("bytes", report.bytes));
    return 0;
}

/* The data directory, made if it is not there. */
static int open_data(const struct config *config)
{
    if (restore_is_partial(config->data)) {
        LOG(LOG_ERROR, "a restore was cut off here: empty the directory and restore again",
            log_str("data", config->data));
        return -EINVAL;
    }
    if (mkdir(config->data, 0700) && errno != EEXIST) {
        LOG(LOG_ERROR, "cannot make the data directory", log_str("data", config->data),
            log_str("why", strerrordesc_np(errno)));
        return -EIO;
    }
    return 0;
}

struct opening {
    struct engine *engine;
    char why[DB_WHY_SIZE];
    int error;
};

static void *open_giving_way(void *context)
{
    struct opening *opening = context;
    const struct config *config = &opening->engine->config;
    const struct db_options options = db_options_of(config);
    priority_give_way();
    opening->error = db_open(&opening->engine->db, config->data, &options, opening->why);
    return NULL;
}

/* On a thread of its own, because those that the database starts for flushes and compactions
 * inherit how it is scheduled. They compute for tens of ms at a time, and no delivery has to wait
 * for that. */
static int open_db(struct engine *engine, char why[static DB_WHY_SIZE])
{
    struct opening opening = {.engine = engine};
    pthread_t thread;
    int error = pthread_create(&thread, NULL, open_giving_way, &opening);
    if (error) {
        snprintf(why, DB_WHY_SIZE, "%s", strerrordesc_np(error));
        return -error;
    }
    pthread_join(thread, NULL);
    memcpy(why, opening.why, DB_WHY_SIZE);
    return opening.error;
}

static int open_store(struct engine *engine)
{
    const struct config *config = &engine->config;
    char why[DB_WHY_SIZE];

    int rc = open_data(config);
    if (rc)
        return rc;
    rc = open_db(engine, why);
    if (rc) {
        LOG(LOG_ERROR, "cannot open the data", log_str("data", config->data), log_str("why", why));
        return rc;
    }
    if (why[0])
        LOG(LOG_WARN, why, log_str("data", config->data));
    rc = recovery_run(engine->db, config->shards, &engine->recovery, say_progress, why);
    if (rc) {
        LOG(LOG_ERROR, "cannot recover the data", log_str("data", config->data),
            log_str("why", why));
        return rc;
    }
    if (engine->recovery.deliveries_parked + engine->recovery.rows_moved > 0)
        say_progress(&engine->recovery);

    const struct journal_options journal = {.sync = !config->relaxed};
    rc = writer_open(&engine->writer, &engine->crew, engine->db, &journal,
                     config->idempotency_window_ms);
    if (rc == 0)
        rc = reader_open(&engine->reader, &engine->crew, engine->db);
    if (rc) {
        LOG(LOG_ERROR, "cannot open the journal", log_str("why", db_why()));
        return rc;
    }
    rc = old_logs_open(&engine->old_logs, config->data);
    if (rc)
        LOG(LOG_ERROR, "cannot open the folder of old logs", log_str("data", config->data),
            log_str("why", strerrordesc_np(-rc)));
    return rc;
}

/* ---- start and end ---- */

static int listen_all(struct engine *engine)
{
    struct config *config = &engine->config;
    char text[ADDRESS_TEXT_SIZE];
    for (unsigned i = 0; i < config->shards; i++) {
        engine->listeners[i] = loop_listen(&config->ingest, true, &config->ingest);
        if (engine->listeners[i] < 0) {
            LOG(LOG_ERROR, "cannot listen",
                log_text("ingest", address_print(&config->ingest, text)),
                log_str("why", strerrordesc_np(-engine->listeners[i])));
            return engine->listeners[i];
        }
    }
    return 0;
}

/* Runs control until it says so. */
static void run_control(struct engine *engine, bool (*is_over)(const struct control *control))
{
    struct priority_use last = {0};
    for (;;) {
        uint64_t until_ns = control_tick(engine->control);
        if (is_over(engine->control))
            return;
        priority_rest(&last); /* after what it did for people, if shards need the core */
        crew_turn(&engine->crew, crew_control(&engine->crew), until_ns);
    }
}

/* What has begun to serve may ask control for something before the others have begun. */
static int serve_all(struct engine *engine)
{
    struct crew *crew = &engine->crew;
    struct mailbox *mailbox = &crew->members[crew_control(crew)].mailbox;
    for (unsigned i = 0; i < crew->shards; i++) {
        engine->workers[i].serve =
            (struct mail_serve){.mail.kind = MAIL_SERVE, .listener = engine->listeners[i]};
        crew_post(crew, crew_control(crew), i, &engine->workers[i].serve.mail);
    }
    for (unsigned left = crew->shards; left > 0;) {
        struct mail *mail = mailbox_take(mailbox);
        if (!mail) {
            crew_turn(crew, crew_control(crew), UINT64_MAX);
            continue;
        }
        if (mail->kind != MAIL_SERVE) {
            control_take_mail(engine->control, mail);
            continue;
        }
        left--;
        int error = container_of(mail, struct mail_serve, mail)->error;
        if (error) {
            LOG(LOG_ERROR, "a shard cannot serve", log_str("why", strerrordesc_np(-error)));
            return error;
        }
    }
    return control_serve(engine->control);
}

static void say_ready(const struct engine *engine)
{
    char ingest[ADDRESS_TEXT_SIZE];
    char admin[ADDRESS_TEXT_SIZE];
    /* Whatever the log level: people and programs wait for this line. */
    log_write(LOG_INFO, "ready",
              (const struct log_field[]){
                  log_text("ingest", address_print(&engine->config.ingest, ingest)),
                  log_text("admin", address_print(&engine->config.admin, admin)),
                  log_str("version", GRAPNEL_VERSION),
                  log_u64("shards", engine->config.shards),
                  log_str("data", engine->config.data),
                  log_str("durability", engine->config.relaxed ? "relaxed" : "fsync"),
                  {0},
              });
    notify("READY=1");
}

/* A signal may come before everything has begun. */
static bool is_loaded_or_stopped(const struct control *control)
{
    return control_is_loaded(control) || control_is_stopped(control);
}

static int run(struct engine *engine)
{
    char why[CONTROL_WHY_SIZE];
    int rc = open_store(engine);
    if (rc == 0)
        rc = listen_all(engine);
    if (rc == 0)
        rc = start_workers(engine);
    if (rc)
        return rc;

    rc = control_open(&engine->control, &engine->config, &engine->crew, engine->db, why);
    if (rc) {
        LOG(LOG_ERROR, "cannot start", log_str("why", why));
        return rc;
    }
    priority_give_way(); /* its work is for people: no shard waits for it */
    control_load_shards(engine->control);
    run_control(engine, is_loaded_or_stopped);
    if (control_is_stopped(engine->control))
        return 0;
    rc = serve_all(engine);
    if (rc)
        return rc;
    say_ready(engine);
    run_control(engine, control_is_stopped);
    return 0;
}

/* After an orderly stop, when every thread has ended. */
static void close_all(struct engine *engine)
{
    struct crew *crew = &engine->crew;
    for (unsigned i = 0; i < crew_count(crew); i++)
        if (engine->workers[i].is_running)
            pthread_join(engine->workers[i].thread, NULL);
    for (unsigned i = 0; i < crew->shards; i++)
        shard_close(&engine->shards[i]);
    control_close(engine->control);
    loop_close(crew->members[crew_writer(crew)].loop);
    loop_close(crew->members[crew_reader(crew)].loop);
    writer_close(&engine->writer);
    reader_close(&engine->reader);
    old_logs_close(engine->old_logs);
    db_close(engine->db);
    free(engine->shards);
}

/* Signals are control's: it reads them from a descriptor. */
static void block_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Connections are descriptors: takes as many as the system allows. */
static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* What is large (memtables, batches for the disk) goes back to the system when it is freed: the
 * thread that took it is seldom the one that frees it, and would keep it. */
static void return_memory(void)
{
    (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
}

int main(int argc, char **argv)
{
    static struct engine engine; /* large */
    enum config_result result = config_load(&engine.config, argc, argv, stdout, stderr);
    if (result != CONFIG_RUN)
        return result == CONFIG_DONE ? 0 : 2;

    log_set(engine.config.log_level, engine.config.log_format);
    raise_limits();
    return_memory();
    if (engine.config.restore)
        return restore(&engine.config);
    block_signals();
    sem_init(&engine.opened, 0, 0);
    crew_init(&engine.crew, engine.config.shards);
    engine.shards = calloc(engine.config.shards, sizeof *engine.shards);
    if (!engine.shards) {
        LOG(LOG_ERROR, "out of memory");
        return 1;
    }
    if (run(&engine)) {
        fflush(NULL);
        _Exit(1); /* threads that were started wait for nothing that is worth waiting for */
    }
    close_all(&engine);
    LOG(LOG_INFO, "stopped");
    return 0;
}
