/* gate_model.h - when a receiver's gate has to be shut: its circuit breaker, and the time that it
 * asked for by Retry-After. Told by the same outcomes as the engine's, and never by the engine.
 *
 * What is not known for sure (an attempt that no receiver saw, an end that may be none, a change of
 * the settings) makes the model unsure, and it forbids nothing then, until it knows again.
 */
#ifndef SIM_GATE_MODEL_H
#define SIM_GATE_MODEL_H

#include "ledger.h"

/* An attempt has come: fails the seed if it had to wait. */
void gate_model_begin(struct attempt_seen *attempt);

/* It has ended now. `retry_after_ms`: what a failure asked for. */
void gate_model_end(const struct attempt_seen *attempt, enum attempt_end end,
                    uint64_t retry_after_ms);

/* Somebody changes the subscription, or has just done so. */
void gate_model_disturb(const struct subscription_told *subscription);

#endif
