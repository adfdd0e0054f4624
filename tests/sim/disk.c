/* disk.c - see disk.h. A family is an array of entries in order of key; entries never change and
 * are never freed, so a cursor is a copy of the array's part that it may see.
 */
#include "disk.h"

#include "store/families.h"
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct entry {
    struct slice key, value;
};

struct family_rows {
    const struct entry **rows;
    size_t count, room;
};

struct operation {
    size_t family;
    const struct entry *entry; /* of a range: from, below */
    enum { PUT, DROP, DROP_RANGE } what;
};

struct batch {
    struct operation *operations;
    size_t count, room;
};

struct db {
    struct family_rows families[FAMILIES_MAX];
    unsigned shards;
};

struct cursor {
    const struct entry **rows;
    size_t count, at;
};

/* What outlives a process. */
static struct {
    unsigned shards;
    struct batch *log;
    size_t count, room, durable;
    struct db *open;
} disk;

static struct slice copy(struct slice bytes)
{
    char *to = malloc(bytes.size ? bytes.size : 1);
    must(to);
    if (bytes.size)
        memcpy(to, bytes.at, bytes.size);
    return slice_of(to, bytes.size);
}

/* Room for one more element of `size` bytes. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return array;
    *room = *room ? 2 * *room : 16;
    array = realloc(array, *room * size);
    must(array);
    return array;
}

/* ---- rows in order ---- */

