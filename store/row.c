/* row.c - the codecs of row.h. Pure functions; decoders trust no byte.
 *
 * delivery row                            wait row
 *        0    1  version (2)                     0    1  version (2)
 *        1    1  status                          1    4  attempt count
 *        2    1  last outcome                    5    8  due_ms; not in version 1
 *        3    1  count of blocks                13    4  XXH32 of all before
 *        4    2  last HTTP status
 *        6    2  0
 *        8    4  attempt count
 *       12    8  next_attempt_ms
 *       20    8  updated_ms
 *       28    4  attempts before; not in version 1
 *       32       blocks, 8 each
 *           +4   XXH32 of all before
 *
 * outage row
 *        0    1  version (2)
 *        1    8  since_ms
 *        9    8  told_ms; not in version 1
 *       17    8  recovered_ms; not in version 1
 *       25    4  XXH32 of all before
 *
 * dedup row: event 16, accepted_ms 8 (big-endian)
 */
#include "store/row.h"

#include "store/bytes.h"

#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    DELIVERY_VERSION = 2,
    WAIT_VERSION = 2,
    OUTAGE_VERSION = 2,
    DELIVERY_ROW_HEAD = 32,
    DELIVERY_ROW_HEAD_1 = 28, /* of version 1 */
    WAIT_ROW_SIZE_1 = 9,      /* of version 1 */
    OUTAGE_ROW_SIZE_1 = 13,   /* of version 1 */
    CHECKSUM_SIZE = 4,
    ID_SIZE = sizeof(struct id),
};

_Static_assert(DELIVERY_ROW_HEAD + 8 * RECORD_ATTEMPTS_KEPT + CHECKSUM_SIZE <=
                   DELIVERY_ROW_SIZE_MAX,
               "a full row fits");

/* The upper 16 bits of a kept place: 0 for the row's own shard, else 1 + shard. */
enum { PLACE_SHARD_SHIFT = 48 };

struct attempts_place attempts_place(uint64_t kept, unsigned home)
{
    unsigned tag = (unsigned)(kept >> PLACE_SHARD_SHIFT);
    return (struct attempts_place){
        .shard = tag ? tag - 1 : home,
        .block = kept & ((UINT64_C(1) << PLACE_SHARD_SHIFT) - 1),
    };
}

uint64_t attempts_place_keep(struct attempts_place place)
{
    must(place.block >> PLACE_SHARD_SHIFT == 0);
    return ((uint64_t)place.shard + 1) << PLACE_SHARD_SHIFT | place.block;
}

static void seal_row(char *row, size_t size)
{
    bytes_put_u32(row + size, XXH32(row, size, 0));
}

static bool row_is_sealed(struct slice value)
{
    size_t size = value.size - CHECKSUM_SIZE;
    return value.size > CHECKSUM_SIZE && bytes_get_u32(value.at + size) == XXH32(value.at, size, 0);
}

size_t delivery_row_encode(const struct delivery_row *row, char out[static DELIVERY_ROW_SIZE_MAX])
{
    must(row->block_count <= RECORD_ATTEMPTS_KEPT);
    must(attempt_outcome_name(row->last_outcome));
    must(delivery_status_name(row->status));
    out[0] = DELIVERY_VERSION;
    out[1] = (char)row->status;
    out[2] = (char)row->last_outcome;
    out[3] = (char)row->block_count;
    bytes_put_u16(out + 4, row->last_http_status);
    bytes_put_u16(out + 6, 0);
    bytes_put_u32(out + 8, row->attempt_count);
    bytes_put_u64(out + 12, row->next_attempt_ms);
    bytes_put_u64(out + 20, row->updated_ms);
    bytes_put_u32(out + 28, row->attempts_before);
    for (uint32_t i = 0; i < row->block_count; i++)
        bytes_put_u64(out + DELIVERY_ROW_HEAD + (size_t)8 * i, row->blocks[i]);
    size_t size = DELIVERY_ROW_HEAD + 8 * (size_t)row->block_count;
    seal_row(out, size);
    return size + CHECKSUM_SIZE;
}

