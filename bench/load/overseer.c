/* overseer.c - see overseer.h. */
#include "bench/load/overseer.h"

#include "base/clock.h"
#include "base/priority.h"
#include "base/semaphore.h"
#include "bench/load/admin.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NS_PER_US = 1000,
    SCRAPE_NS = 1000000000,
    PATH_SIZE = 512,
    BODY_SIZE = 256,
};

#define DELIVERIES "/api/v1/webhooks/deliveries?limit=250"

struct overseer {
    const struct overseer_options *options;
    pthread_t thread;
    sem_t told, rests; /* to manage or to end; that it does not manage any more */
    atomic_bool has_to_rest, has_to_end;
    bool has_replayed;
    uint64_t scrape_ns; /* when the next is due */
    int error;
    char why[ADMIN_WHY_SIZE];
    struct overseer_counts counts;
    char replay[ADMIN_MEMBER_SIZE]; /* its id */
    struct admin admin;
};

/* The heaviest: what is rare or is not there at all has to be looked for, until the budget of a
 * page is used up. */
static const char *const lists[] = {
    DELIVERIES,
    DELIVERIES "&status=dead",
    DELIVERIES "&status=failed",
    DELIVERIES "&status=pending",
    DELIVERIES "&status=delivered",
    DELIVERIES "&type=nobody.sends.this",
    "/api/v1/webhooks/events?limit=250&type=nobody.sends.this",
    "/api/v1/webhooks/events?limit=250",
};

static int ask(struct overseer *overseer, const char *method, const char *path, const char *body)
{
    return admin_ask(&overseer->admin, method, path, slice_str(body), overseer->why);
}

static int begin_replay(struct overseer *overseer)
{
    char body[BODY_SIZE];
    snprintf(body, sizeof body, "{\"subscription\":\"%s\",\"since\":\"2000-01-01T00:00:00Z\"}",
             overseer->options->replayed);
    int error = ask(overseer, "POST", "/api/v1/webhooks/replays", body);
    return error ? error : admin_member(&overseer->admin, "id", overseer->replay);
}

static int look_at_replay(struct overseer *overseer)
{
    char path[PATH_SIZE], status[ADMIN_MEMBER_SIZE], why[JSON_WHY_SIZE];
    struct admin *admin = &overseer->admin;
    struct json_value root, handed;
    snprintf(path, sizeof path, "/api/v1/webhooks/replays/%s", overseer->replay);
    int error = ask(overseer, "GET", path, "");
    if (!error)
        error = admin_member(admin, "status", status);
    if (!error)
        error = json_read(admin->json, slice_of(admin->answer, admin->answer_size), &root, why);
    if (error)
        return error;
    if (!json_get(root, "handed", &handed) || !json_u64(handed, &overseer->counts.handed))
        return -EINVAL;
    snprintf(overseer->counts.replay, OVERSEER_STATUS_SIZE, "%.*s", OVERSEER_STATUS_SIZE - 1,
             status);
    overseer->has_replayed = strcmp(status, "running") != 0;
    return 0;
}

static int set_replayed(struct overseer *overseer, const char *how)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "/api/v1/webhooks/subscriptions/%s/%s", overseer->options->replayed,
             how);
    return ask(overseer, "POST", path, "");
}

static int scrape(struct overseer *overseer)
{
    struct overseer_counts *counts = &overseer->counts;
    int error = ask(overseer, "GET", "/metrics", "");
    if (!error)
        error = look_at_replay(overseer);
    if (!error)
        counts->scrapes++;
    return error;
}

static int go_on(struct overseer *overseer)
{
    struct overseer_counts *counts = &overseer->counts;
    uint64_t begun_ns = clock_monotonic_ns();
    if (begun_ns >= overseer->scrape_ns) {
        overseer->scrape_ns = begun_ns + SCRAPE_NS;
        return scrape(overseer);
    }
    int error = ask(overseer, "GET", lists[counts->lists % (sizeof lists / sizeof lists[0])], "");
    uint64_t took_us = (clock_monotonic_ns() - begun_ns) / NS_PER_US;
    counts->lists++;
    if (took_us > counts->list_max_us)
        counts->list_max_us = took_us;
    return error;
}

static int manage(struct overseer *overseer)
{
    int error = overseer->replay[0] ? set_replayed(overseer, "resume") : begin_replay(overseer);
    while (!error && !atomic_load_explicit(&overseer->has_to_rest, memory_order_relaxed))
        error = go_on(overseer);
    if (!error)
        error = set_replayed(overseer, "pause");
    return error ? error : look_at_replay(overseer);
}

/* Until it has to end; after an error it only waits for that. */
static void work(struct overseer *overseer)
{
    for (;;) {
        semaphore_await(&overseer->told);
        if (atomic_load_explicit(&overseer->has_to_end, memory_order_relaxed))
            return;
        if (!overseer->error)
            overseer->error = manage(overseer);
        sem_post(&overseer->rests);
    }
}

static void *thread_main(void *context)
{
    struct overseer *overseer = context;
    const struct loop_options sizes = {.entries = 64, .buffers = 64, .buffer_bytes = 16384};
    struct lane_target target = {NULL, overseer->options->admin, NULL, SLICE("127.0.0.1"), true};
    priority_give_way(); /* it would be on another machine */
    overseer->error = loop_open(&target.loop, &sizes, overseer->why);
    if (!overseer->error)
        overseer->error = admin_open(&overseer->admin, &target, slice_str(overseer->options->key));
    bool is_open = !overseer->error;
    work(overseer);
    if (is_open)
        admin_close(&overseer->admin);
    if (target.loop)
        loop_close(target.loop);
    return NULL;
}

static void forget(struct overseer *overseer)
{
    sem_destroy(&overseer->told);
    sem_destroy(&overseer->rests);
    free(overseer);
}

int overseer_open(struct overseer **made, const struct overseer_options *options)
{
    struct overseer *overseer = calloc(1, sizeof *overseer);
    if (!overseer)
        return -ENOMEM;
    overseer->options = options;
    sem_init(&overseer->told, 0, 0);
    sem_init(&overseer->rests, 0, 0);
    int error = pthread_create(&overseer->thread, NULL, thread_main, overseer);
    if (error) {
        forget(overseer);
        return -error;
    }
    *made = overseer;
    return 0;
}

void overseer_manage(struct overseer *overseer)
{
    atomic_store_explicit(&overseer->has_to_rest, false, memory_order_relaxed);
    sem_post(&overseer->told);
}

int overseer_rest(struct overseer *overseer, struct overseer_counts *counts,
                  char why[static OVERSEER_WHY_SIZE])
{
    atomic_store_explicit(&overseer->has_to_rest, true, memory_order_relaxed);
    semaphore_await(&overseer->rests);
    *counts = overseer->counts;
    if (overseer->error)
        snprintf(why, OVERSEER_WHY_SIZE, "%.*s", OVERSEER_WHY_SIZE - 1, overseer->why);
    return overseer->error;
}

bool overseer_has_replayed(const struct overseer *overseer)
{
    return overseer->has_replayed;
}

void overseer_close(struct overseer *overseer)
{
    atomic_store_explicit(&overseer->has_to_end, true, memory_order_relaxed);
    sem_post(&overseer->told);
    pthread_join(overseer->thread, NULL);
    forget(overseer);
}
