/* body.h - the bytes of a request's body: the event's own, or made from them for one attempt.
 *
 * What is made is in memory of the shard's arena until body_drop(). If none is free, the attempt
 * waits, and is none yet.
 */
#ifndef ENGINE_BODY_H
#define ENGINE_BODY_H

#include "base/must.h"
#include "base/slice.h"
#include "subscription.h"

struct shard;

struct body {
    struct slice bytes;
    void *made; /* the memory of `bytes`; NULL: they are the event's */
    bool is_gzip;
};

/* The body that carries `payload` to the subscription. False if no memory is free for now. */
MUST_CHECK bool body_make(struct shard *shard, const struct subscription *subscription,
                          struct slice payload, struct body *body);
void body_drop(struct shard *shard, struct body *body);

#endif
