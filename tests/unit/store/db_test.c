/* The door to RocksDB: what it promises of families, batches, cursors and errors. */
#include "store/db.h"

#include "base/random.h"
#include "scratch.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct scratch scratch;
static struct batch *batch;
static const struct family meta = {.kind = FAMILY_META};
static const struct family queue_1 = {.kind = FAMILY_QUEUE, .shard = 1};

static void setup(void)
{
    scratch_open(&scratch, 2);
    cr_assert(zero(int, batch_open(&batch)));
}

static void teardown(void)
{
    batch_close(batch);
    scratch_close(&scratch);
}

TestSuite(db, .init = setup, .fini = teardown);

static void put(struct family family, const char *key, const char *value)
{
    batch_put(batch, scratch.db, family, slice_str(key), slice_str(value));
}

static void commit(void)
{
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
}

static bool has(struct family family, const char *key, const char *expected)
{
    struct db_value value;
    int error = db_get(scratch.db, family, slice_str(key), &value);
    if (error == -ENOENT)
        return false;
    cr_assert(zero(int, error));
    bool same = slice_equal(value.bytes, slice_str(expected));
    db_value_give(&value);
    return same;
}

/* Is `text` in any of the files of tables? */
static bool files_hold(const char *text)
{
    char command[512];
    snprintf(command, sizeof command, "grep -q '%s' %s/*.sst 2>/dev/null", text, scratch.path);
    return system(command) == 0;
}

Test(db, leaves_nothing_in_files_of_what_was_dropped_before_they_are_scrubbed)
{
    put(meta, "a", "precious");
    put(meta, "b", "another one");
    commit();
    cr_assert(zero(int, db_scrub(scratch.db, meta)));
    cr_assert(files_hold("precious"));

    batch_drop(batch, scratch.db, meta, SLICE("a"));
    commit();
    cr_assert(files_hold("precious"), "the files are as they were");
    cr_assert(zero(int, db_scrub(scratch.db, meta)));
    cr_assert(not(files_hold("precious")));
    cr_assert(files_hold("another one"));
    cr_assert(has(meta, "b", "another one"));
}

Test(db, writes_a_batch_over_families_and_keeps_it)
{
    put(meta, "a", "1");
    put(queue_1, "a", "2");
    cr_assert(eq(sz, batch_count(batch), 2));
    commit();
    cr_assert(eq(sz, batch_count(batch), 0));

    scratch_reopen(&scratch);
    cr_assert(has(meta, "a", "1"));
    cr_assert(has(queue_1, "a", "2"));
    cr_assert(not(has((struct family){FAMILY_QUEUE, 0}, "a", "2")));
}

Test(db, drops_what_was_put)
{
    put(meta, "a", "1");
    commit();
    batch_drop(batch, scratch.db, meta, SLICE("a"));
    commit();
    cr_assert(not(has(meta, "a", "1")));
}

Test(db, forgets_a_cleared_batch)
{
    put(meta, "a", "1");
    batch_clear(batch);
    commit();
    cr_assert(not(has(meta, "a", "1")));
}

Test(db, keeps_families_of_shards_that_are_no_longer_asked_for)
{
    put(queue_1, "a", "1");
    commit();
    scratch.options.shards = 1;
    scratch_reopen(&scratch);
    cr_assert(eq(u32, db_shards(scratch.db), 2));
    cr_assert(has(queue_1, "a", "1"));
    scratch.options.shards = 5;
    scratch_reopen(&scratch);
    cr_assert(eq(u32, db_shards(scratch.db), 5));
    cr_assert(has(queue_1, "a", "1"));
}

static void walk(struct cursor *cursor, const char *expected)
{
    cr_assert(eq(sz, cursor_key(cursor).size, 1));
    cr_assert(slice_equal(cursor_key(cursor), slice_str(expected)));
    cr_assert(slice_equal(cursor_value(cursor), slice_str(expected)));
}

