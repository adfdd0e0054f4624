/* authenticator.h - what tells an endpoint's receiver who sends, where that is not the same in each
 * request: a JWT made for every attempt, or an access token (oauth.h).
 *
 * One for an endpoint whose subscription asks for it; NULL stands for none in all that follows.
 * Borrows the subscription. The shard's thread.
 */
#ifndef ENGINE_AUTHENTICATOR_H
#define ENGINE_AUTHENTICATOR_H

#include "oauth.h"

struct authenticator;

/* NULL: none is needed. Out of memory stops the process. `parts->on_change` is called when
 * authenticator_is_ready() may say something else. */
struct authenticator *authenticator_open(const struct oauth_parts *parts);
void authenticator_close(struct authenticator *authenticator);

/* Whether attempts may begin: there is what they need, or it is settled that it is not to be had.
 * Asking is what makes it be got. */
bool authenticator_is_ready(struct authenticator *authenticator);

/* Prints the field for a request made at `at_ms` (wall time). Returns the number of the access
 * token in it; 0: there is none. */
uint64_t authenticator_put(const struct authenticator *authenticator, uint64_t at_ms,
                           struct text *head);

/* True: the attempt has to end as `call` now says, without a request. */
bool authenticator_fails(const struct authenticator *authenticator, struct http_call *call);

/* The receiver answered with `status` to a request with the token of this number. True: it refused
 * a token that is used no more, and may be asked again at once. */
bool authenticator_is_outdated(struct authenticator *authenticator, uint64_t token, int status);

#endif
