/* deliveries.h - what routes about deliveries share. */
#ifndef API_DELIVERIES_H
#define API_DELIVERIES_H

#include "call.h"

/* Prints how the delivery stands into the call's text, if it is the tenant's; else answers, and is
 * false. */
MUST_CHECK bool deliveries_print(struct call *call, const struct id *id);

#endif
