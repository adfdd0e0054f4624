/* bundle.h - deliveries that go in one request: "delivery": {"mode": "batch", ...}.
 *
 * The body is a JSON array with a member for each:
 *
 *   {"id","type","timestamp","payload"}                         its payload is JSON
 *   {"id","type","timestamp","content_type","payload_base64"}   it is something else
 *
 * Fresh deliveries gather until there are max_events of them or max_bytes, or the oldest has waited
 * for max_wait. Retries go with those they failed with, which are due at the same moment. What a
 * batch holds is limited further by what is free: of attempts, as if each member were one, and of
 * memory.
 *
 * Its id is made of its members', so it is the same whenever the same go together.
 */
#ifndef ENGINE_BUNDLE_H
#define ENGINE_BUNDLE_H

#include "base/id.h"
#include "base/must.h"

struct body;
struct delivery;
struct endpoint;
struct event_record;
struct shard;
struct subscription;

/* The bytes that an event takes in a body, or a little more; 0 if the subscription has no batches.
 */
uint32_t bundle_weight(const struct subscription *subscription, const struct event_record *event);

/* When the deliveries that are ready may go, as far as that is for batches to say: monotonic ms;
 * not after now if they may; UINT64_MAX if an event has to come first. */
uint64_t bundle_opens_ms(const struct shard *shard, const struct endpoint *endpoint);

/* How many go together, from `first` on in its list; 1 if there are no batches. */
unsigned bundle_count(const struct shard *shard, const struct delivery *first);

/* What of it is so many deliveries from `first` on: a body in memory of the shard. False: there is
 * none free now. */
MUST_CHECK bool bundle_write(struct shard *shard, const struct delivery *first, unsigned count,
                             struct body *body);

/* Whether all of them say the same of a trace. */
bool bundle_has_one_trace(const struct delivery *first, unsigned count);

struct id bundle_id(const struct delivery *first, unsigned count);

#endif
