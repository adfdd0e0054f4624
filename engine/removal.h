/* removal.h - a tenant is deleted, with all that it has.
 *
 * One synced write ends its document, those of its keys and subscriptions, and its data keys, and
 * has the one record of it in the audit log: a crash leaves all or nothing. Then the shards are
 * told, a few objects at a time so that none of them is busy with it for long: first the keys, so
 * that nothing comes in any more, then the subscriptions, whose deliveries end, and last the
 * tenant.
 *
 * With its log key goes what blocks still hold of its events and attempts (store/sealed.h): until
 * their retention ends they are bytes that nobody can read.
 *
 * Control's thread. A removal keeps a change on its way until it is over, so control does not end
 * before it (see changes.h).
 */
#ifndef ENGINE_REMOVAL_H
#define ENGINE_REMOVAL_H

#include "changes.h"

/* On 0, `on_done` is called when the shards know nothing of the tenant any more. Else -EIO or
 * -ENOMEM, and nothing has changed. */
MUST_CHECK int removal_begin(struct changes *changes, const struct mutation *by,
                             struct tenant *tenant, void (*on_done)(void *context), void *context);

#endif
