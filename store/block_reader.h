/* block_reader.h - blocks of one log by number and their records by index; keeps the last few, so
 * that reading records in about their order costs one read a block. One thread's.
 */
#ifndef STORE_BLOCK_READER_H
#define STORE_BLOCK_READER_H

#include "store/block.h"
#include "store/db.h"

enum { BLOCK_READER_KEPT = 8 };

struct block_reader;

/* `log`: FAMILY_EVENTS or FAMILY_ATTEMPTS. */
MUST_CHECK int block_reader_open(struct block_reader **reader, struct db *db, enum family_kind log);
void block_reader_close(struct block_reader *reader); /* NULL is allowed */

/* Lets go of the blocks it has: one may have been written anew. */
void block_reader_forget(struct block_reader *reader);

/* A block, checked. Its bytes stay while fewer than BLOCK_READER_KEPT others are read. 0; -ENOENT;
 * -EBADMSG; -EIO. */
MUST_CHECK int block_reader_get(struct block_reader *reader, unsigned shard, uint64_t number,
                                struct block_view *view);

/* A record, which stays as its block does. -ENOENT also if the block has no such record. */
MUST_CHECK int block_reader_record(struct block_reader *reader, unsigned shard, uint64_t number,
                                   uint32_t index, struct slice *record);

#endif
