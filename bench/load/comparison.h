/* comparison.h - two kinds of load, one right after the other in rounds: how far does the second
 * move the latencies of the first? Medians of the rounds are compared, because a shared machine has
 * bad seconds; beside them is shown what the p99 was at most in nine of ten rounds, and in all.
 */
#ifndef LOAD_COMPARISON_H
#define LOAD_COMPARISON_H

#include "bench/load/figures.h"

enum { COMPARISON_ROUNDS_MAX = 300, COMPARISON_POINTS = 3 };

struct comparison {
    const char *names[2]; /* of the two kinds */
    uint64_t rounds;      /* at most COMPARISON_ROUNDS_MAX */
    double change_max;    /* of the p99, as a part of it */

    /* private */
    uint64_t us[2][COMPARISON_ROUNDS_MAX][COMPARISON_POINTS]; /* accept-to-receive */
    uint64_t events[2];                                       /* received */
    uint64_t lost, duplicated;
};

/* Takes over what was measured in the `kind` (0 or 1) of a round. */
void comparison_add(struct comparison *comparison, unsigned kind, unsigned round,
                    const struct histogram *receive_us);

/* The same for the account of a trial, of either kind or of both. */
void comparison_account(struct comparison *comparison, const struct audit *audit);

/* One line on stderr, when both kinds of a round are over. */
void comparison_say(const struct comparison *comparison, unsigned round);

/* The table. Whether the p99 has moved by no more than was allowed. */
bool comparison_show(const struct comparison *comparison);

#endif
