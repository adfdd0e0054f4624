/* order_check.h - the order of events, of a subscription or within each key: one at a time, and
 * none before another that was answered before it was published, or that is before it in its batch.
 */
#ifndef SIM_ORDER_CHECK_H
#define SIM_ORDER_CHECK_H

#include "ledger.h"

/* An attempt has come. Called before it is written down. */
void order_check(const struct attempt_seen *attempt);

#endif
