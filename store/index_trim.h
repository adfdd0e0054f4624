/* index_trim.h - drops from the attempt index what leads from blocks of events that retention took,
 * by age or by size: a shard a step.
 */
#ifndef STORE_INDEX_TRIM_H
#define STORE_INDEX_TRIM_H

#include "store/db.h"

/* Zero: from the first shard. */
struct index_trim {
    unsigned shard;
    bool is_over;
};

/* One step. 0 or -errno: try again later. */
MUST_CHECK int index_trim_step(struct index_trim *trim, struct db *db);

#endif
