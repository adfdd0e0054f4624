/* attempt_index.h - from events to what came of them: which blocks of attempts tell of the events
 * of a block, so that nobody has to read what became of all the others meanwhile.
 *
 * One row of `stats` for each pair of a block of events and a block of attempts, written with the
 * attempts. Only attempts that end a delivery count: after any other it has a row of its own.
 */
#ifndef STORE_ATTEMPT_INDEX_H
#define STORE_ATTEMPT_INDEX_H

#include "store/block.h"
#include "store/db.h"
#include "store/row.h"

/* ---- writing ---- */

/* From the next commit on, which is number `commit`, the index is kept; unless it is already. */
MUST_CHECK int attempt_index_begin(struct db *db, struct batch *batch, uint64_t commit);

/* Puts the rows of a block of attempts that is complete. */
void attempt_index_put(struct db *db, struct batch *batch, const struct block *attempts);

/* ---- reading ---- */

struct attempt_index;

/* As it is now. 0, -ENOMEM, -EBADMSG or -EIO. */
MUST_CHECK int attempt_index_open(struct attempt_index **index, struct db *db);
void attempt_index_close(struct attempt_index *index); /* NULL is allowed */

/* Whether it leads to all attempts of an event whose block has this commit: it was kept then. */
bool attempt_index_covers(const struct attempt_index *index, uint64_t commit);

/* The blocks of attempts that tell of the events of a block: by shard, oldest first. 0; -ENOENT
 * when there are no more; -EBADMSG; -EIO. One may be gone. */
MUST_CHECK int attempt_index_first(struct attempt_index *index, const struct id *event,
                                   struct attempts_place *attempts);
MUST_CHECK int attempt_index_next(struct attempt_index *index, struct attempts_place *attempts);

#endif
