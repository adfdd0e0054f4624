/* trial.h - one trial of an engine: a fresh directory, an engine of its own, a receiver, the
 * subscriptions between them, loads that are published, and the account at the end.
 *
 *   trial_open -> trial_publish (once or more) -> trial_drain -> trial_audit -> trial_close
 *
 * The engine and the receiver are ended by trial_audit() before it counts, so that what comes late
 * is counted. Each step but the last may fail: trial->why then says why, and trial_close() undoes
 * what was done.
 *
 * Threads: the caller's; the receiver has one of its own.
 */
#ifndef LOAD_TRIAL_H
#define LOAD_TRIAL_H

#include "bench/load/figures.h"
#include "bench/load/scratch.h"

enum { TRIAL_WHY_SIZE = 512, TRIAL_PATH_SIZE = SCRATCH_PATH_SIZE + 32, TRIAL_UID_SIZE = 24 };

/* The events of one publishing: number first, first + stride, ... A load of one group alone has the
 * count of groups as its stride. */
struct trial_load {
    uint64_t first, stride, events;
    uint64_t duration_ms, rate; /* 0: no limit; as fast as answers come */
    unsigned batch;
};

struct trial {
    struct bench_settings settings;
    struct figures figures; /* `published`, `before` and `timeline` are the last load's */
    struct scratch scratch;
    struct engine_process engine;
    struct ledger ledger;
    char why[TRIAL_WHY_SIZE]; /* after a failure */

    /* private */
    char certificate[TRIAL_PATH_SIZE], tls_key[TRIAL_PATH_SIZE];
    struct loop *loop;
    struct tls_context *tls;
    struct signature_key *keys;
    struct address receiver_address, dead_address;
    int receiver_fd;
    struct collector *collector, *revived;
    struct publisher *publisher;
    uint64_t said_ns, said_accepted, said_delivered;
    uint64_t load_cpu_before_ns;
};

/* Starts all of it: the engine is ready, every subscription is made, the receiver's thread runs.
 * 0, or -errno. */
MUST_CHECK int trial_open(struct trial *trial, const struct bench_settings *settings);

/* Publishes; every 20 ms it looks at the clock, the engine and the signals. 0, or -errno. */
MUST_CHECK int trial_publish(struct trial *trial, const struct trial_load *load);

/* From now on the receiver of the dead subscriptions answers. 0, or -errno. */
MUST_CHECK int trial_revive(struct trial *trial);

/* First deliveries that have come. */
uint64_t trial_delivered(const struct trial *trial);

/* What the receiver has got, of whatever became of it. */
uint64_t trial_requests(const struct trial *trial);

/* Waits until every accepted event's deliveries are here, or none has come for 30 s. 0, or -errno.
 */
MUST_CHECK int trial_drain(struct trial *trial);

/* The same, until the receiver has had so many requests. */
MUST_CHECK int trial_await_requests(struct trial *trial, uint64_t count);

/* What was measured since the last time, until now: call it when all is delivered. */
void trial_take_latency(struct trial *trial, struct histogram *receive_us);

/* 0, or -errno if the run or the end of the engine went wrong; what was lost or wrong is in
 * figures.audit. */
MUST_CHECK int trial_audit(struct trial *trial);

void trial_close(struct trial *trial);

/* The uid of subscription number 0, 1, ... */
void trial_uid(unsigned subscription, char uid[static TRIAL_UID_SIZE]);

/* The engine beside this program itself. */
const char *trial_default_engine(char out[static SCRATCH_PATH_SIZE]);

#endif
