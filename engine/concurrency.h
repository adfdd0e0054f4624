/* concurrency.h - how many attempts a receiver can take at a time, found out by trying: AIMD.
 *
 * The limit begins at CONCURRENCY_START and goes up by one for each success, so it doubles with
 * each round trip, until there is trouble; from then on by one for each `limit` successes. It goes
 * up only while at least half of it is in use.
 *
 * Trouble takes it down to 7/10: when a receiver says or shows that it is overloaded, down to one;
 * and when response times, smoothed, are far above what they usually are, down to where it began,
 * for that says less. Other people's handlers vary, so "far" is CONCURRENCY_SLOW_TIMES, a single
 * response is no trouble, what is usually quicker than CONCURRENCY_QUICK_NS is measured by that,
 * and who stays slower is slower as usual after a while.
 *
 * 1. 1 <= limit <= max, and limit == max if it is not adaptive.
 * 2. It goes down once for each round trip: what was sent before it went down last does not count
 *    again.
 *
 * Memory: none of its own. Time: of one clock, in ns, passed in.
 */
#ifndef ENGINE_CONCURRENCY_H
#define ENGINE_CONCURRENCY_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CONCURRENCY_START = 8,
    CONCURRENCY_SLOW_TIMES = 3,
    CONCURRENCY_QUICK_NS = 80 * 1000 * 1000,
};

struct concurrency_settings {
    unsigned max; /* at least 1 */
    bool adaptive;
};

enum concurrency_result {
    CONCURRENCY_SUCCESS,
    CONCURRENCY_NEUTRAL, /* an answer that tells nothing about load, or no result at all */
    CONCURRENCY_TROUBLE, /* timeout, 429, 502, 503, 504, or no connection */
};

struct concurrency {
    unsigned limit; /* how many may be on their way */
    unsigned max;
    bool adaptive, is_slow_start;
    unsigned successes;         /* since the limit was changed last */
    unsigned samples;           /* of response times, the first few of them */
    uint64_t cut_ns;            /* when it went down last */
    double usual_ns, recent_ns; /* response times, smoothed over many and over few */
};

void concurrency_init(struct concurrency *concurrency, struct concurrency_settings settings);

/* Other settings from now on; what was found out stays. */
void concurrency_change(struct concurrency *concurrency, struct concurrency_settings settings);

/* An attempt is over that began at `begun_ns`, when `in_flight` were on their way, itself
 * included. */
void concurrency_end(struct concurrency *concurrency, enum concurrency_result result,
                     uint64_t begun_ns, uint64_t now_ns, unsigned in_flight);

#endif
