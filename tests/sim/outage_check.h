/* outage_check.h - a subscription that has brought nothing but failures for five days is disabled,
 * restarts included. */
#ifndef SIM_OUTAGE_CHECK_H
#define SIM_OUTAGE_CHECK_H

#include "ledger.h"

/* An attempt has come: fails the seed if there should be none any more. */
void outage_check_begin(const struct attempt_seen *attempt);
void outage_check_end(const struct attempt_seen *attempt, bool is_success);

/* Somebody changes the subscription: it may be a person who says that all is well. */
void outage_check_disturb(const struct subscription_told *subscription);

#endif
