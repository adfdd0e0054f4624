/* metrics.h - what a shard counts. Plain numbers of one thread; control asks for a copy by mail and
 * adds them up. */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/histogram.h"
#include "breaker.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "store/record.h"

enum { METRICS_OUTCOMES = ATTEMPT_CANCELLED + 1, BREAKER_STATES = BREAKER_HALF_OPEN + 1 };

struct shard_metrics {
    uint64_t events_accepted, events_duplicate, events_refused,
        events_shed;         /* refused: 4xx; shed: 503 */
    uint64_t events_limited; /* 429 */
    uint64_t lease_asks, lease_waits;
    uint64_t event_bytes;
    uint64_t deliveries_created, deliveries_delivered, deliveries_dead, deliveries_cancelled;
    uint64_t deliveries_parked, deliveries_retried, deliveries_loaded, deliveries_redelivered;
    uint64_t attempts[METRICS_OUTCOMES];
    uint64_t breakers_opened, breakers_closed;
    uint64_t batches_sealed;
    struct histogram accept_us;  /* request whole -> 202 handed to the kernel */
    struct histogram deliver_us; /* accepted -> delivered at the first attempt */
    struct histogram attempt_us; /* duration of attempts */
};

struct shard_figures {
    struct shard_metrics metrics;
    struct http_server_counters server;
    struct http_client_counters client;
    struct resolver_counters dns;
    struct loop_counters loop;
    /* gauges */
    uint64_t ready, in_flight, waiting, deliveries_used, deliveries_max;
    uint64_t memory_used, memory_max, blocks_open;
    uint64_t endpoints, server_connections;
    uint64_t breakers[BREAKER_STATES]; /* endpoints by the state of theirs */
};

#endif