Test(db, moves_a_cursor_within_its_range)
{
    for (const char *key = "b\0d\0f\0h\0"; *key; key += 2)
        put(meta, key, key);
    commit();
    struct cursor *cursor;
    cr_assert(zero(int, cursor_open(&cursor, scratch.db, meta, SLICE("c"), SLICE("h"))));
    put(meta, "e", "e");
    commit(); /* which the cursor does not see */

    cr_assert(cursor_first(cursor));
    walk(cursor, "d");
    cr_assert(cursor_next(cursor));
    walk(cursor, "f");
    cr_assert(not(cursor_next(cursor)));
    cr_assert(cursor_last(cursor));
    walk(cursor, "f");
    cr_assert(cursor_prev(cursor));
    walk(cursor, "d");
    cr_assert(not(cursor_prev(cursor)));
    cr_assert(cursor_seek(cursor, SLICE("e")));
    walk(cursor, "f");
    cr_assert(cursor_seek(cursor, SLICE("a")));
    walk(cursor, "d");
    cr_assert(not(cursor_seek(cursor, SLICE("g"))));
    cr_assert(cursor_seek_back(cursor, SLICE("e")));
    walk(cursor, "d");
    cr_assert(cursor_seek_back(cursor, SLICE("z")));
    walk(cursor, "f");
    cr_assert(not(cursor_seek_back(cursor, SLICE("c"))));
    cr_assert(zero(int, cursor_error(cursor)));
    cursor_close(cursor);
}

Test(db, refuses_a_directory_that_is_in_use)
{
    struct db *second;
    char why[DB_WHY_SIZE] = "";
    cr_assert(eq(int, db_open(&second, scratch.path, &scratch.options, why), -EBUSY));
    cr_assert(strstr(why, "in use") != NULL);
    cr_assert(strstr(why, scratch.path) != NULL);
}

static void damage(const char *path, long offset_from_end, size_t size)
{
    FILE *file = fopen(path, "r+b");
    cr_assert(file != NULL);
    cr_assert(zero(int, fseek(file, -offset_from_end, SEEK_END)));
    for (; size > 0; size--)
        fputc(0x5a, file);
    fclose(file);
}

/* The path of the log that was written last. */
static void find_log(char path[static 512])
{
    char command[512];
    snprintf(command, sizeof command, "ls %s/*.log | tail -n 1", scratch.path);
    FILE *list = popen(command, "r");
    cr_assert(list && fgets(path, 512, list));
    path[strcspn(path, "\n")] = 0;
    pclose(list);
}

Test(db, refuses_a_log_that_is_damaged_in_its_middle)
{
    for (int i = 0; i < 100; i++) {
        put(meta, "key", "a value of some length, so that there is a middle to damage");
        commit();
    }
    scratch_stop(&scratch);
    char path[512], why[DB_WHY_SIZE] = "";
    find_log(path);
    damage(path, 3000, 40);
    cr_assert(eq(int, db_open(&scratch.db, scratch.path, &scratch.options, why), -EBADMSG));
    cr_assert(strstr(why, "damaged") != NULL);
    scratch.db = NULL;
}

Test(db, opens_a_log_whose_tail_was_torn_off)
{
    put(meta, "first", "1");
    commit();
    put(meta, "second", "2");
    commit();
    scratch_stop(&scratch);
    char path[512];
    find_log(path);
    FILE *file = fopen(path, "rb");
    cr_assert(file && fseek(file, 0, SEEK_END) == 0);
    cr_assert(zero(int, truncate(path, ftell(file) - 3)));
    fclose(file);
    scratch_start(&scratch);
    cr_assert(has(meta, "first", "1"));
    cr_assert(not(has(meta, "second", "2")));
}

/* From here the directory is what a power failure at this moment could have left: the log as it is,
 * and bytes of it changed that were never synced. */
static void fail_power(void)
{
    char command[1024], copy[sizeof scratch.path + 8];
    snprintf(copy, sizeof copy, "%s.copy", scratch.path);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", scratch.path, copy);
    cr_assert(zero(int, system(command)));
    scratch_stop(&scratch);
    snprintf(command, sizeof command, "rm -r '%s' && mv '%s' '%s'", scratch.path, copy,
             scratch.path);
    cr_assert(zero(int, system(command)));
}

enum { VALUE_SIZE = 8000, VALUES = 12 };

static void put_values(const char *prefix, bool sync)
{
    static char value[VALUE_SIZE + 1];
    memset(value, 'v', VALUE_SIZE);
    for (int i = 0; i < VALUES; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s%d", prefix, i);
        put(meta, key, value);
        if (!sync)
            cr_assert(zero(int, db_write(scratch.db, batch, false)));
    }
    if (sync)
        commit();
}

