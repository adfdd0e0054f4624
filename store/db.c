/* db.c - the door to RocksDB 7.8 through its C API.
 *
 * Opening. The log is read with a torn tail tolerated and any other damage refused: skipping
 * records in its middle would silently lose what was acknowledged. But a power failure may also
 * leave the unsynced tail with a hole (a later page on disk, an earlier one not), which looks like
 * damage. So a refused log is looked at again, without changing anything: if what can be read up to
 * the damage reaches the watermark (watermark.h), then all that was known to be durable is there,
 * and the log is given up from the tear on. If not, it is damage, and is refused.
 *
 * Lifetimes: handles are destroyed before the database, options, filters and cache after it.
 */
#include "base/priority.h"
#include "store/db_inside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct batch {
    rocksdb_writebatch_t *rocks;
};

struct cursor {
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *read;
    char range[]; /* `from`, then `below`: RocksDB keeps pointers to them */
};

static _Thread_local char why_text[DB_WHY_SIZE];

const char *db_why(void)
{
    return why_text;
}

/* Takes RocksDB's message over. */
static int take_error(char *message)
{
    snprintf(why_text, sizeof why_text, "%s", message);
    rocksdb_free(message);
    return -EIO;
}

/* ---- families ---- */

static rocksdb_column_family_handle_t *handle_of(const struct db *db, struct family family)
{
    must(family.shard < db->shards);
    return db->handles[families_index(family)];
}

unsigned db_shards(const struct db *db)
{
    return db->shards;
}

/* ---- opening ---- */

static bool is_damage(void)
{
    return strncmp(why_text, "Corruption", 10) == 0;
}

/* What went wrong (its words are in why_text), for the person who started the program. */
static int explain(const char *path, char why[static DB_WHY_SIZE])
{
    bool held = strstr(why_text, "lock hold by current process") || strstr(why_text, "lock file");
    const char *what = held          ? "is in use by another process"
                       : is_damage() ? "is damaged and was not opened; nothing in it was changed"
                                     : "cannot be opened";
    snprintf(why, DB_WHY_SIZE, "the database in %.160s %s (%.240s)", path, what, why_text);
    return held ? -EBUSY : is_damage() ? -EBADMSG : -EIO;
}

/* How many shards the database in `path` has: 0 if there is none yet. */
static int count_shards(const char *path, unsigned *shards)
{
    *shards = 0;
    char current[4096];
    if (snprintf(current, sizeof current, "%s/CURRENT", path) >= (int)sizeof current) {
        snprintf(why_text, sizeof why_text, "the path is too long");
        return -EIO;
    }
    if (access(current, F_OK) != 0 && errno == ENOENT)
        return 0;

    char *error = NULL;
    size_t count = 0;
    rocksdb_options_t *options = rocksdb_options_create();
    char **names = rocksdb_list_column_families(options, path, &count, &error);
    rocksdb_options_destroy(options);
    if (error)
        return take_error(error);
    for (size_t i = 0; i < count; i++) {
        unsigned implied = families_shards(names[i]);
        if (implied > *shards)
            *shards = implied;
    }
    rocksdb_list_column_families_destroy(names, count);
    return 0;
}

/* What RocksDB's two ways of opening take. */
struct family_list {
    char names[FAMILIES_MAX][FAMILY_NAME_SIZE];
    const char *name_list[FAMILIES_MAX];
    const rocksdb_options_t *options[FAMILIES_MAX];
    int count;
};

static void list_families(const struct db *db, struct family_list *list)
{
    list->count = (int)families_count(db->shards);
    for (size_t i = 0; i < (size_t)list->count; i++) {
        families_name(i, list->names[i]);
        list->name_list[i] = list->names[i];
        list->options[i] = db->tuning.options[families_kind(i)];
    }
}

enum open_mode { OPEN, OPEN_TO_READ /* changes nothing on disk */ };

static int open_families(struct db *db, const char *path, enum open_mode mode)
{
    struct family_list list;
    char *error = NULL;
    const rocksdb_options_t *options = db->tuning.options[FAMILY_META];
    list_families(db, &list);
    db->rocks =
        mode == OPEN_TO_READ
            ? rocksdb_open_for_read_only_column_families(options, path, list.count, list.name_list,
                                                         list.options, db->handles, 0, &error)
            : rocksdb_open_column_families(options, path, list.count, list.name_list, list.options,
                                           db->handles, &error);
    return error ? take_error(error) : 0;
}

