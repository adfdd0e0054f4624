/* machine.c - see machine.h. The members of a crew, as engine/main.c puts them together, each in a
 * fiber. After a crash its memory is left as it is: the simulator's process is short.
 */
#include "machine.h"

#include "base/log.h"
#include "config.h"
#include "control.h"
#include "disk.h"
#include "network.h"
#include "private_file.h"
#include "reader.h"
#include "shard.h"
#include "store/keys.h"
#include "store/recovery.h"
#include "world.h"
#include "writer.h"

#include <signal.h>
#include <stdlib.h>

struct worker {
    struct engine *engine;
    unsigned number;
    struct fiber *fiber;
    bool is_open;
    struct mail_serve serve;
};

struct engine {
    struct config config;
    struct crew crew;
    struct db *db;
    struct recovery_report recovery;
    struct shard *shards;
    struct writer writer;
    struct reader reader;
    struct control *control;
    struct worker workers[CREW_MAX];
    int listeners[DB_SHARDS_MAX];
    bool is_ready, is_stopping;
};

static struct engine *engine; /* NULL: not up */
static unsigned crashes, starts;
static uint64_t started_ns;

void machine_addresses(struct machine_addresses *addresses)
{
    must(address_parse(SLICE("10.0.0.1:8480"), &addresses->ingest) == 0);
    must(address_parse(SLICE("10.0.0.1:8481"), &addresses->admin) == 0);
}

/* ---- threads ---- */

static void run_shard(void *context)
{
    struct worker *worker = context;
    struct engine *own = worker->engine;
    struct shard *shard = &own->shards[worker->number];
    char why[SHARD_WHY_SIZE];
    if (shard_open(shard, worker->number, &own->crew, &own->config, &own->recovery, why))
        world_fail("a shard cannot be opened: %s", why);
    worker->is_open = true;
    while (!shard->is_stopped) {
        uint64_t until_ns = shard_tick(shard);
        crew_turn(&own->crew, worker->number, shard->is_stopped ? 0 : until_ns);
    }
}

static void open_small_loop(struct worker *worker)
{
    const struct loop_options options = {.entries = 64, .buffers = 8, .buffer_bytes = 512};
    char why[LOOP_WHY_SIZE];
    must(loop_open(&worker->engine->crew.members[worker->number].loop, &options, why) == 0);
    worker->is_open = true;
}

static void run_writer(void *context)
{
    struct worker *worker = context;
    struct writer *writer = &worker->engine->writer;
    open_small_loop(worker);
    while (!writer->is_stopped) {
        uint64_t until_ns = writer_tick(writer);
        crew_turn(&worker->engine->crew, worker->number, until_ns);
    }
}

static void run_reader(void *context)
{
    struct worker *worker = context;
    struct reader *reader = &worker->engine->reader;
    open_small_loop(worker);
    while (!reader->is_stopped) {
        bool was_busy = reader_tick(reader);
        crew_turn(&worker->engine->crew, worker->number,
                  was_busy || reader->is_stopped ? 0 : UINT64_MAX);
    }
}

static void start_worker(struct engine *own, unsigned number, const char *name,
                         void (*run)(void *context))
{
    struct worker *worker = &own->workers[number];
    worker->engine = own;
    worker->number = number;
    worker->fiber = fiber_start(name, run, worker);
    while (!worker->is_open)
        fiber_wait(world_now_ns() + WORLD_US);
}

static void start_workers(struct engine *own)
{
    static const char *const names[] = {"shard-0", "shard-1", "shard-2", "shard-3"};
    start_worker(own, crew_writer(&own->crew), "writer", run_writer);
    start_worker(own, crew_reader(&own->crew), "reader", run_reader);
    for (unsigned i = 0; i < own->crew.shards; i++)
        start_worker(own, i, names[i], run_shard);
}

/* ---- the main thread ---- */

static void open_store(struct engine *own)
{
    const struct config *config = &own->config;
    const struct db_options options = {.shards = config->shards,
                                       .dedup_window_ms = config->idempotency_window_ms};
    const struct journal_options journal = {.sync = true};
    char why[DB_WHY_SIZE];
    if (db_open(&own->db, config->data, &options, why) ||
        recovery_run(own->db, config->shards, &own->recovery, NULL, why))
        world_fail("the store cannot be opened: %s", why);
    must(writer_open(&own->writer, &own->crew, own->db, &journal, config->idempotency_window_ms) ==
         0);
    must(reader_open(&own->reader, &own->crew, own->db) == 0);
}

static void run_control(struct engine *own, bool (*is_over)(const struct control *control))
{
    for (;;) {
        uint64_t until_ns = control_tick(own->control);
        if (is_over(own->control))
            return;
        crew_turn(&own->crew, crew_control(&own->crew), until_ns);
    }
}