int delivery_row_decode(struct slice value, struct delivery_row *row)
{
    const char *at = value.at;
    if (!row_is_sealed(value) || value.size < DELIVERY_ROW_HEAD_1 + CHECKSUM_SIZE)
        return -EBADMSG;
    size_t head = at[0] == 1 ? DELIVERY_ROW_HEAD_1 : DELIVERY_ROW_HEAD;
    *row = (struct delivery_row){
        .status = (enum delivery_status)(unsigned char)at[1],
        .last_outcome = (enum attempt_outcome)(unsigned char)at[2],
        .block_count = (unsigned char)at[3],
        .last_http_status = bytes_get_u16(at + 4),
        .attempt_count = bytes_get_u32(at + 8),
        .next_attempt_ms = bytes_get_u64(at + 12),
        .updated_ms = bytes_get_u64(at + 20),
    };
    if ((at[0] != 1 && at[0] != DELIVERY_VERSION) || row->block_count > RECORD_ATTEMPTS_KEPT)
        return -EBADMSG;
    if (!delivery_status_name(row->status) || !attempt_outcome_name(row->last_outcome))
        return -EBADMSG;
    if (value.size != head + 8 * (size_t)row->block_count + CHECKSUM_SIZE)
        return -EBADMSG;
    if (at[0] == DELIVERY_VERSION)
        row->attempts_before = bytes_get_u32(at + 28);
    for (uint32_t i = 0; i < row->block_count; i++)
        row->blocks[i] = bytes_get_u64(at + head + (size_t)8 * i);
    return 0;
}

void wait_row_encode(const struct wait_row *row, char out[static WAIT_ROW_SIZE])
{
    out[0] = WAIT_VERSION;
    bytes_put_u32(out + 1, row->attempt_count);
    bytes_put_u64(out + 5, row->due_ms);
    seal_row(out, WAIT_ROW_SIZE - CHECKSUM_SIZE);
}

int wait_row_decode(struct slice value, struct wait_row *row)
{
    bool is_old = value.size == WAIT_ROW_SIZE_1;
    if ((value.size != WAIT_ROW_SIZE && !is_old) || !row_is_sealed(value) ||
        value.at[0] != (is_old ? 1 : WAIT_VERSION))
        return -EBADMSG;
    row->attempt_count = bytes_get_u32(value.at + 1);
    row->due_ms = is_old ? 0 : bytes_get_u64(value.at + 5);
    return 0;
}

void outage_row_encode(const struct outage_row *row, char out[static OUTAGE_ROW_SIZE])
{
    out[0] = OUTAGE_VERSION;
    bytes_put_u64(out + 1, row->since_ms);
    bytes_put_u64(out + 9, row->told_ms);
    bytes_put_u64(out + 17, row->recovered_ms);
    seal_row(out, OUTAGE_ROW_SIZE - CHECKSUM_SIZE);
}

int outage_row_decode(struct slice value, struct outage_row *row)
{
    bool is_first = value.size == OUTAGE_ROW_SIZE_1;
    if ((!is_first && value.size != OUTAGE_ROW_SIZE) || !row_is_sealed(value) ||
        value.at[0] != (is_first ? 1 : OUTAGE_VERSION))
        return -EBADMSG;
    *row = (struct outage_row){.since_ms = bytes_get_u64(value.at + 1)};
    if (is_first)
        return 0;
    row->told_ms = bytes_get_u64(value.at + 9);
    row->recovered_ms = bytes_get_u64(value.at + 17);
    return 0;
}

void dedup_row_encode(const struct dedup_row *row, char out[static DEDUP_ROW_SIZE])
{
    memcpy(out, &row->event, ID_SIZE);
    bytes_put_u64_big(out + ID_SIZE, row->accepted_ms);
}

int dedup_row_decode(struct slice value, struct dedup_row *row)
{
    if (value.size != DEDUP_ROW_SIZE)
        return -EBADMSG;
    memcpy(&row->event, value.at, ID_SIZE);
    row->accepted_ms = bytes_get_u64_big(value.at + ID_SIZE);
    return 0;
}
