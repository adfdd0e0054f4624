/* control.c - see control.h.
 *
 * Life:   control_open -> LOADING --all of meta is with the shards--> RUNNING
 *
 *         RUNNING --control_stop()--> DRAINING --no connection, no change on its way (or time is
 *         up)--> SHARDS --all have stopped--> WRITER --> READER --> ENDING --nothing of ours is
 *         busy on the loop--> STOPPED
 *
 * advance_stop() makes each step; it looks at what is there, so nothing else has to know the order.
 * When shutdown_timeout is over, or at a second control_stop(), the rest is told to stop at once.
 *
 * A disk that has too little room left is told to the shards, which then take no more events
 * in. A database that can make nothing durable any more ends the process: starting again is
 * the tested way back.
 */
#include "control.h"

#include "api/api.h"
#include "base/clock.h"
#include "disk_space.h"
#include "mail.h"
#include "meta.h"
#include "net/wheel.h"
#include "observer.h"
#include "replays.h"
#include "report.h"
#include "requester.h"
#include "sandbox.h"
#include "signals.h"
#include "watchdog.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOAD_MAX = 256, /* objects on their way to the shards while starting */
    WATCH_MS = 1000,
    DRAIN_MS = 1000, /* for answers of the admin port still to be fetched */
    NS_PER_MS = 1000000,
};

enum phase { LOADING, RUNNING, DRAINING, SHARDS, WRITER, READER, ENDING, STOPPED };

struct control {
    struct config config;                         /* as it is now: a reload changes this copy */
    struct config *settings_used, *settings_sent; /* copies that the shards have, or are to have */
    struct crew *crew;
    struct db *db;
    unsigned self;
    struct loop *loop;
    struct wheel wheel;
    struct meta meta;
    struct replays replays;
    struct observer observer;
    struct health health;
    struct control_metrics metrics;
    struct watchdog watchdog;
    struct api *api;
    struct sandbox *sandbox;
    struct tls_context *tls;
    int listener; /* -1: the server has it */
    struct signals signals;
    struct timer watch;

    size_t load_at; /* over tenants, keys and subscriptions, in this order */
    uint64_t drain_until_ms, stop_until_ms;
    struct mail_stop stops[CREW_MAX], hurries[CREW_MAX];
    enum phase phase;
    unsigned stop_left; /* of those that were told to stop in this phase */
    bool has_stopped[CREW_MAX];
    bool hurried;
};

static const struct storage_state storage_low = {.low = true}, storage_fine = {.low = false};

static uint64_t now_ms(void)
{
    return clock_monotonic_ns() / NS_PER_MS;
}

/* ---- watching the storage ---- */

static _Noreturn void no_memory(void)
{
    LOG(LOG_ERROR, "out of memory: stopping at once");
    _exit(1);
}

static bool is_storage_low(const struct control *control)
{
    return disk_space_is_low(control->config.data, control->config.storage_free_min_bytes,
                             control->health.storage_low);
}

static void watch_storage(struct control *control)
{
    bool is_low = is_storage_low(control);
    if (is_low == control->health.storage_low)
        return;
    control->health.storage_low = is_low;
    if (is_low)
        observer_storage_low(&control->observer, &control->config);
    else
        LOG(LOG_WARN, "there is enough free space on the disk again: events are accepted");
    if (changes_send(&control->meta.changes, DIRECTORY_STORAGE,
                     is_low ? &storage_low : &storage_fine, NULL, NULL))
        no_memory();
}

static void on_watch(struct timer *timer)
{
    struct control *control = container_of(timer, struct control, watch);
    if (!db_healthy(control->db)) {
        LOG(LOG_ERROR, "the database can make nothing durable any more: stopping at once");
        _exit(1);
    }
    if (control->phase <= RUNNING)
        watch_storage(control);
    if (control->phase == RUNNING) {
        meta_tidy(&control->meta, &control->config, clock_wall_ms());
        watchdog_turn(&control->watchdog, control->wheel.now_ms);
    }
    wheel_arm(&control->wheel, &control->watch, control->wheel.now_ms + WATCH_MS);
}