static void close_families(struct db *db)
{
    for (size_t i = 0; i < families_count(db->shards); i++)
        rocksdb_column_family_handle_destroy(db->handles[i]);
    rocksdb_close(db->rocks);
    db->rocks = NULL;
}

/* How far the log can be read before its first damage, as a sequence number. */
static int measure_log(struct db *db, const char *path, uint64_t *sequence)
{
    int error = open_families(db, path, OPEN_TO_READ);
    if (error)
        return error;
    *sequence = rocksdb_get_latest_sequence_number(db->rocks);
    close_families(db);
    return 0;
}

/* The log was refused as damaged. Opens it up to the tear if that is all that was known to be
 * durable, and says so in `why`; else it stays refused. */
static int open_torn(struct db *db, const char *path, char why[static DB_WHY_SIZE])
{
    uint64_t durable, readable;
    if (watermark_read(path, &durable))
        return -EBADMSG;
    tuning_trust_the_log_to_its_tear(&db->tuning);
    char refused[DB_WHY_SIZE];
    memcpy(refused, why_text, sizeof refused);
    int error = measure_log(db, path, &readable);
    if (!error && readable < durable) {
        snprintf(why_text, sizeof why_text,
                 "%.200s; readable up to %lu, known to be durable up to %lu", refused,
                 (unsigned long)readable, (unsigned long)durable);
        return -EBADMSG;
    }
    if (!error)
        error = open_families(db, path, OPEN);
    if (!error)
        snprintf(
            why, DB_WHY_SIZE,
            "the log had a torn tail, as a power failure leaves it: read up to %lu, known to be "
            "durable up to %lu (%.200s)",
            (unsigned long)readable, (unsigned long)durable, refused);
    return error;
}

static int open_all(struct db *db, const char *path, const struct db_options *options,
                    char why[static DB_WHY_SIZE])
{
    int error = count_shards(path, &db->shards);
    if (error)
        return error;
    if (db->shards < options->shards)
        db->shards = options->shards;
    error = tuning_open(&db->tuning, options, db->shards, why_text);
    if (error)
        return error;
    db->read = rocksdb_readoptions_create();
    db->read_once = rocksdb_readoptions_create();
    rocksdb_readoptions_set_fill_cache(db->read_once, 0);
    db->write = rocksdb_writeoptions_create();
    db->write_synced = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(db->write_synced, 1);
    error = open_families(db, path, OPEN);
    if (error && is_damage())
        error = open_torn(db, path, why);
    if (error)
        return error;
    error = watermark_open(&db->watermark, path);
    if (error)
        snprintf(why_text, sizeof why_text, "the watermark: %s", strerror(-error));
    return error;
}

int db_open(struct db **result, const char *path, const struct db_options *options,
            char why[static DB_WHY_SIZE])
{
    must(options->shards > 0 && options->shards <= DB_SHARDS_MAX);
    size_t path_size = strlen(path) + 1;
    struct db *db = calloc(1, sizeof *db + path_size);
    if (!db) {
        snprintf(why, DB_WHY_SIZE, "out of memory");
        return -ENOMEM;
    }
    why[0] = '\0';
    memcpy(db->path, path, path_size);
    watermark_init(&db->watermark);
    if (open_all(db, path, options, why)) {
        db_close(db);
        return explain(path, why);
    }
    *result = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    if (db->rocks)
        close_families(db);
    watermark_close(&db->watermark);
    if (db->read) {
        rocksdb_readoptions_destroy(db->read);
        rocksdb_readoptions_destroy(db->read_once);
        rocksdb_writeoptions_destroy(db->write);
        rocksdb_writeoptions_destroy(db->write_synced);
    }
    tuning_close(&db->tuning);
    free(db);
}

/* ---- copying ---- */

int db_checkpoint(struct db *db, const char *directory, uint64_t *sequence)
{
    char *error = NULL;
    *sequence = rocksdb_get_latest_sequence_number(db->rocks);
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(db->rocks, &error);
    if (error)
        return take_error(error);
    /* The log is copied, however long it is: flushing it into files would make others wait. */
    rocksdb_checkpoint_create(checkpoint, directory, UINT64_MAX, &error);
    rocksdb_checkpoint_object_destroy(checkpoint);
    return error ? take_error(error) : 0;
}

/* Every block is read with its checksum on the way. */
static int read_family(struct db *db, rocksdb_column_family_handle_t *handle)
{
    char *error = NULL;
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(read, 1);
    rocksdb_readoptions_set_fill_cache(read, 0);
    rocksdb_iterator_t *iterator = rocksdb_create_iterator_cf(db->rocks, read, handle);
    rocksdb_iter_seek_to_first(iterator);
    while (rocksdb_iter_valid(iterator))
        rocksdb_iter_next(iterator);
    rocksdb_iter_get_error(iterator, &error);
    rocksdb_iter_destroy(iterator);
    rocksdb_readoptions_destroy(read);
    return error ? take_error(error) : 0;
}

