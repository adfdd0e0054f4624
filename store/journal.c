/* journal.c - a group is one write batch of RocksDB, filled as submissions are added.
 *
 * The number of the commit that will write the group is known while it gathers, so a block can be
 * sealed and copied into the batch as soon as its claims are checked; journal_commit() only writes.
 *
 * A claim is checked against the claims of the group first (by a hash table of pointers to them),
 * then against `dedup` on disk. The table is emptied by moving to another generation, so an
 * almost empty group costs nothing. It holds as many claims as callers hand over in one group:
 * their memory is what bounds it.
 *
 * Invariants: the batch holds whole submissions only, or the journal has failed and never writes
 * again. Owned and called by the journal's thread alone.
 */
#include "store/journal.h"

#include "base/random.h"
#include "store/attempt_index.h"
#include "store/keys.h"
#include "store/row.h"

#include <errno.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CLAIMS_FIRST_ROOM = 1024 };

struct claim_slot {
    struct claim *claim;
    uint64_t generation; /* in use if it is that of the table */
};

struct claim_table {
    struct claim_slot *slots;
    size_t room; /* a power of two, at least twice the count */
    size_t count;
    uint64_t generation, seed; /* the seed keeps who chooses keys from choosing slots */
};

struct journal {
    struct db *db;
    struct batch *batch;
    struct journal_options options;
    struct claim_table claims;
    struct journal_counters counters;
    uint64_t dedup_window_ms;
    uint64_t commit; /* the last one written */
    size_t pending;
    bool is_awaited; /* somebody is told when the group is durable */
    bool failed;
};

static const struct family dedup = {.kind = FAMILY_DEDUP};

/* ---- the claims of the group ---- */

static struct claim_slot *claims_slot(const struct claim_table *table, const struct claim *claim)
{
    uint64_t hash = XXH3_64bits_withSeed(claim->key, CLAIM_KEY_SIZE, table->seed);
    for (size_t i = hash & (table->room - 1);; i = (i + 1) & (table->room - 1)) {
        struct claim_slot *slot = &table->slots[i];
        if (!slot->claim || slot->generation != table->generation ||
            memcmp(slot->claim->key, claim->key, CLAIM_KEY_SIZE) == 0)
            return slot;
    }
}

static int claims_open(struct claim_table *table)
{
    *table = (struct claim_table){.room = CLAIMS_FIRST_ROOM, .generation = 1};
    table->slots = calloc(table->room, sizeof *table->slots);
    random_secret(&table->seed, sizeof table->seed);
    return table->slots ? 0 : -ENOMEM;
}

static int claims_grow(struct claim_table *table)
{
    struct claim_table grown = *table;
    grown.room *= 2;
    grown.slots = calloc(grown.room, sizeof *grown.slots);
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < table->room; i++)
        if (table->slots[i].generation == table->generation)
            *claims_slot(&grown, table->slots[i].claim) = table->slots[i];
    free(table->slots);
    *table = grown;
    return 0;
}

/* The claim of the group with the same key; NULL, and `claim` is put, if there is none. */
static int claims_put(struct claim_table *table, struct claim *claim, struct claim **earlier)
{
    if (2 * table->count >= table->room) {
        int error = claims_grow(table);
        if (error)
            return error;
    }
    struct claim_slot *slot = claims_slot(table, claim);
    *earlier = slot->generation == table->generation ? slot->claim : NULL;
    if (!*earlier) {
        *slot = (struct claim_slot){claim, table->generation};
        table->count++;
    }
    return 0;
}

static void claims_clear(struct claim_table *table)
{
    table->generation++;
    table->count = 0;
}

/* ---- opening ---- */

static int last_commit_of(struct db *db, struct family family, uint64_t *commit)
{
    struct cursor *cursor;
    int error = cursor_open(&cursor, db, family, slice_of(NULL, 0), slice_of(NULL, 0));
    if (error)
        return error;
    if (cursor_last(cursor)) {
        struct block_view view;
        error = block_peek(cursor_value(cursor), &view);
        if (!error && view.commit > *commit)
            *commit = view.commit;
    } else {
        error = cursor_error(cursor);
    }
    cursor_close(cursor);
    return error;
}

static int find_last_commit(struct db *db, uint64_t *commit)
{
    *commit = 0;
    for (unsigned shard = 0; shard < db_shards(db); shard++) {
        int error = last_commit_of(db, (struct family){FAMILY_EVENTS, shard}, commit);
        if (!error)
            error = last_commit_of(db, (struct family){FAMILY_ATTEMPTS, shard}, commit);
        if (error)
            return error;
    }
    return 0;
}

int journal_open(struct journal **result, struct db *db, uint64_t dedup_window_ms,
                 const struct journal_options *options)
{
    struct journal *journal = calloc(1, sizeof *journal);
    if (!journal)
        return -ENOMEM;
    journal->db = db;
    journal->options = *options;
    journal->dedup_window_ms = dedup_window_ms;
    int error = batch_open(&journal->batch);
    if (!error)
        error = claims_open(&journal->claims);
    if (!error)
        error = find_last_commit(db, &journal->commit);
    if (!error)
        error = attempt_index_begin(db, journal->batch, journal->commit + 1);
    if (error) {
        journal_close(journal);
        return error;
    }
    *result = journal;
    return 0;
}