static int compare(struct slice a, struct slice b)
{
    size_t least = a.size < b.size ? a.size : b.size;
    int order = least ? memcmp(a.at, b.at, least) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* The first row whose key is not less. */
static size_t place_of(const struct entry *const *rows, size_t count, struct slice key)
{
    size_t low = 0, high = count;
    if (count > 0 && compare(rows[count - 1]->key, key) < 0)
        return count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare(rows[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void drop(struct family_rows *family, size_t from, size_t below)
{
    if (from >= below)
        return;
    memmove(&family->rows[from], &family->rows[below],
            (family->count - below) * sizeof *family->rows);
    family->count -= below - from;
}

static void apply(struct db *db, const struct operation *operation)
{
    struct family_rows *family = &db->families[operation->family];
    const struct entry *entry = operation->entry;
    size_t at = place_of(family->rows, family->count, entry->key);
    bool is_there = at < family->count && slice_equal(family->rows[at]->key, entry->key);
    if (operation->what == DROP) {
        drop(family, at, at + is_there);
        return;
    }
    if (operation->what == DROP_RANGE) {
        drop(family, at, place_of(family->rows, family->count, entry->value));
        return;
    }
    if (!is_there) {
        family->rows = grow(family->rows, family->count, &family->room, sizeof *family->rows);
        memmove(&family->rows[at + 1], &family->rows[at],
                (family->count - at) * sizeof *family->rows);
        family->count++;
    }
    family->rows[at] = entry;
}

static void apply_all(struct db *db, const struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        apply(db, &batch->operations[i]);
}

/* ---- crashes ---- */

void disk_crash(void)
{
    size_t kept = disk.durable + world_below(disk.count - disk.durable + 1);
    world_say("the disk kept %zu of %zu batches, %zu of them synced", kept, disk.count,
              disk.durable);
    disk.count = disk.durable = kept;
    disk.open = NULL;
}

/* ---- opening ---- */

int db_open(struct db **result, const char *path, const struct db_options *options,
            char why[static DB_WHY_SIZE])
{
    (void)path;
    struct db *db = calloc(1, sizeof *db);
    must(db && !disk.open);
    if (disk.shards < options->shards)
        disk.shards = options->shards;
    db->shards = disk.shards;
    for (size_t i = 0; i < disk.count; i++)
        apply_all(db, &disk.log[i]);
    why[0] = '\0';
    disk.open = *result = db;
    return 0;
}

void db_close(struct db *db)
{
    must(!db || db == disk.open);
    disk.open = NULL;
}

unsigned db_shards(const struct db *db)
{
    return db->shards;
}

const char *db_why(void)
{
    return "the virtual disk has no errors";
}

/* ---- writing ---- */

int batch_open(struct batch **batch)
{
    *batch = calloc(1, sizeof **batch);
    must(*batch);
    return 0;
}

void batch_close(struct batch *batch)
{
    free(batch);
}

static void add(struct batch *batch, const struct db *db, struct family family,
                const struct entry *entry, int what)
{
    must(family.shard < db->shards);
    batch->operations =
        grow(batch->operations, batch->count, &batch->room, sizeof *batch->operations);
    batch->operations[batch->count++] = (struct operation){families_index(family), entry, what};
}

static const struct entry *make_entry(struct slice key, struct slice value)
{
    struct entry *entry = malloc(sizeof *entry);
    must(entry);
    *entry = (struct entry){copy(key), copy(value)};
    return entry;
}

void batch_put(struct batch *batch, struct db *db, struct family family, struct slice key,
               struct slice value)
{
    add(batch, db, family, make_entry(key, value), PUT);
}

void batch_drop(struct batch *batch, struct db *db, struct family family, struct slice key)
{
    add(batch, db, family, make_entry(key, slice_of(NULL, 0)), DROP);
}

void batch_drop_range(struct batch *batch, struct db *db, struct family family, struct slice from,
                      struct slice below)
{
    add(batch, db, family, make_entry(from, below), DROP_RANGE);
}

void batch_clear(struct batch *batch)
{
    *batch = (struct batch){0};
}

size_t batch_count(const struct batch *batch)
{
    return batch->count;
}

static uint64_t time_of_sync(void)
{
    return world_one_in(50) ? world_below(300 * WORLD_MS) : world_below(5 * WORLD_MS);
}

int db_write(struct db *db, struct batch *batch, bool sync)
{
    must(db == disk.open);
    struct batch written = *batch;
    disk.log = grow(disk.log, disk.count, &disk.room, sizeof *disk.log);
    disk.log[disk.count++] = written;
    size_t covered = disk.count;
    batch_clear(batch);

    fiber_sleep(sync ? time_of_sync() : world_below(50 * WORLD_US));
    apply_all(db, &written);
    if (sync && covered > disk.durable)
        disk.durable = covered;
    return 0;
}

/* ---- reading ---- */

int db_get(struct db *db, struct family family, struct slice key, struct db_value *value)
{
    if (world_one_in(8))
        fiber_sleep(world_below(WORLD_MS));
    const struct family_rows *rows = &db->families[families_index(family)];
    size_t at = place_of(rows->rows, rows->count, key);
    if (at == rows->count || !slice_equal(rows->rows[at]->key, key))
        return -ENOENT;
    value->bytes = rows->rows[at]->value;
    value->pin = NULL;
    return 0;
}

void db_value_give(struct db_value *value)
{
    *value = (struct db_value){.pin = NULL};
}

int cursor_open(struct cursor **result, struct db *db, struct family family, struct slice from,
                struct slice below)
{
    must(db == disk.open);
    if (world_one_in(4))
        fiber_sleep(world_below(2 * WORLD_MS));
    const struct family_rows *rows = &db->families[families_index(family)];
    size_t first = from.size ? place_of(rows->rows, rows->count, from) : 0;
    size_t end = below.size ? place_of(rows->rows, rows->count, below) : rows->count;
    size_t count = end > first ? end - first : 0;
    struct cursor *cursor = calloc(1, sizeof *cursor);
    must(cursor);
    cursor->count = count;
    cursor->rows = malloc((count + 1) * sizeof *cursor->rows);
    must(cursor->rows);
    if (count)
        memcpy(cursor->rows, &rows->rows[first], count * sizeof *cursor->rows);
    *result = cursor;
    return 0;
}

int cursor_open_hasty(struct cursor **result, struct db *db, struct family family,
                      struct slice from, struct slice below)
{
    return cursor_open(result, db, family, from, below);
}

void cursor_close(struct cursor *cursor)
{
    if (cursor)
        free(cursor->rows);
    free(cursor);
}

/* Before the first is SIZE_MAX, behind the last is `count`: both are no entry. */
static bool stand(struct cursor *cursor, size_t at)
{
    cursor->at = at;
    return at < cursor->count;
}

bool cursor_first(struct cursor *cursor)
{
    return stand(cursor, 0);
}

bool cursor_last(struct cursor *cursor)
{
    return stand(cursor, cursor->count - 1);
}

bool cursor_next(struct cursor *cursor)
{
    return stand(cursor, cursor->at + 1);
}

bool cursor_prev(struct cursor *cursor)
{
    return stand(cursor, cursor->at - 1);
}

bool cursor_seek(struct cursor *cursor, struct slice key)
{
    return stand(cursor, place_of(cursor->rows, cursor->count, key));
}

bool cursor_seek_back(struct cursor *cursor, struct slice key)
{
    size_t at = place_of(cursor->rows, cursor->count, key);
    bool is_it = at < cursor->count && slice_equal(cursor->rows[at]->key, key);
    return stand(cursor, is_it ? at : at - 1);
}

struct slice cursor_key(const struct cursor *cursor)
{
    must(cursor->at < cursor->count);
    return cursor->rows[cursor->at]->key;
}

struct slice cursor_value(const struct cursor *cursor)
{
    must(cursor->at < cursor->count);
    return cursor->rows[cursor->at]->value;
}

int cursor_error(const struct cursor *cursor)
{
    (void)cursor;
    return 0;
}

/* ---- health ---- */

bool db_healthy(struct db *db)
{
    (void)db;
    return true;
}

/* The simulator takes no backups. */
int db_scrub(struct db *db, struct family family)
{
    (void)db, (void)family;
    return 0; /* what was dropped is gone */
}

int db_checkpoint(struct db *db, const char *directory, uint64_t *sequence)
{
    (void)db, (void)directory, (void)sequence;
    return -EIO;
}

void db_figures(struct db *db, struct db_figures *figures)
{
    (void)db;
    *figures = (struct db_figures){0};
}

void db_reads(struct db_reads *reads)
{
    *reads = (struct db_reads){0};
}

/* ---- for the ledger ---- */

static const struct family_rows *queue_of(unsigned shard)
{
    return &disk.open->families[families_index((struct family){FAMILY_QUEUE, shard})];
}

void disk_each_row(char kind, void (*row)(struct slice key, struct slice value))
{
    for (unsigned shard = 0; shard < disk.open->shards; shard++) {
        const struct family_rows *queue = queue_of(shard);
        size_t at = place_of(queue->rows, queue->count, slice_of(&kind, 1));
        for (; at < queue->count && queue->rows[at]->key.at[0] == kind; at++)
            row(queue->rows[at]->key, queue->rows[at]->value);
    }
}

bool disk_find_row(struct slice key, struct slice *value)
{
    for (unsigned shard = 0; shard < disk.open->shards; shard++) {
        const struct family_rows *queue = queue_of(shard);
        size_t at = place_of(queue->rows, queue->count, key);
        if (at < queue->count && slice_equal(queue->rows[at]->key, key)) {
            *value = queue->rows[at]->value;
            return true;
        }
    }
    return false;
}