static void serve_all(struct engine *own)
{
    struct crew *crew = &own->crew;
    unsigned self = crew_control(crew);
    for (unsigned i = 0; i < crew->shards; i++) {
        struct mail_serve *serve = &own->workers[i].serve;
        *serve = (struct mail_serve){.mail.kind = MAIL_SERVE, .listener = own->listeners[i]};
        crew_post(crew, self, i, &serve->mail);
    }
    for (unsigned left = crew->shards; left > 0;) {
        struct mail *mail = mailbox_take(&crew->members[self].mailbox);
        if (!mail)
            crew_turn(crew, self, UINT64_MAX);
        else if (mail->kind == MAIL_SERVE)
            left--;
        else
            control_take_mail(own->control, mail);
    }
    must(control_serve(own->control) == 0);
}

static void close_all(struct engine *own)
{
    struct crew *crew = &own->crew;
    for (unsigned i = 0; i < crew_control(crew); i++)
        while (!fiber_is_over(own->workers[i].fiber))
            fiber_wait(world_now_ns() + 10 * WORLD_US);
    for (unsigned i = 0; i < crew->shards; i++)
        shard_close(&own->shards[i]);
    control_close(own->control);
    loop_close(crew->members[crew_writer(crew)].loop);
    loop_close(crew->members[crew_reader(crew)].loop);
    writer_close(&own->writer);
    reader_close(&own->reader);
    db_close(own->db);
    free(own->shards);
}

static bool is_loaded_or_stopped(const struct control *control)
{
    return control_is_loaded(control) || control_is_stopped(control);
}

static void run_main(void *context)
{
    struct engine *own = context;
    char why[CONTROL_WHY_SIZE];
    open_store(own);
    for (unsigned i = 0; i < own->crew.shards; i++)
        own->listeners[i] = loop_listen(&own->config.ingest, true, &own->config.ingest);
    start_workers(own);
    if (control_open(&own->control, &own->config, &own->crew, own->db, why))
        world_fail("control cannot be opened: %s", why);
    control_load_shards(own->control);
    run_control(own, is_loaded_or_stopped);
    if (!control_is_stopped(own->control)) {
        serve_all(own);
        own->is_ready = true;
        world_say("ready");
        run_control(own, control_is_stopped);
    }
    own->is_ready = false;
    close_all(own);
    world_say("stopped");
}

/* ---- from outside ---- */