/* ---- signals ---- */

static void on_signal(struct signals *signals, uint32_t number)
{
    struct control *control = container_of(signals, struct control, signals);
    if (number == SIGHUP) {
        control_reload(control);
        return;
    }
    if (control->phase >= DRAINING) {
        LOG(LOG_WARN, "a second signal: stopping at once");
        _exit(1);
    }
    LOG(LOG_INFO, "stopping", log_str("signal", strsignal((int)number)));
    control_stop(control);
}

/* ---- opening and closing ---- */

static int open_tls(struct control *control, struct tls_context **tls,
                    char why[static CONTROL_WHY_SIZE])
{
    char tls_why[TLS_WHY_SIZE];
    *tls = NULL;
    if (control->config.tls_cert[0] == '\0')
        return 0;
    int error = tls_server_open(tls, control->config.tls_cert, control->config.tls_key, tls_why);
    if (error)
        snprintf(why, CONTROL_WHY_SIZE, "%s", tls_why);
    return error;
}

static int open_listener(struct control *control, struct config *config,
                         char why[static CONTROL_WHY_SIZE])
{
    char text[ADDRESS_TEXT_SIZE];
    struct address bound;
    int fd = loop_listen(&config->admin, false, &bound);
    if (fd < 0) {
        snprintf(why, CONTROL_WHY_SIZE, "cannot listen on %s (admin): %s",
                 address_print(&config->admin, text).at, strerror(-fd));
        return fd;
    }
    control->listener = fd;
    config->admin = control->config.admin = bound;
    return 0;
}

static int open_loop(struct control *control, char why[static CONTROL_WHY_SIZE])
{
    const struct loop_options options = {.entries = 256, .buffers = 128, .buffer_bytes = 16384};
    char loop_why[LOOP_WHY_SIZE];
    int error = loop_open(&control->loop, &options, loop_why);
    if (error)
        snprintf(why, CONTROL_WHY_SIZE, "%.*s", CONTROL_WHY_SIZE - 1, loop_why);
    else
        control->crew->members[control->self].loop = control->loop;
    return error;
}

static int open_api(struct control *control)
{
    const struct api_parts parts = {
        .crew = control->crew,
        .wheel = &control->wheel,
        .db = control->db,
        .registry = &control->meta.registry,
        .changes = &control->meta.changes,
        .audit = &control->meta.audit,
        .rekey = &control->meta.rekey,
        .replays = &control->replays,
        .observer = &control->observer,
        .config = &control->config,
        .health = &control->health,
        .metrics = &control->metrics,
        .watchdog = &control->watchdog,
    };
    int error = api_open(&control->api, &parts);
    if (!error && control->config.sandbox)
        error = sandbox_open(&control->sandbox, &control->meta.registry);
    return error;
}

int control_open(struct control **made, struct config *config, struct crew *crew, struct db *db,
                 char why[static CONTROL_WHY_SIZE])
{
    struct control *control = calloc(1, sizeof *control);
    snprintf(why, CONTROL_WHY_SIZE, "out of memory");
    if (!control)
        return -ENOMEM;
    control->config = *config;
    control->crew = crew;
    control->db = db;
    control->self = crew_control(crew);
    control->listener = -1;
    wheel_init(&control->wheel, now_ms());
    timer_init(&control->watch, on_watch);
    watchdog_init(&control->watchdog, crew, getenv("WATCHDOG_USEC"), control->wheel.now_ms);

    int error = open_loop(control, why);
    signals_init(&control->signals, control->loop, on_signal);
    if (!error)
        error = meta_open(&control->meta, &control->config, crew, db, why);
    if (!error)
        error = observer_open(&control->observer, crew, db, &control->meta.registry);
    if (!error)
        error = replays_open(&control->replays, &control->meta.changes, &control->config, why);
    if (!error)
        error = open_tls(control, &control->tls, why);
    if (!error)
        error = open_api(control);
    if (!error)
        error = open_listener(control, config, why);
    if (!error)
        error = signals_open(&control->signals);
    if (error) {
        control_close(control);
        return error;
    }
    control->health.storage_low = is_storage_low(control);
    if (control->health.storage_low) /* it may have been so before, and the alert was lost */
        observer_storage_low(&control->observer, &control->config);
    wheel_arm(&control->wheel, &control->watch, control->wheel.now_ms + WATCH_MS);
    *made = control;
    return 0;
}

