/* throttle.h - a limit of so many per second: GCRA, the generic cell rate algorithm.
 *
 * The whole state is one moment: that at which every token taken so far will have been paid for, at
 * one token for each interval. It may lie ahead of now by `burst` intervals. So a bucket that is
 * full needs no timer, and when the next token is to be had falls out of the same sum.
 *
 * 1. In any stretch of time, of whatever length w, at most per_second * w + burst tokens are taken.
 * 2. An interval is kept in parts of 2^-24 ns and rounded up: the rate is never more than it should
 *    be, and up to a million a second it is less by a part in 10^10 at most.
 * 3. Time may stand still, jump, or go back: less is given then, never more.
 *
 * Memory: none of its own. Time: of one clock, in ns, passed in.
 */
#ifndef ENGINE_THROTTLE_H
#define ENGINE_THROTTLE_H

#include <stdint.h>

#define THROTTLE_NEVER   UINT64_MAX
#define THROTTLE_SLOWEST 0.001 /* per second */
#define THROTTLE_FASTEST 1e12

struct throttle_rate {
    double per_second; /* 0: no limit; else THROTTLE_SLOWEST to THROTTLE_FASTEST */
    unsigned burst;    /* how many may be taken at once; at least 1 */
};

/* All zero: no limit. */
struct throttle {
    uint64_t interval; /* in parts; 0: no limit */
    uint64_t paid_ns;  /* when all that was taken is paid for; */
    uint32_t paid_part;
    unsigned burst;
};

/* Begins with all of its burst. */
void throttle_init(struct throttle *throttle, struct throttle_rate rate);

/* Another rate from now on. The tokens that were taken and not paid for stay so. */
void throttle_change(struct throttle *throttle, struct throttle_rate rate, uint64_t now_ns);

/* Takes `count` tokens and returns 0, or takes none and returns how long to wait, in ns, until they
 * are to be had if nobody else takes any. THROTTLE_NEVER: they are more than the burst. */
uint64_t throttle_take(struct throttle *throttle, unsigned count, uint64_t now_ns);

/* What throttle_take() would return; takes nothing. */
uint64_t throttle_wait_ns(const struct throttle *throttle, unsigned count, uint64_t now_ns);

/* Gives back what was taken and not used. */
void throttle_give(struct throttle *throttle, unsigned count, uint64_t now_ns);

/* Sees to it that at most the burst less `count` are to be had now: as if `count` had been taken
 * just now, and no others before. */
void throttle_hold(struct throttle *throttle, unsigned count, uint64_t now_ns);

double throttle_per_second(const struct throttle *throttle); /* 0: no limit */

/* How many are to be had now; UINT_MAX without a limit. */
unsigned throttle_left(const struct throttle *throttle, uint64_t now_ns);

#endif
