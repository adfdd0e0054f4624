/* tempo.h - a subscription's rate limit, as its receiver sees it. */
#ifndef SIM_TEMPO_H
#define SIM_TEMPO_H

#include "ledger.h"

/* Fails the seed if, in some stretch of time that ends with this attempt, more were begun than the
 * burst and what the rate gives in that time. */
void tempo_check(const struct attempt_seen *attempt);

#endif
