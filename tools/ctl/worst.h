/* worst.h - which endpoints fail most: the tenant's deliveries of the last hour that have failed,
 * counted by subscription. It looks at the latest WORST_LOOKED_AT.
 */
#ifndef CTL_WORST_H
#define CTL_WORST_H

#include "base/text.h"
#include "tools/ctl/session.h"

enum { WORST_LOOKED_AT = 250, WORST_SHOWN = 5, WORST_ID_SIZE = 64 };

struct worst_endpoint {
    char subscription[WORST_ID_SIZE];
    unsigned failing;            /* deliveries: retrying or dead */
    char outcome[WORST_ID_SIZE]; /* of the latest attempt */
};

struct worst {
    struct worst_endpoint list[WORST_LOOKED_AT];
    unsigned count;
};

/* Asks, and sorts: the worst first. What the key may not see is not shown. EXIT_DONE or
 * EXIT_UNREACHABLE. */
MUST_CHECK int worst_ask(struct worst *worst, struct session *session);

/* As JSON, an array of WORST_SHOWN at most. */
void worst_print(const struct worst *worst, struct text *text);

/* As a table; nothing if there are none. */
void worst_show(const struct worst *worst);

#endif
