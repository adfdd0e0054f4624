/* rotation.h - giving a subscription a new secret while those before it go on for a while.
 *
 * The new one is the current one at once. Those before it sign beside it until their time is over
 * (signature.h); each has a time of its own, which a later rotation does not change, unless that
 * has no overlap: then all that were before it end at once. At most LIMIT_SECRETS are live.
 */
#ifndef ENGINE_ROTATION_H
#define ENGINE_ROTATION_H

#include "base/must.h"
#include "subscription.h"

#define ROTATION_OVERLAP_MS     (UINT64_C(24) * 3600 * 1000) /* unless it is given */
#define ROTATION_OVERLAP_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

struct changes;

/* What comes of `before` when `secret`, which fits its scheme, becomes the current one: one that
 * was is live until now + overlap. 0; -EBUSY if too many are live; -ENOMEM. */
MUST_CHECK int rotation_make(const struct subscription *before, struct slice secret,
                             uint64_t overlap_ms, uint64_t now_ms, struct subscription **after);

/* When the last of those before the current one ends; 0: there is none that is live. */
uint64_t rotation_ends_ms(const struct subscription *subscription, uint64_t now_ms);

/* Drops secrets whose time is over from what is stored. Looks at a few subscriptions each time it
 * is called, from where *cursor says: nothing but tidiness depends on it. */
void rotation_sweep(struct changes *changes, size_t *cursor, uint64_t now_ms);

#endif