void journal_close(struct journal *journal)
{
    if (!journal)
        return;
    batch_close(journal->batch);
    free(journal->claims.slots);
    free(journal);
}

/* ---- gathering ---- */

static bool is_in_window(const struct journal *journal, uint64_t first_ms, uint64_t now_ms)
{
    return now_ms < first_ms || now_ms - first_ms <= journal->dedup_window_ms;
}

static int find_on_disk(struct journal *journal, struct claim *claim)
{
    struct slice key = slice_of(claim->key, CLAIM_KEY_SIZE);
    struct db_value value;
    int error = db_get(journal->db, dedup, key, &value);
    if (error)
        return error == -ENOENT ? 0 : error;
    struct dedup_row row;
    error = dedup_row_decode(value.bytes, &row);
    db_value_give(&value);
    if (!error && is_in_window(journal, row.accepted_ms, claim->accepted_ms)) {
        claim->duplicate = true;
        claim->first = row.event;
    }
    return error;
}

static int check_claim(struct journal *journal, struct claim *claim)
{
    claim->duplicate = false;
    struct claim *earlier;
    int error = claims_put(&journal->claims, claim, &earlier);
    if (error)
        return error;
    if (earlier) {
        claim->duplicate = true;
        claim->first = earlier->duplicate ? earlier->first : earlier->event;
    } else {
        error = find_on_disk(journal, claim);
        if (error)
            return error;
    }
    if (claim->duplicate) {
        journal->counters.duplicates++;
        event_record_mark_duplicate(claim->record);
        return 0;
    }
    char value[DEDUP_ROW_SIZE];
    dedup_row_encode(&(struct dedup_row){claim->event, claim->accepted_ms}, value);
    batch_put(journal->batch, journal->db, dedup, slice_of(claim->key, CLAIM_KEY_SIZE),
              slice_of(value, sizeof value));
    return 0;
}

static void add_block(struct journal *journal, struct block *block, uint64_t mark)
{
    bool events = block->kind == BLOCK_EVENTS;
    struct family family = {events ? FAMILY_EVENTS : FAMILY_ATTEMPTS, block->shard};
    struct key key = key_block(block->number);
    block_seal(block, journal->commit + 1, mark);
    batch_put(journal->batch, journal->db, family, key_slice(&key), block_value(block));
    journal->pending += block->size;
}

int journal_add_events(struct journal *journal, struct journal_events *events)
{
    if (journal->failed)
        return -EIO;
    for (; events; events = events->next) {
        must(events->block.kind == BLOCK_EVENTS);
        for (struct claim *claim = events->claims; claim; claim = claim->next) {
            int error = check_claim(journal, claim);
            if (error) {
                journal->failed = true;
                return error;
            }
        }
        add_block(journal, &events->block, events->mark);
        journal->counters.events_blocks++;
        journal->is_awaited = true;
    }
    return 0;
}

static void add_document(struct journal *journal, const struct journal_document *document)
{
    static const struct family meta = {.kind = FAMILY_META};
    batch_put(journal->batch, journal->db, meta, key_slice(&document->key), document->value);
    journal->pending += document->value.size;
}

void journal_add_outcomes(struct journal *journal, struct journal_outcomes *outcomes)
{
    if (outcomes->attempts.count > 0) {
        must(outcomes->attempts.kind == BLOCK_ATTEMPTS);
        add_block(journal, &outcomes->attempts, 0);
        attempt_index_put(journal->db, journal->batch, &outcomes->attempts);
    }
    struct family queue = {FAMILY_QUEUE, outcomes->shard};
    struct slice rest = slice_of(outcomes->rows.at, outcomes->rows.size), key, value;
    while (row_log_next(&rest, &key, &value)) {
        if (value.at)
            batch_put(journal->batch, journal->db, queue, key, value);
        else
            batch_drop(journal->batch, journal->db, queue, key);
    }
    journal->pending += outcomes->rows.size;
    if (outcomes->document)
        add_document(journal, outcomes->document);
    journal->is_awaited |= outcomes->sync;
}

size_t journal_pending(const struct journal *journal)
{
    return journal->pending;
}

/* ---- committing ---- */

int journal_commit(struct journal *journal)
{
    if (journal->failed)
        return -EIO;
    if (journal->pending == 0)
        return 0;
    bool sync = journal->options.sync && journal->is_awaited;
    int error = db_write(journal->db, journal->batch, sync);
    if (error) {
        journal->failed = true;
        return error;
    }
    journal->commit++;
    journal->counters.commits++;
    journal->counters.syncs += sync;
    journal->counters.bytes += journal->pending;
    journal->pending = 0;
    journal->is_awaited = false;
    claims_clear(&journal->claims);
    return 0;
}

int journal_sync(struct journal *journal)
{
    if (journal->failed)
        return -EIO;
    must(journal->pending == 0);
    journal->counters.syncs++;
    return db_write(journal->db, journal->batch, true);
}

struct journal_counters journal_counters(const struct journal *journal)
{
    return journal->counters;
}
