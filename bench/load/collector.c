/* collector.c - see collector.h. */
#include "bench/load/collector.h"

#include "base/clock.h"
#include "base/semaphore.h"
#include "bench/load/receiver.h"
#include "bench/load/stamp.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECTIONS_MAX = 16384,
    TURN_NS = 50 * 1000 * 1000,
    BODY_SPARE = 64 * 1024,
};

struct collector {
    struct collector_options options;
    pthread_t thread;
    sem_t started;
    int error;
    char why[LOOP_WHY_SIZE];
    struct histogram receive_us;
    struct histogram *_Atomic wanted; /* where to put it; NULL: nobody asks */
    sem_t taken;
    atomic_bool stopping;
    _Atomic uint64_t requests, delivered, bad_signatures, strays, last_ns;
};

/* One writer, so no atomic addition is needed. */
static void count(_Atomic uint64_t *counter)
{
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

/* ---- a delivery ---- */

/* The three fields of Standard Webhooks. False if one is missing. */
static bool find_fields(const struct http_head *head, struct signature_message *message,
                        struct slice *signature)
{
    const struct slice id = SLICE("webhook-id");
    const struct slice timestamp = SLICE("webhook-timestamp");
    const struct slice signed_by = SLICE("webhook-signature");
    *signature = (struct slice){0};
    for (unsigned i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        if (slice_equal_nocase(header->name, id))
            message->id = header->value;
        else if (slice_equal_nocase(header->name, timestamp))
            message->timestamp = header->value;
        else if (slice_equal_nocase(header->name, signed_by))
            *signature = header->value;
    }
    return message->id.size && message->timestamp.size && signature->size;
}

static bool find_subscription(const struct collector *collector, struct slice target,
                              unsigned *subscription)
{
    unsigned long number;
    if (!slice_starts_with(target, SLICE("/s/")) || !slice_to_u64(slice_skip(target, 3), &number) ||
        number >= collector->options.subscriptions)
        return false;
    *subscription = (unsigned)number;
    return true;
}

static void enter_in_ledger(struct collector *collector, struct slice body, unsigned subscription)
{
    struct stamp stamp;
    if (!stamp_read(body, &stamp)) {
        count(&collector->strays);
        return;
    }
    switch (ledger_deliver(collector->options.ledger, stamp.number, subscription)) {
    case DELIVERY_FIRST: {
        uint64_t now_ns = clock_monotonic_ns();
        histogram_add(&collector->receive_us,
                      now_ns > stamp.sent_ns ? (now_ns - stamp.sent_ns) / 1000 : 0);
        atomic_store_explicit(&collector->last_ns, now_ns, memory_order_relaxed);
        count(&collector->delivered);
        break;
    }
    case DELIVERY_AGAIN: /* the audit counts them */
        break;
    case DELIVERY_STRAY:
        count(&collector->strays);
        break;
    }
}

static struct receiver_reply on_request(void *context, const struct receiver_request *request)
{
    struct collector *collector = context;
    count(&collector->requests);
    unsigned subscription;
    if (!find_subscription(collector, request->head->target, &subscription)) {
        count(&collector->strays);
        return (struct receiver_reply){.status = 404};
    }
    struct signature_message message = {.body = request->body};
    struct slice signature;
    if (!find_fields(request->head, &message, &signature) ||
        !signature_matches(&collector->options.keys[subscription], &message, signature)) {
        count(&collector->bad_signatures);
        return (struct receiver_reply){.status = 200};
    }
    if (subscription < collector->options.hanging)
        return (struct receiver_reply){.fate = RECEIVER_HANG};
    if (subscription < collector->options.hanging + collector->options.failing)
        return (struct receiver_reply){.status = 500};
    if (subscription >= collector->options.unjudged)
        enter_in_ledger(collector, request->body, subscription);
    return (struct receiver_reply){.status = 200};
}

/* ---- the thread ---- */

static void hand_over(struct collector *collector)
{
    struct histogram *wanted = atomic_load_explicit(&collector->wanted, memory_order_acquire);
    if (!wanted)
        return;
    histogram_merge(wanted, &collector->receive_us);
    histogram_init(&collector->receive_us);
    atomic_store_explicit(&collector->wanted, NULL, memory_order_relaxed);
    sem_post(&collector->taken);
}

static void serve(struct collector *collector, struct receiver *receiver)
{
    sem_post(&collector->started);
    while (!atomic_load_explicit(&collector->stopping, memory_order_relaxed)) {
        receiver_turn(receiver, clock_monotonic_ns() + TURN_NS);
        hand_over(collector);
    }
}

static int open_tls(struct collector *collector, struct tls_context **tls)
{
    char why[TLS_WHY_SIZE];
    if (!collector->options.certificate)
        return 0;
    int error = tls_server_open(tls, collector->options.certificate, collector->options.key, why);
    if (error)
        snprintf(collector->why, sizeof collector->why, "%s", why);
    return error;
}

static int run(struct collector *collector)
{
    const struct loop_options sizes = {.entries = 1024, .buffers = 1024, .buffer_bytes = 16384};
    struct loop *loop;
    int error = loop_open(&loop, &sizes, collector->why);
    if (error)
        return error;

    struct tls_context *tls = NULL;
    struct receiver *receiver = NULL;
    error = open_tls(collector, &tls);
    const struct receiver_options options = {
        .connections_max = CONNECTIONS_MAX,
        .body_max = collector->options.payload_bytes + BODY_SPARE,
        .tls = tls,
        .context = collector,
        .on_request = on_request,
    };
    if (!error) {
        error = receiver_open(&receiver, loop, collector->options.fd, &options);
        if (!error)
            serve(collector, receiver);
    }
    receiver_close(receiver);
    tls_context_close(tls);
    loop_close(loop);
    return error;
}

static void *thread_main(void *context)
{
    struct collector *collector = context;
    collector->error = run(collector);
    sem_post(&collector->started); /* after a failure; otherwise nobody waits any more */
    return NULL;
}

int collector_open(struct collector **collector, const struct collector_options *options,
                   char why[static LOOP_WHY_SIZE])
{
    snprintf(why, LOOP_WHY_SIZE, "out of memory");
    struct collector *it = calloc(1, sizeof *it);
    *collector = it;
    if (!it)
        return -ENOMEM;
    it->options = *options;
    histogram_init(&it->receive_us);
    sem_init(&it->started, 0, 0);
    sem_init(&it->taken, 0, 0);
    int error = pthread_create(&it->thread, NULL, thread_main, it);
    if (error) {
        snprintf(why, LOOP_WHY_SIZE, "cannot start a thread");
        sem_destroy(&it->started);
        sem_destroy(&it->taken);
        free(it);
        *collector = NULL;
        return -error;
    }
    semaphore_await(&it->started);
    why[0] = '\0';
    error = it->error;
    if (error) {
        snprintf(why, LOOP_WHY_SIZE, "%s", it->why);
        struct histogram nothing;
        histogram_init(&nothing);
        collector_close(it, &nothing);
        *collector = NULL;
    }
    return error;
}

struct collector_counters collector_counters(const struct collector *collector)
{
#define READ(name) .name = atomic_load_explicit(&collector->name, memory_order_relaxed)
    return (struct collector_counters){READ(requests), READ(delivered), READ(bad_signatures),
                                       READ(strays), READ(last_ns)};
#undef READ
}

void collector_take(struct collector *collector, struct histogram *receive_us)
{
    atomic_store_explicit(&collector->wanted, receive_us, memory_order_release);
    semaphore_await(&collector->taken);
}

void collector_close(struct collector *collector, struct histogram *receive_us)
{
    if (!collector)
        return;
    atomic_store_explicit(&collector->stopping, true, memory_order_relaxed);
    pthread_join(collector->thread, NULL);
    histogram_merge(receive_us, &collector->receive_us);
    sem_destroy(&collector->started);
    sem_destroy(&collector->taken);
    free(collector);
}