static bool is_busy(const struct control *control)
{
    const struct http_server *server = control->api ? api_server(control->api) : NULL;
    return signals_are_busy(&control->signals) ||
           (server && (!http_server_idle(server) || http_server_connections(server) > 0));
}

/* What is on the loop has to end before memory and loop go. */
static void quiet(struct control *control)
{
    if (control->api)
        http_server_stop(api_server(control->api));
    signals_stop(&control->signals);
    while (is_busy(control)) {
        wheel_advance(&control->wheel, now_ms());
        loop_turn(control->loop, clock_monotonic_ns() + NS_PER_MS);
    }
}

void control_close(struct control *control)
{
    if (!control)
        return;
    if (control->loop) {
        quiet(control);
        if (control->listener >= 0)
            loop_close_socket(control->loop, control->listener);
    }
    free(control->settings_used);
    free(control->settings_sent);
    api_close(control->api);
    sandbox_close(control->sandbox);
    tls_context_close(control->tls);
    replays_close(&control->replays);
    observer_close(&control->observer);
    meta_close(&control->meta);
    signals_close(&control->signals);
    if (control->loop)
        loop_close(control->loop);
    free(control);
}

/* ---- starting ---- */

/* The next object of meta that the shards have to know; false when they have all. */
static bool next_to_load(struct control *control, enum directory_kind *kind, const void **object)
{
    static const enum directory_kind kinds[] = {DIRECTORY_TENANT, DIRECTORY_KEY,
                                                DIRECTORY_SUBSCRIPTION, DIRECTORY_EVENT_TYPE};
    const struct shelf *shelves[] = {&control->meta.registry.tenants, &control->meta.registry.keys,
                                     &control->meta.registry.subscriptions,
                                     &control->meta.registry.event_types};
    size_t at = control->load_at++;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (at < shelves[i]->count) {
            *kind = kinds[i];
            *object = shelves[i]->items[at];
            return true;
        }
        at -= shelves[i]->count;
    }
    *kind = DIRECTORY_STORAGE;
    *object = control->health.storage_low ? &storage_low : &storage_fine;
    return at == 0;
}

static void go_on_loading(struct control *control)
{
    enum directory_kind kind;
    const void *object;
    while (control->meta.changes.in_flight < LOAD_MAX) {
        if (!next_to_load(control, &kind, &object)) {
            if (control->meta.changes.in_flight)
                return;
            control->phase = RUNNING;
            control->health.loaded = true;
            return;
        }
        if (changes_send(&control->meta.changes, kind, object, NULL, NULL))
            no_memory();
    }
}

void control_load_shards(struct control *control)
{
    must(control->phase == LOADING);
    go_on_loading(control);
}

bool control_is_loaded(const struct control *control)
{
    return control->health.loaded;
}

int control_serve(struct control *control)
{
    int fd = control->listener;
    control->listener = -1;
    return http_server_listen(api_server(control->api), fd, control->tls);
}

/* ---- mail ---- */

static void send_back(struct control *control, struct mail *mail)
{
    crew_post(control->crew, control->self, mail->from, mail);
}

static void on_ask(struct control *control, struct mail_ask *ask)
{
    if (control->sandbox) {
        sandbox_answer(control->sandbox, ask);
    } else {
        ask->status = 404;
        ask->content_type = "text/plain";
        ask->answer = NULL;
        ask->answer_size = 0;
    }
    send_back(control, &ask->mail);
}