Test(db, opens_a_log_whose_unsynced_tail_has_a_hole)
{
    char path[512], why[DB_WHY_SIZE] = "";
    put_values("synced", true);
    put_values("unsynced", false);
    fail_power();
    find_log(path);
    damage(path, 5 * VALUE_SIZE, 4096);

    cr_assert(zero(int, db_open(&scratch.db, scratch.path, &scratch.options, why)), "%s", why);
    cr_assert(strstr(why, "torn tail") != NULL, "%s", why);
    struct db_value value;
    for (int i = 0; i < VALUES; i++) {
        char key[32];
        snprintf(key, sizeof key, "synced%d", i);
        cr_assert(zero(int, db_get(scratch.db, meta, slice_str(key), &value)));
        db_value_give(&value);
    }
    cr_assert(eq(int, db_get(scratch.db, meta, SLICE("unsynced11"), &value), -ENOENT));

    put(meta, "after", "1");
    commit();
    scratch_reopen(&scratch);
    cr_assert(has(meta, "after", "1"));
}

Test(db, refuses_a_log_with_a_hole_in_what_was_synced)
{
    char path[512], why[DB_WHY_SIZE] = "";
    put_values("synced", true);
    put_values("unsynced", false);
    fail_power();
    find_log(path);
    damage(path, (VALUES + 3) * VALUE_SIZE, 4096);
    cr_assert(eq(int, db_open(&scratch.db, scratch.path, &scratch.options, why), -EBADMSG));
    cr_assert(strstr(why, "nothing in it was changed") != NULL, "%s", why);
    scratch.db = NULL;
}

Test(db, reports_its_figures_and_its_health)
{
    put(meta, "a", "1");
    commit();
    struct db_figures figures;
    db_figures(scratch.db, &figures);
    cr_assert(lt(u64, 0, figures.memtable_bytes));
    cr_assert(zero(u64, figures.write_stopped));
    cr_assert(eq(u64, figures.keys[FAMILY_META], 1));
    cr_assert(lt(u64, 0, figures.log_bytes));
    cr_assert(db_healthy(scratch.db));
}

/* What the cache has more after a block of a log was read, that is not in memory any more. */
static uint64_t cached_by_reading(enum family_kind log)
{
    static char block[1 << 18];
    struct random random;
    struct db_figures before, after;
    struct db_value value;
    struct family family = {log, 1};
    random_init(&random, 5);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)random_below(&random, 256);
    batch_put(batch, scratch.db, family, SLICE("a"), slice_of(block, sizeof block));
    commit();
    scratch_reopen(&scratch);
    db_figures(scratch.db, &before);
    cr_assert(zero(int, db_get(scratch.db, family, SLICE("a"), &value)));
    cr_assert(slice_equal(value.bytes, slice_of(block, sizeof block)));
    db_value_give(&value);
    db_figures(scratch.db, &after);
    return after.cache_bytes - before.cache_bytes;
}

Test(db, keeps_events_that_were_read_in_its_cache_and_no_attempts)
{
    cr_expect(ge(u64, cached_by_reading(FAMILY_EVENTS), 1 << 18));
    cr_expect(lt(u64, cached_by_reading(FAMILY_ATTEMPTS), 1 << 16));
}

Test(db, syncs_without_anything_to_write)
{
    cr_assert(zero(int, db_write(scratch.db, batch, true)));
}

Test(db, a_checkpoint_is_a_database_of_its_own_that_reads_to_its_end)
{
    char copy[300], why[DB_WHY_SIZE];
    uint64_t sequence, verified;
    put(meta, "a", "1");
    put(queue_1, "b", "2");
    commit();
    snprintf(copy, sizeof copy, "%s/copy", scratch.path);
    cr_assert(zero(int, db_checkpoint(scratch.db, copy, &sequence)), "%s", db_why());
    put(meta, "a", "later");
    commit();
    cr_assert(zero(int, db_verify(copy, &scratch.options, &verified, why)), "%s", why);
    cr_assert(ge(u64, verified, sequence));
    cr_assert(ge(u64, sequence, 2));
    cr_assert(lt(int, db_checkpoint(scratch.db, copy, &sequence), 0));

    struct db *original = scratch.db;
    cr_assert(zero(int, db_open(&scratch.db, copy, &scratch.options, why)), "%s", why);
    cr_assert(has(meta, "a", "1"));
    cr_assert(has(queue_1, "b", "2"));
    db_close(scratch.db);
    scratch.db = original;
    cr_assert(has(meta, "a", "later"));
}

Test(db, what_is_no_database_does_not_verify)
{
    char path[300], why[DB_WHY_SIZE] = "";
    uint64_t sequence;
    snprintf(path, sizeof path, "%s/none", scratch.path);
    cr_assert(lt(int, db_verify(path, &scratch.options, &sequence, why), 0));
    cr_assert(ne(sz, strlen(why), 0));
}
