/* body.h - the bytes of a request's body: the event's own, or made for one attempt.
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
    struct slice content; /* before it is compressed: what is signed */
    void *made;           /* the memory of `bytes`; NULL: they are the event's */
    void *plain;          /* that of `content`, if it is not the same and not the event's */
    bool is_gzip;
};

/* The body that carries `payload` to the subscription. False if no memory is free for now. */
MUST_CHECK bool body_make(struct shard *shard, const struct subscription *subscription,
                          struct slice payload, struct body *body);
/* A body of `content`, which begins where a buffer of the shard's memory does. That is the body's
 * from now on, and given back if there is none. */
MUST_CHECK bool body_take(struct shard *shard, const struct subscription *subscription,
                          struct slice content, struct body *body);

/* Lets go of the content. */
void body_signed(struct shard *shard, struct body *body);
void body_drop(struct shard *shard, struct body *body);

#endif