static void on_report(struct control *control, struct mail_report *report)
{
    if (control->phase <= DRAINING)
        report_apply(report, &control->meta.changes);
    if (control->phase == RUNNING)
        observer_reported(&control->observer, report); /* and sends it back */
    else
        send_back(control, &report->mail);
}

void control_take_mail(struct control *control, struct mail *mail)
{
    switch ((enum mail_kind)mail->kind) {
    case MAIL_DIRECTORY:
        changes_answered(&control->meta.changes, container_of(mail, struct mail_directory, mail));
        break;
    case MAIL_FIGURES:
        api_figures_answered(control->api, container_of(mail, struct mail_figures, mail));
        break;
    case MAIL_PING:
        watchdog_answered(&control->watchdog, control->wheel.now_ms);
        break;
    case MAIL_STATS:
        api_stats_answered(control->api, container_of(mail, struct mail_stats, mail));
        break;
    case MAIL_REDELIVER:
        redeliveries_answered(container_of(mail, struct mail_redeliver, mail));
        break;
    case MAIL_FORGET:
        api_forgotten(container_of(mail, struct mail_forget, mail));
        break;
    case MAIL_PUBLISH:
        if (!alerts_published(&control->observer.alerts,
                              container_of(mail, struct mail_publish, mail)))
            api_published(control->api, container_of(mail, struct mail_publish, mail));
        break;
    case MAIL_ASK:
        on_ask(control, container_of(mail, struct mail_ask, mail));
        break;
    case MAIL_REPORT:
        on_report(control, container_of(mail, struct mail_report, mail));
        break;
    case MAIL_USES:
        last_use_take(&control->meta.uses, container_of(mail, struct mail_uses, mail));
        send_back(control, mail);
        break;
    case MAIL_STOP: /* either of two, if it was told twice */
        control->stop_left -= !control->has_stopped[mail->from];
        control->has_stopped[mail->from] = true;
        break;
    default:
        must(false);
    }
}

/* ---- stopping ---- */

static void tell(struct control *control, struct mail_stop *stop, unsigned member, bool now)
{
    stop->mail.kind = MAIL_STOP;
    stop->now = now;
    crew_post(control->crew, control->self, member, &stop->mail);
}

static void tell_to_stop(struct control *control, enum phase phase, unsigned first, unsigned count)
{
    control->phase = phase;
    control->stop_left = count;
    for (unsigned member = first; member < first + count; member++)
        tell(control, &control->stops[member], member, control->hurried);
}

static void hurry(struct control *control)
{
    if (control->hurried)
        return;
    control->hurried = true;
    if (control->phase != SHARDS)
        return;
    for (unsigned shard = 0; shard < control->crew->shards; shard++)
        if (!control->has_stopped[shard])
            tell(control, &control->hurries[shard], shard, true);
}

static bool is_drained(const struct control *control)
{
    bool is_over = control->hurried || control->wheel.now_ms >= control->drain_until_ms;
    return (is_over || http_server_connections(api_server(control->api)) == 0) &&
           control->meta.changes.in_flight == 0;
}

/* One step, if it is time for it. */
static void advance_stop(struct control *control)
{
    struct crew *crew = control->crew;
    if (control->phase >= DRAINING && control->wheel.now_ms >= control->stop_until_ms)
        hurry(control);
    if (control->phase == DRAINING && is_drained(control)) {
        http_server_stop(api_server(control->api));
        tell_to_stop(control, SHARDS, 0, crew->shards);
    } else if (control->phase == SHARDS && control->stop_left == 0) {
        last_use_finish(&control->meta.uses);
        tell_to_stop(control, WRITER, crew_writer(crew), 1);
    } else if (control->phase == WRITER && control->stop_left == 0) {
        tell_to_stop(control, READER, crew_reader(crew), 1);
    } else if (control->phase == READER && control->stop_left == 0) {
        control->phase = ENDING;
        signals_stop(&control->signals);
    } else if (control->phase == ENDING && !is_busy(control)) {
        control->phase = STOPPED;
    }
}

