/* publisher.h - publishes stamped events, as fast as answers come or at a rate.
 *
 * With a rate the loop is open: event k is due at start + k / rate whatever the answers do, waits
 * for a free connection if it must, and its latency counts from when it was due. So a server that
 * stalls for a second is charged for every event of that second (no coordinated omission). Without
 * a rate each connection sends its next request when the last is answered, and latency counts from
 * the first sending.
 *
 * 429 and 503 are obeyed: the same request goes again after Retry-After (1 s if it is not said).
 * Any other answer than 202 is counted and not repeated. A connection lost before the answer leaves
 * its events unknown.
 *
 * Threads: the caller's, for the whole run.
 */
#ifndef LOAD_PUBLISHER_H
#define LOAD_PUBLISHER_H

#include "base/histogram.h"
#include "bench/load/lane.h"
#include "bench/load/ledger.h"
#include "bench/load/stamp.h"

struct publisher_options {
    struct lane_target target;
    struct slice authority, path, key;
    uint64_t events;        /* how many at most; not 0 */
    uint64_t first, stride; /* the events' numbers: first, first + stride, ...; stride not 0 */
    uint64_t duration_ms;   /* 0: no limit by time */
    uint64_t rate;          /* events a second; 0: as fast as answers come */
    size_t payload_bytes;
    unsigned batch, connections;
    struct ledger *ledger; /* says the groups, and is told the fates */
    uint64_t patience_ms;  /* without any answer for so long the run is given up */
    void *context;
    /* Called at least 20 times a second. False: give up. */
    bool (*on_tick)(void *context, uint64_t now_ns);
};

enum { PUBLISHER_STATUSES = 600 };

/* Counts of events, but for `answers`, which are requests. */
struct publisher_counters {
    uint64_t accepted, unknown, refused;
    uint64_t first_ns, last_ns; /* the first sending and the last answer */
    uint64_t answers[PUBLISHER_STATUSES];
    uint64_t retries, connect_failures;
    struct histogram accept_us; /* of requests that were accepted */
    bool gave_up;
    int last_error; /* of a connection: -errno */
};

struct publisher;

/* 0, or -ENOMEM. */
MUST_CHECK int publisher_open(struct publisher **publisher,
                              const struct publisher_options *options);

/* Publishes all of it: returns when every event has its fate. */
void publisher_run(struct publisher *publisher);

const struct publisher_counters *publisher_counters(const struct publisher *publisher);

void publisher_close(struct publisher *publisher); /* NULL is allowed */

#endif
