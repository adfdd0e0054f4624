/* metrics.h - what the threads count. Plain numbers of one thread each; control asks for a copy by
 * mail and adds up those of the shards. Which of them are shown, and as what: api/panel.c. */
#ifndef ENGINE_METRICS_H
#define ENGINE_METRICS_H

#include "base/histogram.h"
#include "breaker.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "store/journal.h"
#include "store/record.h"

enum {
    METRICS_OUTCOMES = ATTEMPT_CANCELLED + 1,
    BREAKER_STATES = BREAKER_HALF_OPEN + 1,
    METRICS_REFUSALS = 10, /* statuses that events are refused with, and all others */
};

struct shard_metrics {
    uint64_t events_accepted, events_duplicate, events_refused,
        events_shed;                     /* refused: 4xx; shed: 503 */
    uint64_t events_limited;             /* 429 */
    uint64_t refusals[METRICS_REFUSALS]; /* the same, by metrics_refusal_of() */
    uint64_t events_invalid;             /* not as the catalogue says: taken or refused */
    uint64_t events_deprecated;
    uint64_t filters_undecided; /* what passed for that */
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
    struct histogram lookup_us;    /* names that were not in the cache */
    struct histogram handshake_us; /* TLS, with receivers */
    /* gauges */
    uint64_t ready, in_flight, waiting, deliveries_used, deliveries_max;
    uint64_t memory_used, memory_max, blocks_open;
    uint64_t endpoints, server_connections, receiver_connections, receiver_idle;
    uint64_t breakers[BREAKER_STATES]; /* endpoints by the state of theirs */
};

/* Of the thread that makes things durable. */
struct writer_figures {
    struct journal_counters journal;
    struct db_reads reads;
    struct histogram commit_us;    /* of a group: the write and its sync */
    struct histogram group_events; /* in a commit */
    struct histogram group_bytes;  /* of blocks and rows in a commit */
};

/* Of the thread that reads back. */
struct reader_figures {
    struct db_reads reads;
    struct histogram fetch_us; /* what a shard asked for */
};

/* Of control. */
struct control_metrics {
    struct histogram turn_us;   /* of its mail, timers and steps of long work */
    struct histogram answer_us; /* that a request to the admin port held it, waits not counted */
};

/* Under which of `refusals` a status counts, and how that is called. */
unsigned metrics_refusal_of(int status);
const char *metrics_refusal_name(unsigned number);

#endif