static void configure(struct config *config, unsigned shards)
{
    char count[8];
    snprintf(count, sizeof count, "%u", shards);
    const char *const arguments[] = {
        "grapnel",
        "--data",
        ".",
        "--ingest",
        "10.0.0.1:8480",
        "--admin",
        "10.0.0.1:8481",
        "--allow-network",
        "10.0.0.0/8",
        "--storage-free-min",
        "0",
        "--memory",
        "128M",
        "--shutdown-timeout",
        world_one_in(3) ? "10s" : "1s",
        "--shards",
        count,
    };
    enum { COUNT = sizeof arguments / sizeof *arguments };
    char *copies[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        must((copies[i] = strdup(arguments[i])));
    must(config_load(config, COUNT, copies, stdout, stderr) == CONFIG_RUN);
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
}

void machine_start(unsigned shards)
{
    must(!engine);
    world_say("start with %u shards", shards);
    starts++;
    started_ns = world_now_ns();
    engine = calloc(1, sizeof *engine);
    must(engine);
    configure(&engine->config, shards);
    crew_init(&engine->crew, shards);
    engine->shards = calloc(shards, sizeof *engine->shards);
    must(engine->shards);
    engine->workers[crew_control(&engine->crew)].fiber = fiber_start("control", run_main, engine);
}

const char *machine_key(void)
{
    static char text[PRIVATE_FILE_MAX];
    size_t size;
    must(private_file_read("./admin.key", text, &size) == 0 && size > 0);
    text[size - 1] = '\0'; /* the end of its line */
    return text;
}

bool machine_is_ready(void)
{
    return engine && engine->is_ready;
}

static struct fiber *main_fiber(void)
{
    return engine->workers[crew_control(&engine->crew)].fiber;
}

bool machine_is_up(void)
{
    return engine && !fiber_is_over(main_fiber());
}

bool machine_is_stopping(void)
{
    return engine && engine->is_stopping;
}

void machine_stop(void)
{
    world_say("stop");
    engine->is_stopping = true;
    loop_raise(SIGTERM);
}

static void clear_signals(void)
{
    sigset_t set;
    const struct timespec at_once = {0};
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    while (sigtimedwait(&set, NULL, &at_once) > 0)
        ;
}

void machine_crash(void)
{
    bool was_up = machine_is_up();
    world_say(was_up ? "crash" : "off");
    crashes += was_up;
    engine = NULL;
    fiber_kill_all();
    network_crash();
    disk_crash();
    clear_signals();
}

unsigned machine_crashes(void)
{
    return crashes;
}

unsigned machine_starts(void)
{
    return starts;
}

uint64_t machine_started_ns(void)
{
    return started_ns;
}

/* ---- what is left ---- */

bool machine_is_quiet(void)
{
    if (!machine_is_ready())
        return false;
    for (unsigned i = 0; i < engine->crew.shards; i++) {
        const struct shard *shard = &engine->shards[i];
        if (shard->deliveries.pool.used || shard->attempts.used || shard->intake.blocks.used ||
            shard->outcomes.batches.used || shard->paging.fetches.used)
            return false;
    }
    return true;
}

void machine_say_load(void)
{
    for (unsigned i = 0; machine_is_up() && i < engine->crew.shards; i++) {
        const struct shard *shard = &engine->shards[i];
        world_say("shard %u: %zu deliveries, %lu waiting, %zu attempts, %zu blocks, %zu outcomes, "
                  "%zu fetches",
                  i, shard->deliveries.pool.used, shard->deliveries.waiting, shard->attempts.used,
                  shard->intake.blocks.used, shard->outcomes.batches.used,
                  shard->paging.fetches.used);
    }
}

/* A page is asked for as long as a quarter of the arena is not full, and weighs at most this. */
enum { PAGES_OUT_MAX = 16, PAGE_BYTES_MAX = 2 << 20 };

static void each_endpoint(const struct shard *shard,
                          void (*act)(const struct shard *shard, const struct endpoint *endpoint))
{
    struct table_node *node = table_walk(&shard->endpoints.table, NULL);
    for (; node; node = table_walk(&shard->endpoints.table, node))
        act(shard, container_of(node, struct endpoint, node));
}

static void check_flow(const struct shard *shard, const struct endpoint *endpoint)
{
    if (endpoint->ready_count > endpoint->in_memory)
        world_fail("shard %u: an endpoint has %u ready of %u", shard->number, endpoint->ready_count,
                   endpoint->in_memory);
    if (endpoint->in_memory > shard->deliveries.pool.used)
        world_fail("shard %u: an endpoint holds %u of %zu deliveries", shard->number,
                   endpoint->in_memory, shard->deliveries.pool.used);
}

void machine_check_bounds(void)
{
    for (unsigned i = 0; machine_is_ready() && i < engine->crew.shards; i++) {
        const struct shard *shard = &engine->shards[i];
        size_t arena = shard->memory.arena_size, held = shard->deliveries.fetched_bytes;
        size_t loads = shard->paging.fetches.used * (size_t)PAGE_BYTES_MAX;
        if (shard->memory.used > arena)
            world_fail("shard %u has %zu bytes of %zu in use", i, shard->memory.used, arena);
        if (held > arena / 4 + PAGES_OUT_MAX * (size_t)PAGE_BYTES_MAX + loads)
            world_fail("shard %u holds %zu bytes of events read back", i, held);
        if (shard->paging.parked_out > PAGES_OUT_MAX)
            world_fail("shard %u has asked for %u pages", i, shard->paging.parked_out);
        each_endpoint(shard, check_flow);
    }
}

static void check_calm(const struct shard *shard, const struct endpoint *endpoint)
{
    if (endpoint->gate.in_flight || endpoint->in_memory)
        world_fail("shard %u is quiet, but an endpoint has %u attempts and %u deliveries",
                   shard->number, endpoint->gate.in_flight, endpoint->in_memory);
}

static void check(unsigned shard, const char *what, uint64_t left)
{
    if (left)
        world_fail("shard %u is quiet, but %lu %s are taken", shard, left, what);
}

void machine_check_pools(void)
{
    for (unsigned i = 0; i < engine->crew.shards; i++) {
        const struct shard *shard = &engine->shards[i];
        check(i, "claims", shard->intake.claims.used);
        check(i, "receipts", shard->intake.receipts.used);
        check(i, "deliveries that wait", shard->deliveries.waiting);
        check(i, "bytes of events read back", shard->deliveries.fetched_bytes);
        check(i, "entries of rows", shard->deliveries.with_rows.count);
        check(i, "deliveries without a trace", list_is_linked(&shard->deliveries.young));
        check(i, "blocks half walked", list_is_linked(&shard->deliveries.shares));
        check(i, "attempts in doubt", shard->turns.doubtful);
        each_endpoint(shard, check_calm);
    }
}