static int read_all(struct db *db, const char *path, const struct db_options *options,
                    uint64_t *sequence)
{
    int error = count_shards(path, &db->shards);
    if (!error && db->shards == 0) {
        snprintf(why_text, sizeof why_text, "there is no database");
        error = -ENOENT;
    }
    if (!error)
        error = tuning_open(&db->tuning, options, db->shards, why_text);
    if (!error)
        error = open_families(db, path, OPEN_TO_READ);
    if (error)
        return error;
    *sequence = rocksdb_get_latest_sequence_number(db->rocks);
    for (size_t i = 0; !error && i < families_count(db->shards); i++)
        error = read_family(db, db->handles[i]);
    close_families(db);
    return error;
}

int db_verify(const char *path, const struct db_options *options, uint64_t *sequence,
              char why[static DB_WHY_SIZE])
{
    struct db *db = calloc(1, sizeof *db);
    must(db);
    int error = read_all(db, path, options, sequence);
    if (error)
        snprintf(why, DB_WHY_SIZE, "%s", why_text);
    tuning_close(&db->tuning);
    free(db);
    return error;
}

/* ---- writing ---- */

int batch_open(struct batch **batch)
{
    *batch = calloc(1, sizeof **batch);
    if (!*batch)
        return -ENOMEM;
    (*batch)->rocks = rocksdb_writebatch_create();
    return 0;
}

void batch_close(struct batch *batch)
{
    if (!batch)
        return;
    rocksdb_writebatch_destroy(batch->rocks);
    free(batch);
}

void batch_put(struct batch *batch, struct db *db, struct family family, struct slice key,
               struct slice value)
{
    rocksdb_writebatch_put_cf(batch->rocks, handle_of(db, family), key.at, key.size, value.at,
                              value.size);
}

void batch_drop(struct batch *batch, struct db *db, struct family family, struct slice key)
{
    rocksdb_writebatch_delete_cf(batch->rocks, handle_of(db, family), key.at, key.size);
}

void batch_drop_range(struct batch *batch, struct db *db, struct family family, struct slice from,
                      struct slice below)
{
    rocksdb_writebatch_delete_range_cf(batch->rocks, handle_of(db, family), from.at, from.size,
                                       below.at, below.size);
}

void batch_clear(struct batch *batch)
{
    size_t size;
    (void)rocksdb_writebatch_data(batch->rocks, &size);
    rocksdb_writebatch_clear(batch->rocks);
    if (size > DB_BATCH_KEPT) {
        rocksdb_writebatch_destroy(batch->rocks);
        batch->rocks = rocksdb_writebatch_create();
    }
}

size_t batch_count(const struct batch *batch)
{
    return (size_t)rocksdb_writebatch_count(batch->rocks);
}

int db_write(struct db *db, struct batch *batch, bool sync)
{
    char *error = NULL;
    size_t count = batch_count(batch);
    /* What has a number up to `covered` is in the log no later than this batch is, also when others
     * write meanwhile: numbers are given in the log's order, and this batch gets higher ones. */
    uint64_t covered = rocksdb_get_latest_sequence_number(db->rocks) + count;
    if (count > 0)
        rocksdb_write(db->rocks, sync ? db->write_synced : db->write, batch->rocks, &error);
    else if (sync)
        rocksdb_flush_wal(db->rocks, 1, &error);
    if (error)
        return take_error(error);
    batch_clear(batch);
    if (sync)
        watermark_note(&db->watermark, covered);
    return 0;
}

int db_scrub(struct db *db, struct family family)
{
    char *error = NULL;
    rocksdb_flushoptions_t *flush = rocksdb_flushoptions_create();
    rocksdb_flush_cf(db->rocks, flush, handle_of(db, family), &error);
    rocksdb_flushoptions_destroy(flush);
    if (error)
        return take_error(error);
    rocksdb_compactoptions_t *compact = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_exclusive_manual_compaction(compact, 0); /* others need not end */
    rocksdb_compact_range_cf_opt(db->rocks, handle_of(db, family), compact, NULL, 0, NULL, 0);
    rocksdb_compactoptions_destroy(compact);
    return 0;
}

/* ---- reading: whoever reads much lets others go first between two reads ---- */

