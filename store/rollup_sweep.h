/* rollup_sweep.h - drops the sums of tenants that are gone, in small steps; what a crash leaves,
 * the next sweep finds.
 */
#ifndef STORE_ROLLUP_SWEEP_H
#define STORE_ROLLUP_SWEEP_H

#include "base/id.h"
#include "store/db.h"

/* Zero: from the first tenant. */
struct rollup_sweep {
    struct id after; /* the last tenant that is dealt with */
    bool is_over;
};

/* One step. `knows` says whether the tenant is there. 0 or -errno: try again later. */
MUST_CHECK int rollup_sweep_step(struct rollup_sweep *sweep, struct db *db,
                                 bool (*knows)(void *context, const struct id *tenant),
                                 void *context);

#endif
