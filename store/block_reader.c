/* block_reader.c - a handful of slots, the one used longest ago given up first.
 *
 * Records have no index of their own, so each slot remembers how far its walk has come:
 * going on from there is one step, going back starts the block anew. The values are pinned
 * in RocksDB, not copied.
 */
#include "store/block_reader.h"

#include "store/keys.h"

#include <errno.h>
#include <stdlib.h>

struct slot {
    struct db_value value; /* pin NULL: free */
    struct block_view view;
    struct slice rest; /* of the walk: what is from record `next` on */
    uint64_t used_at;  /* of the reader's count of uses */
    uint32_t next;
    unsigned shard;
};

struct block_reader {
    struct db *db;
    enum family_kind log;
    uint64_t uses;
    struct slot slots[BLOCK_READER_KEPT];
};

int block_reader_open(struct block_reader **result, struct db *db, enum family_kind log)
{
    must(log == FAMILY_EVENTS || log == FAMILY_ATTEMPTS);
    struct block_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return -ENOMEM;
    reader->db = db;
    reader->log = log;
    *result = reader;
    return 0;
}

static void slot_empty(struct slot *slot)
{
    if (slot->value.pin)
        db_value_give(&slot->value);
    *slot = (struct slot){.next = 0};
}

void block_reader_forget(struct block_reader *reader)
{
    for (size_t i = 0; i < BLOCK_READER_KEPT; i++)
        slot_empty(&reader->slots[i]);
}

void block_reader_close(struct block_reader *reader)
{
    if (!reader)
        return;
    block_reader_forget(reader);
    free(reader);
}

/* The slot that has the block, else the one to read it into. */
static struct slot *find_slot(struct block_reader *reader, unsigned shard, uint64_t number)
{
    struct slot *oldest = &reader->slots[0];
    for (size_t i = 0; i < BLOCK_READER_KEPT; i++) {
        struct slot *slot = &reader->slots[i];
        if (slot->value.pin && slot->shard == shard && slot->view.number == number)
            return slot;
        if (slot->used_at < oldest->used_at)
            oldest = slot;
    }
    slot_empty(oldest);
    return oldest;
}

static int slot_read(struct block_reader *reader, struct slot *slot, unsigned shard,
                     uint64_t number)
{
    struct key key = key_block(number);
    int error =
        db_get(reader->db, (struct family){reader->log, shard}, key_slice(&key), &slot->value);
    if (error)
        return error;
    error = block_open(slot->value.bytes, &slot->view);
    if (!error && (slot->view.number != number || slot->view.shard != shard))
        error = -EBADMSG;
    if (error) {
        slot_empty(slot);
        return error;
    }
    slot->shard = shard;
    slot->rest = slot->view.records;
    return 0;
}

static int get_slot(struct block_reader *reader, unsigned shard, uint64_t number,
                    struct slot **result)
{
    if (shard >= db_shards(reader->db))
        return -ENOENT;
    struct slot *slot = find_slot(reader, shard, number);
    if (!slot->value.pin) {
        int error = slot_read(reader, slot, shard, number);
        if (error)
            return error;
    }
    slot->used_at = ++reader->uses;
    *result = slot;
    return 0;
}

int block_reader_get(struct block_reader *reader, unsigned shard, uint64_t number,
                     struct block_view *view)
{
    struct slot *slot;
    int error = get_slot(reader, shard, number, &slot);
    if (!error)
        *view = slot->view;
    return error;
}

int block_reader_record(struct block_reader *reader, unsigned shard, uint64_t number,
                        uint32_t index, struct slice *record)
{
    struct slot *slot;
    int error = get_slot(reader, shard, number, &slot);
    if (error)
        return error;
    if (index >= slot->view.count)
        return -ENOENT;
    if (index < slot->next) {
        slot->next = 0;
        slot->rest = slot->view.records;
    }
    while (slot->next <= index) {
        must(block_next(&slot->rest, record));
        slot->next++;
    }
    return 0;
}