int db_get(struct db *db, struct family family, struct slice key, struct db_value *value)
{
    priority_yield();
    char *error = NULL;
    /* All attempts are summed up: who keeps them in the cache has room for little else. */
    rocksdb_readoptions_t *read = family.kind == FAMILY_ATTEMPTS ? db->read_once : db->read;
    rocksdb_pinnableslice_t *pin =
        rocksdb_get_pinned_cf(db->rocks, read, handle_of(db, family), key.at, key.size, &error);
    if (error)
        return take_error(error);
    if (!pin)
        return -ENOENT;
    value->pin = pin;
    value->bytes.at = rocksdb_pinnableslice_value(pin, &value->bytes.size);
    return 0;
}

void db_value_give(struct db_value *value)
{
    rocksdb_pinnableslice_destroy(value->pin);
    *value = (struct db_value){.pin = NULL};
}

static int open_cursor(struct cursor **result, struct db *db, struct family family,
                       struct slice from, struct slice below, uint64_t dropped_max)
{
    struct cursor *cursor = calloc(1, sizeof *cursor + from.size + below.size);
    if (!cursor)
        return -ENOMEM;
    cursor->read = rocksdb_readoptions_create();
    if (from.size) {
        memcpy(cursor->range, from.at, from.size);
        rocksdb_readoptions_set_iterate_lower_bound(cursor->read, cursor->range, from.size);
    }
    if (below.size) {
        memcpy(cursor->range + from.size, below.at, below.size);
        rocksdb_readoptions_set_iterate_upper_bound(cursor->read, cursor->range + from.size,
                                                    below.size);
    }
    /* A scan of a log must not push everything else out of the cache. */
    bool log = family.kind == FAMILY_EVENTS || family.kind == FAMILY_ATTEMPTS;
    rocksdb_readoptions_set_fill_cache(cursor->read, !log);
    rocksdb_readoptions_set_max_skippable_internal_keys(cursor->read, dropped_max);
    cursor->rocks = rocksdb_create_iterator_cf(db->rocks, cursor->read, handle_of(db, family));
    *result = cursor;
    return 0;
}

int cursor_open(struct cursor **result, struct db *db, struct family family, struct slice from,
                struct slice below)
{
    return open_cursor(result, db, family, from, below, 0);
}

int cursor_open_hasty(struct cursor **result, struct db *db, struct family family,
                      struct slice from, struct slice below)
{
    return open_cursor(result, db, family, from, below, DB_DROPPED_MAX);
}

void cursor_close(struct cursor *cursor)
{
    if (!cursor)
        return;
    rocksdb_iter_destroy(cursor->rocks);
    rocksdb_readoptions_destroy(cursor->read);
    free(cursor);
}

/* At the end of a move: whether it stands on a row. */
static bool arrive(const struct cursor *cursor)
{
    priority_yield();
    return rocksdb_iter_valid(cursor->rocks);
}

bool cursor_first(struct cursor *cursor)
{
    rocksdb_iter_seek_to_first(cursor->rocks);
    return arrive(cursor);
}

bool cursor_last(struct cursor *cursor)
{
    rocksdb_iter_seek_to_last(cursor->rocks);
    return arrive(cursor);
}

bool cursor_next(struct cursor *cursor)
{
    rocksdb_iter_next(cursor->rocks);
    return arrive(cursor);
}

bool cursor_prev(struct cursor *cursor)
{
    rocksdb_iter_prev(cursor->rocks);
    return arrive(cursor);
}

bool cursor_seek(struct cursor *cursor, struct slice key)
{
    rocksdb_iter_seek(cursor->rocks, key.at, key.size);
    return arrive(cursor);
}

bool cursor_seek_back(struct cursor *cursor, struct slice key)
{
    rocksdb_iter_seek_for_prev(cursor->rocks, key.at, key.size);
    return arrive(cursor);
}

struct slice cursor_key(const struct cursor *cursor)
{
    struct slice key;
    key.at = rocksdb_iter_key(cursor->rocks, &key.size);
    return key;
}

struct slice cursor_value(const struct cursor *cursor)
{
    struct slice value;
    value.at = rocksdb_iter_value(cursor->rocks, &value.size);
    return value;
}

int cursor_error(const struct cursor *cursor)
{
    char *error = NULL;
    rocksdb_iter_get_error(cursor->rocks, &error);
    if (!error)
        return 0;
    bool has_broken_off = strncmp(error, "Result incomplete", 17) == 0;
    int result = take_error(error);
    return has_broken_off ? -EAGAIN : result;
}
