/* gate.h - whether an endpoint may begin an attempt, as far as its receiver is concerned:
 * everything that holds it back comes together here, and nowhere else.
 *
 *   breaker       it fails: nothing is sent but probes
 *   slow-down     it asked for time, by Retry-After
 *   throttle      so many a second
 *   concurrency   so many at a time
 *
 * The gate is open, or is closed until a moment that it tells, or until an attempt ends. Whoever
 * begins an attempt keeps a pass and gives it back at the end, with what came of it.
 *
 * Memory: none of its own. Time: monotonic, passed in.
 */
#ifndef ENGINE_GATE_H
#define ENGINE_GATE_H

#include "breaker.h"
#include "concurrency.h"
#include "retry_budget.h"
#include "store/record.h"
#include "throttle.h"

struct random;
struct subscription;

#define GATE_NEVER UINT64_MAX

enum {
    GATE_DOUBTFUL_MAX = 4, /* attempts at a time of an endpoint that has not proven itself */
};

struct gate {
    struct breaker breaker;
    struct throttle throttle;
    struct concurrency concurrency;
    struct retry_budget budget;
    uint64_t slow_until_ms; /* it asked not to be called before */
    unsigned in_flight;
    bool is_proven;   /* its last attempts were not all failures; at first: false */
    uint8_t failures; /* in a row, as far as is_proven needs them */
};

struct gate_pass {
    uint64_t begun_ns;
    uint32_t ticket;    /* the breaker's */
    unsigned in_flight; /* when it began, itself included */
    bool is_doubtful;   /* was begun without proof that the receiver answers */
};

void gate_init(struct gate *gate, const struct subscription *subscription, uint64_t now_ms);

/* Other settings from now on; what was found out about the receiver stays. */
void gate_change(struct gate *gate, const struct subscription *subscription, uint64_t now_ms);

/* Forgets what was found out, except the attempts on their way: there is another receiver, or a
 * person says that it is well. */
enum breaker_change gate_reset(struct gate *gate, uint64_t now_ms);

/* The moment from which on an attempt may begin: not after `now_ms`: now; later: time alone opens
 * the gate then; GATE_NEVER: the end of an attempt does, or another event. */
uint64_t gate_opens_ms(const struct gate *gate, uint64_t now_ms);

/* Until when nothing can be sent for a reason that tells of the receiver: what waits does so on
 * disk. 0: it is not shut. */
uint64_t gate_shut_until_ms(const struct gate *gate, uint64_t now_ms);

/* True while the breaker finds out by probes whether the receiver is well again. */
static inline bool gate_is_probing(const struct gate *gate)
{
    return gate->breaker.state != BREAKER_CLOSED;
}

/* May a retry go before the first attempts that wait? */
static inline bool gate_lets_retry(const struct gate *gate, uint64_t now_ms)
{
    return retry_budget_wait_ns(&gate->budget, now_ms * 1000000) == 0;
}

/* An attempt begins; the gate is open. */
enum breaker_change gate_begin(struct gate *gate, bool is_retry, uint64_t now_ms,
                               struct gate_pass *pass);

/* It has ended as `record` says; `retry_after_ms`: the time that the receiver asked for, 0: none.
 */
enum breaker_change gate_end(struct gate *gate, const struct gate_pass *pass,
                             const struct attempt_record *record, uint64_t retry_after_ms,
                             uint64_t now_ns, struct random *random);

/* It told nothing about the receiver. */
void gate_cancel(struct gate *gate, const struct gate_pass *pass);

#endif
