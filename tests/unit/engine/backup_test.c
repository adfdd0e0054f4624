/* Backups and the way back, of a database that nobody else has open. */
#include "backup.h"

#include "folder.h"
#include "restore.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct family meta = {.kind = FAMILY_META};
static const struct db_options options = {.shards = 1,
                                          .memory_bytes = 16 * 1024 * 1024,
                                          .retention_ms = UINT64_C(3600) * 1000,
                                          .dedup_window_ms = 1000};
static char root[64], data[96], backups[96], to[96], why[DB_WHY_SIZE];
static struct db *db;
static struct backup backup;

static void start(void)
{
    snprintf(root, sizeof root, "/tmp/grapnel-backup-XXXXXX");
    cr_assert(mkdtemp(root) != NULL);
    snprintf(data, sizeof data, "%s/data", root);
    snprintf(backups, sizeof backups, "%s/backups", root);
    snprintf(to, sizeof to, "%s/to", root);
    cr_assert(zero(int, db_open(&db, data, &options, why)), "%s", why);
    backup = (struct backup){.db = db, .root = backups};
}

static void end(void)
{
    db_close(db);
    cr_expect(zero(int, folder_remove(root)));
}

TestSuite(backup, .init = start, .fini = end);

static void put(const char *key, const char *value)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, db, meta, slice_str(key), slice_str(value));
    cr_assert(zero(int, db_write(db, batch, true)));
    batch_close(batch);
}

/* Takes one and waits for its end. */
static int take(const char *name)
{
    cr_assert(zero(int, backup_start(&backup, slice_str(name), "0123456789abcdef")));
    cr_assert(backup_close(&backup, 60 * 1000));
    return backup.error;
}

static int restore(const char *name)
{
    char path[256];
    struct restore_report report;
    char words[RESTORE_WHY_SIZE];
    snprintf(path, sizeof path, "%s/%s", backups, name);
    int error = restore_run(path, to, &options, &report, words);
    cr_expect(error == 0 || words[0]);
    snprintf(why, sizeof why, "%s", words);
    return error;
}

static bool restored_has(const char *key)
{
    struct db *restored;
    struct db_value value;
    cr_assert(zero(int, db_open(&restored, to, &options, why)), "%s", why);
    int error = db_get(restored, meta, slice_str(key), &value);
    if (!error)
        db_value_give(&value);
    db_close(restored);
    return error == 0;
}

static bool is_there(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", backups, name);
    return access(path, F_OK) == 0;
}

Test(backup, has_what_was_written_before_and_not_what_came_after)
{
    put("before", "1");
    cr_assert(zero(int, take("one")));
    put("after", "1");
    cr_assert(zero(int, restore("one")), "%s", why);
    cr_assert(restored_has("before"));
    cr_assert(not(restored_has("after")));
}

Test(backup, names_are_letters_digits_and_no_way_out)
{
    cr_assert(backup_is_name(SLICE("2026-01-31_12.00")));
    cr_assert(not(backup_is_name(SLICE(""))));
    cr_assert(not(backup_is_name(SLICE(".."))));
    cr_assert(not(backup_is_name(SLICE(".hidden"))));
    cr_assert(not(backup_is_name(SLICE("a/b"))));
    cr_assert(not(backup_is_name(SLICE("a.partial"))));
    char longest[BACKUP_NAME_MAX + 1];
    memset(longest, 'a', sizeof longest);
    cr_assert(backup_is_name(slice_of(longest, BACKUP_NAME_MAX)));
    cr_assert(not(backup_is_name(slice_of(longest, BACKUP_NAME_MAX + 1))));
}

Test(backup, a_name_is_taken_once)
{
    cr_assert(zero(int, take("one")));
    put("later", "1");
    cr_assert(eq(int, take("one"), -EEXIST));
    cr_assert(zero(int, restore("one")));
    cr_assert(not(restored_has("later")));
}

Test(backup, the_next_one_removes_what_was_left_partial)
{
    char path[256];
    cr_assert(zero(int, take("one")));
    snprintf(path, sizeof path, "%s/old.partial", backups);
    cr_assert(zero(int, mkdir(path, 0700)));
    cr_assert(eq(int, restore("old.partial"), -EINVAL));
    cr_assert(zero(int, take("two")));
    cr_assert(not(is_there("old.partial")));
    cr_assert(is_there("one"));
}

Test(backup, what_fails_leaves_nothing)
{
    cr_assert(zero(int, mkdir(backups, 0700)));
    char path[256];
    snprintf(path, sizeof path, "%s/one", backups);
    cr_assert(
        zero(int, symlink("/nowhere/at/all", path))); /* access() does not see it, rename does */
    cr_assert(ne(int, take("one"), 0));
    cr_assert(ne(sz, strlen(backup.why), 0), "%d", backup.error);
    cr_assert(not(is_there("one.partial")));
}

Test(backup, is_restored_into_an_empty_directory_only)
{
    put("a", "1");
    cr_assert(zero(int, take("one")));
    cr_assert(zero(int, restore("one")));
    cr_assert(eq(int, restore("one"), -ENOTEMPTY));
    cr_assert(restored_has("a"));
}

Test(backup, a_restore_that_was_cut_off_is_seen_and_can_be_run_again)
{
    char path[256];
    put("a", "1");
    cr_assert(zero(int, take("one")));
    cr_assert(not(restore_is_partial(to)));
    cr_assert(zero(int, mkdir(to, 0700)));
    snprintf(path, sizeof path, "%s/restore.partial", to);
    cr_assert(zero(int, mkdir(path, 0700)));
    cr_assert(restore_is_partial(to));
    cr_assert(zero(int, restore("one")), "%s", why);
    cr_assert(not(restore_is_partial(to)));
    cr_assert(restored_has("a"));
}
