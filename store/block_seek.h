/* block_seek.h - finding a block of a log by what its head says, not by its number. */
#ifndef STORE_BLOCK_SEEK_H
#define STORE_BLOCK_SEEK_H

#include "store/block.h"
#include "store/db.h"

enum block_order { BLOCK_BY_COMMIT, BLOCK_BY_FIRST_MS };

/* Moves a cursor over a whole log to the first block whose commit, or first_ms, is at least
 * `value`. 0; -ENOENT if there is none; -EBADMSG; -EIO. Commits ascend strictly. Times ascend as
 * the clock did: if it was set back, the block found is one of several that would do. */
MUST_CHECK int block_seek(struct cursor *cursor, enum block_order order, uint64_t value);

/* The same from the block on which the cursor stands, or after it: the nearer, the quicker. */
MUST_CHECK int block_seek_on(struct cursor *cursor, enum block_order order, uint64_t value);

#endif
