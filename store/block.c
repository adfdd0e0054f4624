/* block.c - building a block in place and reading it back. The layout is in block.h.
 *
 * The memory is the caller's throughout; a struct block is only where the next record goes. Nothing
 * is trusted that comes from disk: block_open() walks all record heads once, so that block_next()
 * needs no error.
 */
#include "store/block.h"

#include "store/bytes.h"

#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { BLOCK_VERSION = 1 };

/* Offsets in the head. */
enum {
    AT_CHECKSUM = 0,
    AT_VERSION = 8,
    AT_KIND = 9,
    AT_SHARD = 10,
    AT_COUNT = 12,
    AT_NUMBER = 16,
    AT_COMMIT = 24,
    AT_MARK = 32,
    AT_FIRST_MS = 40,
    AT_LAST_MS = 48,
    AT_RECORDS_SIZE = 56,
    AT_ZERO = 60,
};

void block_init(struct block *block, enum block_kind kind, unsigned shard, uint64_t number,
                char *memory, size_t room)
{
    must(room >= BLOCK_HEAD_SIZE);
    must(shard <= UINT16_MAX);
    *block = (struct block){
        .at = memory,
        .room = room < UINT32_MAX ? room : UINT32_MAX,
        .size = BLOCK_HEAD_SIZE,
        .number = number,
        .shard = (uint16_t)shard,
        .kind = kind,
    };
}

char *block_append(struct block *block, size_t size, uint64_t wall_ms)
{
    size_t left = block->room - block->size;
    if (left < BLOCK_RECORD_HEAD || size > left - BLOCK_RECORD_HEAD)
        return NULL;
    char *record = block->at + block->size;
    bytes_put_u32(record, (uint32_t)size);
    block->size += BLOCK_RECORD_HEAD + size;
    if (block->count == 0 || wall_ms < block->first_ms)
        block->first_ms = wall_ms;
    if (wall_ms > block->last_ms)
        block->last_ms = wall_ms;
    block->count++;
    return record + BLOCK_RECORD_HEAD;
}

void block_rewind(struct block *block, const struct block *then)
{
    must(block->at == then->at && block->number == then->number);
    must(block->size >= then->size && block->count >= then->count);
    *block = *then;
}

void block_seal(struct block *block, uint64_t commit, uint64_t mark)
{
    char *head = block->at;
    head[AT_VERSION] = BLOCK_VERSION;
    head[AT_KIND] = (char)block->kind;
    bytes_put_u16(head + AT_SHARD, block->shard);
    bytes_put_u32(head + AT_COUNT, block->count);
    bytes_put_u64(head + AT_NUMBER, block->number);
    bytes_put_u64(head + AT_COMMIT, commit);
    bytes_put_u64(head + AT_MARK, mark);
    bytes_put_u64(head + AT_FIRST_MS, block->first_ms);
    bytes_put_u64(head + AT_LAST_MS, block->last_ms);
    bytes_put_u32(head + AT_RECORDS_SIZE, (uint32_t)(block->size - BLOCK_HEAD_SIZE));
    bytes_put_u32(head + AT_ZERO, 0);
    bytes_put_u64(head + AT_CHECKSUM, XXH3_64bits(head + AT_VERSION, block->size - AT_VERSION));
}

void block_reseal(char *value, size_t size)
{
    bytes_put_u64(value + AT_CHECKSUM, XXH3_64bits(value + AT_VERSION, size - AT_VERSION));
}

struct slice block_value(const struct block *block)
{
    return slice_of(block->at, block->size);
}

int block_peek(struct slice value, struct block_view *view)
{
    const char *head = value.at;
    if (value.size < BLOCK_HEAD_SIZE || head[AT_VERSION] != BLOCK_VERSION)
        return -EBADMSG;
    if (head[AT_KIND] != BLOCK_EVENTS && head[AT_KIND] != BLOCK_ATTEMPTS)
        return -EBADMSG;
    if (bytes_get_u32(head + AT_RECORDS_SIZE) != value.size - BLOCK_HEAD_SIZE)
        return -EBADMSG;
    *view = (struct block_view){
        .kind = (enum block_kind)head[AT_KIND],
        .shard = bytes_get_u16(head + AT_SHARD),
        .count = bytes_get_u32(head + AT_COUNT),
        .number = bytes_get_u64(head + AT_NUMBER),
        .commit = bytes_get_u64(head + AT_COMMIT),
        .mark = bytes_get_u64(head + AT_MARK),
        .first_ms = bytes_get_u64(head + AT_FIRST_MS),
        .last_ms = bytes_get_u64(head + AT_LAST_MS),
        .records = slice_skip(value, BLOCK_HEAD_SIZE),
    };
    return 0;
}

static bool records_are_whole(struct slice rest, uint32_t count)
{
    for (; count > 0; count--) {
        if (rest.size < BLOCK_RECORD_HEAD)
            return false;
        size_t size = bytes_get_u32(rest.at);
        if (size > rest.size - BLOCK_RECORD_HEAD)
            return false;
        rest = slice_skip(rest, BLOCK_RECORD_HEAD + size);
    }
    return rest.size == 0;
}

int block_open(struct slice value, struct block_view *view)
{
    int error = block_peek(value, view);
    if (error)
        return error;
    if (bytes_get_u64(value.at) != XXH3_64bits(value.at + AT_VERSION, value.size - AT_VERSION))
        return -EBADMSG;
    return records_are_whole(view->records, view->count) ? 0 : -EBADMSG;
}

bool block_next(struct slice *rest, struct slice *record)
{
    if (rest->size == 0)
        return false;
    size_t size = bytes_get_u32(rest->at);
    *record = slice_of(rest->at + BLOCK_RECORD_HEAD, size);
    *rest = slice_skip(*rest, BLOCK_RECORD_HEAD + size);
    return true;
}
