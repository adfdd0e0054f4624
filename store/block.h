/* block.h - many records in one value: the unit of storage of both logs.
 *
 * A block is built in memory that the caller gives, and the same bytes go to disk.
 *
 *   offset size
 *        0    8  checksum: XXH3 of all that follows
 *        8    1  version (1)
 *        9    1  kind: 'E' events, 'A' attempts
 *       10    2  shard
 *       12    4  count of records
 *       16    8  number
 *       24    8  commit: the number of the commit that wrote it; ascending over all blocks of the
 *               database
 *       32    8  mark (events): every delivery of this shard's blocks before it was settled or had
 * a row when this was committed 40    8  first_ms of the records, wall time 48    8  last_ms 56 4
 * size of the records 60    4  0 64       records, each: size u32 (of what follows), bytes Numbers
 * inside blocks and records are little-endian.
 */
#ifndef STORE_BLOCK_H
#define STORE_BLOCK_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum { BLOCK_HEAD_SIZE = 64, BLOCK_RECORD_HEAD = 4 };
enum block_kind { BLOCK_EVENTS = 'E', BLOCK_ATTEMPTS = 'A' };

struct block {
    char *at;
    size_t room, size; /* size counts the head */
    uint64_t number, first_ms, last_ms;
    uint32_t count;
    uint16_t shard;
    enum block_kind kind;
};

/* Begins an empty block in `memory` (room >= BLOCK_HEAD_SIZE). */
void block_init(struct block *block, enum block_kind kind, unsigned shard, uint64_t number,
                char *memory, size_t room);

/* Room for a record of `size` bytes, which the caller fills; NULL if there is none. wall_ms: its
 * time. */
char *block_append(struct block *block, size_t size, uint64_t wall_ms);

/* Back to an earlier state of the same block: a copy of the struct made then. */
void block_rewind(struct block *block, const struct block *then);

/* Writes the head: the block is then the value block_value() of block_key(). */
void block_seal(struct block *block, uint64_t commit, uint64_t mark);
/* Seals a whole value again whose records were changed in place. */
void block_reseal(char *value, size_t size);
struct slice block_value(const struct block *block);

/* ---- reading ---- */

struct block_view {
    enum block_kind kind;
    unsigned shard;
    uint32_t count;
    uint64_t number, commit, mark, first_ms, last_ms;
    struct slice records;
};

/* The head alone, without the checksum: for skipping. 0, or -EBADMSG. */
MUST_CHECK int block_peek(struct slice value, struct block_view *view);

/* Checks everything. 0, or -EBADMSG. */
MUST_CHECK int block_open(struct slice value, struct block_view *view);

/* Walks the records: `rest` starts as view.records. False at the end. (A block that block_open()
 * took is whole: no error is possible.) */
bool block_next(struct slice *rest, struct slice *record);

#endif
