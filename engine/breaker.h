/* breaker.h - stops sending to a receiver that fails, and finds out when it is well again.
 *
 *            breaker_end(): the window's       breaker_begin(): the
 *            failure rate, or a row of         cool-down is over,
 *            attempts without an answer        this is a probe
 *   CLOSED ----------------------------> OPEN -----------------------> HALF_OPEN
 *     ^                                   ^                             |    |
 *     |                                   '--- breaker_end(): it failed-'    |
 *     '---------------- breaker_end(): BREAKER_PROBES in a row succeeded ----'
 *
 * Only a failure opens it: in CLOSED when the window has `min_attempts` and at least the part
 * `failure_rate` of them failed, or when BREAKER_UNREACHABLE attempts in a row brought no answer.
 * The window moves on by a tenth of itself, so it sees the last 9 to 10 tenths.
 *
 * A cool-down is twice as long as the one before, up to the maximum; a little is added by chance,
 * so that receivers behind one broken thing are not all asked at once. It starts anew from the
 * shortest when the breaker was closed as long as the window and the last cool-down.
 *
 * 1. In OPEN nothing is sent, in HALF_OPEN one probe at a time.
 * 2. A report counts only if its attempt began in the state that still holds (a state's `period`,
 *    which is the attempt's ticket): what was sent before it opened tells nothing about now.
 * 3. Every attempt that began is ended or cancelled; a probe that is neither would block for ever.
 *
 * Memory: none of its own. Time: monotonic ms, passed in; if it goes back, it stands still.
 */
#ifndef ENGINE_BREAKER_H
#define ENGINE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

struct random;
struct text;

enum {
    BREAKER_BUCKETS = 10,
    BREAKER_UNREACHABLE_MAX = 5, /* in a row */
    BREAKER_PROBES = 3,
};

#define BREAKER_NEVER UINT64_MAX

struct breaker_settings {
    uint64_t window_ms;
    unsigned min_attempts;
    double failure_rate; /* over 0, to 1 */
    uint64_t cooldown_ms, max_cooldown_ms;
};

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

enum breaker_result {
    BREAKER_SUCCESS,
    BREAKER_FAILURE,     /* the receiver answered, and that it failed */
    BREAKER_UNREACHABLE, /* no answer: DNS, connection, TLS, or a timeout without a byte */
};

/* What a call brought about. */
enum breaker_change {
    BREAKER_SAME,
    BREAKER_OPENED,
    BREAKER_HALF_OPENED,
    BREAKER_CLOSED_AGAIN,
};

enum breaker_reason {
    BREAKER_NO_REASON,
    BREAKER_BY_RATE,
    BREAKER_BY_UNREACHABLE,
    BREAKER_BY_PROBE,
};

struct breaker_count {
    uint32_t attempts, failures;
};

struct breaker {
    struct breaker_settings settings;
    enum breaker_state state;
    uint32_t period;   /* of this state; goes up with each change, never 0 */
    uint64_t since_ms; /* when it came into this state */
    uint64_t until_ms; /* OPEN: the end of the cool-down */
    unsigned openings; /* in a row; gives the cool-down's length */
    /* Of the last opening. */
    enum breaker_reason reason;
    struct breaker_count seen;
    /* CLOSED. */
    unsigned unreachable; /* in a row */
    struct breaker_count sum, buckets[BREAKER_BUCKETS];
    unsigned newest;  /* bucket */
    uint64_t turn_ms; /* when the next one begins */
    /* HALF_OPEN. */
    unsigned successes;
    bool is_probing;
};

/* Closed. */
void breaker_init(struct breaker *breaker, const struct breaker_settings *settings,
                  uint64_t now_ms);

/* Other settings from now on. The state stays; a cool-down may become shorter. */
void breaker_change(struct breaker *breaker, const struct breaker_settings *settings,
                    uint64_t now_ms);

/* Closes it, as if it had never seen an attempt: for when a person says that all is well. */
enum breaker_change breaker_reset(struct breaker *breaker, uint64_t now_ms);

/* The moment from which on an attempt may begin: 0 for at once, BREAKER_NEVER if only a report of
 * the probe that is on its way can tell. */
static inline uint64_t breaker_ready_ms(const struct breaker *breaker)
{
    if (breaker->state == BREAKER_OPEN)
        return breaker->until_ms;
    return breaker->state == BREAKER_HALF_OPEN && breaker->is_probing ? BREAKER_NEVER : 0;
}

/* May an attempt begin now? */
static inline bool breaker_allows(const struct breaker *breaker, uint64_t now_ms)
{
    return breaker_ready_ms(breaker) <= now_ms;
}

/* An attempt begins, which has to be allowed. The caller keeps the ticket with the attempt and
 * gives it back to breaker_end() or breaker_cancel(). */
enum breaker_change breaker_begin(struct breaker *breaker, uint64_t now_ms, uint32_t *ticket);

/* Is the attempt a probe whose result is waited for? */
static inline bool breaker_is_probe(const struct breaker *breaker, uint32_t ticket)
{
    return breaker->state == BREAKER_HALF_OPEN && breaker->period == ticket;
}

/* The attempt is over. */
enum breaker_change breaker_end(struct breaker *breaker, uint32_t ticket,
                                enum breaker_result result, uint64_t now_ms, struct random *random);

/* The attempt told nothing: it was not sent, or was given up for reasons of our own. */
void breaker_cancel(struct breaker *breaker, uint32_t ticket);

/* "closed", "open", "half_open". */
const char *breaker_state_name(enum breaker_state state);

/* Why it opened last: "7 of 10 attempts failed within 30s"; nothing if it never did. */
void breaker_explain(const struct breaker *breaker, struct text *text);

#endif
