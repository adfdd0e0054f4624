/* subscriptions.h - what routes about one subscription share. */
#ifndef API_SUBSCRIPTIONS_H
#define API_SUBSCRIPTIONS_H

#include "call.h"

/* That of the call's tenant with this id or this uid, or NULL. */
struct subscription *subscriptions_named(const struct call *call, struct slice text);

/* The optional parameter `subscription`: an id, also of one that is gone, or the uid of one that is
 * there. `has`: it was given. False: it is neither, which has been answered. */
MUST_CHECK bool subscriptions_query(struct call *call, struct id *id, bool *has);

/* The subscription that the path names, if it is the tenant's; else answers 404; or
 * 412, if it is not in the state that the request asks for. */
struct subscription *subscriptions_find(struct call *call);

/* Begins the change; answers with `reply` when it is done, or at once if it cannot be begun. Takes
 * `after` over. */
void subscriptions_change(struct call *call, const char *action, struct subscription *before,
                          struct subscription *after, struct reply *reply);

#endif
