/* authenticator.h - what tells an endpoint's receiver who sends, where that is not the same in each
 * request: a JWT made for every attempt.
 *
 * One for an endpoint whose subscription asks for it; NULL stands for none in all that follows.
 * Borrows the subscription's settings. The shard's thread.
 */
#ifndef ENGINE_AUTHENTICATOR_H
#define ENGINE_AUTHENTICATOR_H

#include "auth.h"

struct authenticator;
struct random;

/* NULL: none is needed. Out of memory stops the process. */
struct authenticator *authenticator_open(const struct auth *auth, struct random *random);
void authenticator_close(struct authenticator *authenticator);

/* Prints the field for a request made at `at_ms` (wall time). */
void authenticator_put(const struct authenticator *authenticator, uint64_t at_ms,
                       struct text *head);

#endif