void control_stop(struct control *control)
{
    if (control->phase >= DRAINING) {
        hurry(control);
        return;
    }
    control->phase = DRAINING;
    control->health.stopping = true;
    uint64_t since_ms = now_ms();
    control->drain_until_ms = since_ms + DRAIN_MS;
    control->stop_until_ms = since_ms + control->config.shutdown_timeout_ms;
    http_server_drain(api_server(control->api));
}

bool control_is_stopped(const struct control *control)
{
    return control->phase == STOPPED;
}

/* ---- reloading ---- */

static void reload_tls(struct control *control)
{
    char why[CONTROL_WHY_SIZE];
    struct tls_context *fresh;
    if (open_tls(control, &fresh, why)) {
        LOG(LOG_ERROR, "the certificate is kept as it was", log_str("why", why));
        return;
    }
    if (fresh) {
        http_server_set_tls(api_server(control->api), fresh);
        tls_context_close(control->tls);
        control->tls = fresh;
    }
}

static void on_settings_used(void *context)
{
    struct control *control = context;
    free(control->settings_used);
    control->settings_used = control->settings_sent;
    control->settings_sent = NULL;
}

static void send_settings(struct control *control)
{
    struct config *copy = control->settings_sent ? NULL : malloc(sizeof *copy);
    if (copy)
        *copy = control->config;
    if (!copy ||
        changes_send(&control->meta.changes, DIRECTORY_SETTINGS, copy, on_settings_used, control)) {
        free(copy);
        LOG(LOG_ERROR, "the shards keep their configuration: try again");
        return;
    }
    control->settings_sent = copy;
}

void control_reload(struct control *control)
{
    if (config_reload(&control->config, stderr)) {
        LOG(LOG_ERROR, "the configuration is kept as it was");
        return;
    }
    log_set(control->config.log_level, control->config.log_format);
    reload_tls(control);
    send_settings(control);
    LOG(LOG_INFO, "the configuration was read again");
}

/* Does what is due; returns when to be called next. */
static uint64_t turn(struct control *control)
{
    struct mail *mail;
    while ((mail = mailbox_take(&control->crew->members[control->self].mailbox)) != NULL)
        control_take_mail(control, mail);
    if (control->phase == LOADING)
        go_on_loading(control);
    uint64_t turn_ms =
        replays_turn(&control->replays, control->wheel.now_ms, control->phase >= DRAINING);
    uint64_t observe_ms = control->phase == RUNNING
                              ? observer_turn(&control->observer, control->wheel.now_ms)
                              : UINT64_MAX;
    bool is_rekeying = control->phase == RUNNING && rekey_turn(&control->meta.rekey);
    advance_stop(control);
    if (is_rekeying)
        return 0;

    uint64_t next_ms = wheel_next_ms(&control->wheel);
    if (turn_ms < next_ms)
        next_ms = turn_ms;
    if (observe_ms < next_ms)
        next_ms = observe_ms;
    if (control->phase == DRAINING && control->drain_until_ms < next_ms)
        next_ms = control->drain_until_ms;
    if (control->phase >= DRAINING && !control->hurried && control->stop_until_ms < next_ms)
        next_ms = control->stop_until_ms;
    return next_ms == WHEEL_NEVER ? UINT64_MAX : next_ms * NS_PER_MS;
}

uint64_t control_tick(struct control *control)
{
    uint64_t since_ns = clock_monotonic_ns();
    wheel_advance(&control->wheel, since_ns / NS_PER_MS);
    uint64_t until_ns = turn(control);
    histogram_add(&control->metrics.turn_us, (clock_monotonic_ns() - since_ns) / 1000);
    return until_ns;
}
