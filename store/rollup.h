/* rollup.h - what came of attempts, summed up over a span of time: the value of 'B' rows of
 * `stats`.
 *
 * An attempt counts in the span in which it ended. What ended a delivery counts where the attempt
 * does that ended it. Adding two rollups is exact, so every sum over spans or subscriptions is.
 */
#ifndef STORE_ROLLUP_H
#define STORE_ROLLUP_H

#include "store/keys.h"
#include "store/record.h"
#include "store/spread.h"

enum { ROLLUP_OUTCOMES = ATTEMPT_CANCELLED + 1, RESOLUTIONS = RESOLUTION_1H + 1 };

struct rollup {
    uint64_t outcomes[ROLLUP_OUTCOMES]; /* attempts, by enum attempt_outcome; [0] stays 0 */
    uint64_t delivered, dead;           /* deliveries that ended so */
    uint64_t delivered_at_once;         /* of `delivered`: by their first attempt */
    struct spread attempt_ms;           /* durations of attempts that were not cancelled */
    struct spread delivery_ms;          /* of `delivered`: from acceptance to the end */
};

/* How long a span is, and for how long after its end it is kept. */
uint64_t resolution_span_ms(enum resolution resolution);
uint64_t resolution_keep_ms(enum resolution resolution);
uint64_t resolution_start_ms(enum resolution resolution, uint64_t wall_ms);
const char *resolution_name(enum resolution resolution); /* "10s", "1m", "1h" */

/* When an attempt ended: which span it counts in. */
uint64_t rollup_time_ms(const struct attempt_record *attempt);

void rollup_add(struct rollup *rollup, const struct attempt_record *attempt);
void rollup_merge(struct rollup *into, const struct rollup *from);

/* Attempts that were made, and those that failed: cancelled ones are neither. */
uint64_t rollup_attempts(const struct rollup *rollup);
uint64_t rollup_failures(const struct rollup *rollup);

enum { ROLLUP_SIZE_MAX = 16 + (ROLLUP_OUTCOMES + 3) * 10 + 2 * SPREAD_SIZE_MAX };

size_t rollup_encode(const struct rollup *rollup, char out[static ROLLUP_SIZE_MAX]);
MUST_CHECK int rollup_decode(struct slice value, struct rollup *rollup);

#endif
