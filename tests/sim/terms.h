/* terms.h - what a subscription asks for: drawn from the seed, and as the body that makes it. */
#ifndef SIM_TERMS_H
#define SIM_TERMS_H

#include "ledger.h"

#define TERMS_A_DAY UINT64_MAX

/* Fills in all but its state. `long_ms`: what the longest wait before a retry may be; TERMS_A_DAY:
 * schedules may be the preset of that name. */
void terms_draw(struct subscription_told *told, uint64_t long_ms);

void terms_print(const struct subscription_told *told, char *body, size_t room);

#endif
