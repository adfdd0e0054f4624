/* collector.h - the receiving half of a bench: takes the deliveries of /s/0, /s/1, ... on a thread
 * of its own, checks the signature of every one, and keeps the ledger.
 *
 * Threads: open, close and the counters are the caller's; all the rest runs on the collector's.
 *   The counters have one writer and are read relaxed: each is right by itself, at some moment.
 */
#ifndef LOAD_COLLECTOR_H
#define LOAD_COLLECTOR_H

#include "base/histogram.h"
#include "bench/load/ledger.h"
#include "bench/load/signature.h"
#include "net/loop.h"

struct collector;

struct collector_options {
    int fd; /* a listening socket, closed in the end */
    size_t payload_bytes;
    struct ledger *ledger;
    const struct signature_key *keys; /* one for each subscription */
    unsigned subscriptions;
    unsigned hanging, failing; /* from the first: those that never answer; then those that answer
                                  500 */
    unsigned unjudged;         /* from the first: their deliveries are answered and not entered */
    const char *certificate, *key; /* PEM files; NULL: in the clear */
};

/* Starts its thread. 0, or -errno with `why`. */
MUST_CHECK int collector_open(struct collector **collector, const struct collector_options *options,
                              char why[static LOOP_WHY_SIZE]);

struct collector_counters {
    uint64_t requests;
    uint64_t delivered;      /* first deliveries with a good signature */
    uint64_t bad_signatures; /* or without id, timestamp or signature; not counted in the ledger */
    uint64_t strays;         /* not owed to whom they came, or without a stamp */
    uint64_t last_ns;        /* when the last first delivery came */
};
struct collector_counters collector_counters(const struct collector *collector);

/* Adds what it has measured until now to `receive_us`, and measures anew: from when an event was to
 * be sent until its first delivery was here. Takes until the thread's next turn, 50 ms at most. */
void collector_take(struct collector *collector, struct histogram *receive_us);

/* Ends the thread: from then on the ledger is the caller's. Adds what it measured to `receive_us`.
 */
void collector_close(struct collector *collector, struct histogram *receive_us);

#endif
