/* repeat.h - requests with an Idempotency-Key: done once, answered as often as they are sent.
 *
 * The same key of the same access key names the same request: method, target, tenant and body. What
 * has been done is answered as it was, with "Idempotent-Replayed: true". The same key with another
 * request is a 422; while the first is still on its way it is a 409. A request that was refused has
 * changed nothing and may be sent again.
 */
#ifndef API_REPEAT_H
#define API_REPEAT_H

#include "call.h"

/* False: it has been answered. Else the call's answer is kept if it changes something. */
MUST_CHECK bool repeat_begin(struct call *call);

#endif
