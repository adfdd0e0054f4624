/* retry.h - when a failed delivery is tried again. */
#ifndef ENGINE_RETRY_H
#define ENGINE_RETRY_H

#include "base/random.h"
#include "subscription.h"

#define RETRY_NEVER UINT64_MAX

/* How long to wait after failure number `failures` (1, 2, ...): the schedule's step and, on top, a
 * random part of up to `jitter` of it, so that a retry is never early. RETRY_NEVER when the
 * schedule is over. */
uint64_t retry_wait_ms(const struct subscription *subscription, uint32_t failures,
                       struct random *random);

/* A preset's steps: "quick", "standard" or "day". Returns how many, or 0 if there is no such
 * preset. */
unsigned retry_preset(struct slice name, uint64_t steps_ms[static LIMIT_RETRY_STEPS]);

#endif
