/* ledger.h - what was promised and what came of it, kept outside of the engine.
 *
 * Producers, keeper and receivers write down what they saw; guarantees.c judges it, when it happens
 * and at the end. Nothing here asks the engine.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "condition.h"

#include "base/slice.h"

#include <stdint.h>

enum {
    LEDGER_EVENTS = 2048,
    LEDGER_BODIES = 4096,
    LEDGER_SUBSCRIPTIONS = 16,
    LEDGER_STEPS = 8,
    LEDGER_REPLAYS = 16,
    LEDGER_ID = 40,
};

/* An event as its receiver may get it. Several that were published with one idempotency key are
 * one event, of which one body is delivered. */
struct body {
    struct body *next; /* of its event */
    unsigned number;
    struct event *event;
    struct slice payload;
    const char *content_type;
    unsigned trace; /* trace_name.h; 0: none */
};

/* One event for one subscription. */
struct delivery_seen {
    unsigned attempts, in_flight;
    unsigned last_number;  /* X-Webhook-Attempt of the last attempt seen */
    uint64_t missed_then;  /* network_missed() by then */
    bool is_acknowledged;  /* a 2xx was taken in by the engine */
    bool was_acknowledged; /* at any attempt */
    unsigned overtaken;    /* a later event in order was sent, after so many crashes and one more */
    bool has_failed;       /* the last attempt has, and when is known: */
    uint64_t failed_ns, wait_ms;
    unsigned crashes_then; /* at the time of either */
    unsigned steps_then;   /* of the wall clock */
    bool was_cut;          /* the last attempt, by a stop: it is none */
    unsigned moves_then;
    uint64_t acknowledged_ns; /* when it was, last */
    bool is_hurried;          /* somebody asked for it while it may have been waiting */
    unsigned renewals;        /* by replays, since the last crash */
    unsigned attempts_before; /* the last renewal: its schedule began anew */
    bool is_renewal_unsure;   /* there may have been one that was not seen */
    unsigned owed_by;         /* number of the last replay since which it has to come; 0: none */
};

struct event {
    char id[LEDGER_ID];  /* "" until it is known */
    struct body *bodies; /* that it may have */
    unsigned key;        /* "k" of its payload; 0: none */
    unsigned channels;   /* condition.h */
    bool is_cloud;       /* a CloudEvent */
    unsigned batch;      /* that it was published in, in the order of events; 0: none */
    char type[16];
    bool is_accepted; /* answered with 202 */
    uint64_t offered_ns, answered_ns;
    uint64_t taken_ns;   /* answered, and not as a duplicate; 0: not yet */
    uint64_t deliveries; /* as answered; UINT64_MAX: not told */
    const struct body *delivered;
    struct delivery_seen seen[LEDGER_SUBSCRIPTIONS];
};

enum ordering { ORDER_NONE, ORDER_STRICT, ORDER_BY_KEY };

enum subscription_state {
    STATE_ABSENT,
    STATE_UNSURE, /* a request to make it had no answer */
    STATE_ALIVE,
    STATE_DELETED, /* or about to be */
};

struct breaker_told {
    uint64_t window_ms;
    unsigned min_attempts;
    double failure_rate;
    uint64_t cooldown_ms, max_cooldown_ms;
};

struct subscription_told {
    unsigned index;
    enum subscription_state state;
    char id[LEDGER_ID], secret[64], pattern[16];
    struct condition condition;
    unsigned host, moves;
    bool by_name;
    uint64_t asked_ns, made_ns;
    bool is_paused;     /* for sure, */
    uint64_t paused_ns; /* since */
    bool is_day;        /* the preset of that name */
    unsigned step_count;
    uint64_t steps_ms[LEDGER_STEPS], timeout_ms;
    double jitter;
    bool is_gzip;
    unsigned batch_events; /* 0: one at a time */
    uint64_t batch_bytes, batch_wait_ms;
    enum ordering ordering;
    unsigned concurrency, in_flight;
    bool is_adaptive;
    double per_second; /* 0: no limit */
    unsigned burst;
    unsigned replays;                    /* that were asked for */
    bool is_replay_sure[LEDGER_REPLAYS]; /* by number, from 0: it was answered with 202 */
    struct breaker_told breaker;
};

extern struct event ledger_events[LEDGER_EVENTS];
extern unsigned ledger_event_count;
extern struct subscription_told ledger_subscriptions[LEDGER_SUBSCRIPTIONS];
extern unsigned ledger_subscription_count;

struct event *ledger_add_event(const char *type, unsigned batch);
struct body *ledger_add_body(struct event *event, struct slice payload, const char *content_type);
const struct body *ledger_body(unsigned number);

/* The wall clock was set. */
void ledger_note_step(void);
unsigned ledger_steps(void);

/* ---- the publishing side ---- */

void ledger_offered(struct event *event);

/* A 202 told this of the event; it had been sent at `sent_ns`. */
void ledger_answered(struct event *event, uint64_t sent_ns, struct slice id, uint64_t deliveries,
                     bool is_duplicate);

/* A replay of all that has ended is about to be asked for; or of the dead alone. Its number. */
unsigned ledger_replay(struct subscription_told *subscription, bool of_all);

/* One delivery is about to be asked for once more; `has_ended`: and is known to have been
 * delivered.
 */
void ledger_redeliver(struct subscription_told *subscription, struct slice event, bool has_ended);

/* Whether it is for the subscription, if this is its body; whether it is, whichever of its bodies
 * was taken; and whether it is with one of them. */
bool ledger_wants(const struct subscription_told *subscription, const struct body *body);
bool ledger_matches(const struct subscription_told *subscription, const struct event *event);
bool ledger_may_match(const struct subscription_told *subscription, const struct event *event);

/* ---- the receiving side ---- */

/* A request that a receiver has got, whole: for one event of it. */
struct attempt_seen {
    struct attempt_seen *companion; /* the next event of its batch */
    const struct body *body;
    struct subscription_told *subscription;
    unsigned number;
    bool on_used_wire;          /* not the first request of its connection */
    uint64_t began_ns, sent_ns; /* when its connection was begun, and the request sent */
    uint64_t missed;            /* network_missed() */
    uint64_t missed_ns;         /* when one for its host was missed last */
    uint64_t start_ns;          /* the engine began it then or later; 0: not known */
    unsigned period;            /* for gate_model.c */
    bool is_over;
};

/* What the engine made of an attempt. */
enum attempt_end {
    END_DELIVERED,
    END_ANSWERED, /* by what is not a 2xx */
    END_LATE,     /* not a byte came in time */
    END_BROKEN,   /* a connection ended without a byte: no answer, or an invalid one */
    END_UNKNOWN,
};

/* Checks it, with its companions, against everything that is guaranteed. */
void guarantees_attempt(struct attempt_seen *attempt);

/* The engine has taken in the whole answer with this status (0: what is no answer). */
void guarantees_answered(struct attempt_seen *attempt, int status, uint64_t retry_after_ms);

/* The engine gave up, or the connection ended, before a whole answer was taken in. END_UNKNOWN: it
 * may be an occasion to send it again. */
void guarantees_ended(struct attempt_seen *attempt, enum attempt_end end);

/* No row of a subscription that is there waits on the disk; and none of any. Rows of a deleted one
 * may stay until the next start. */
bool guarantees_are_met(void);
bool guarantees_are_swept(void);

/* At rest, when all faults were healed. */
void guarantees_at_rest(void);

#endif
