/* Old logs: they get shorter and shorter until they are gone, and nothing else is touched. */
#include "store/old_logs.h"

#include "scratch.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <time.h>

enum { MIB = 1 << 20, LONG = 64 * MIB, VALUE = 64 * 1024, LOOKS = 10000, LOOK_NS = 1000000 };

static struct scratch scratch;

static const char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", scratch.path, name);
    return path;
}

/* It has holes alone, which makes no difference. */
static void make(const char *name, off_t size)
{
    int file = open(path_of(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert(ge(int, file, 0));
    cr_assert(zero(int, ftruncate(file, size)));
    close(file);
}

/* -1: it is gone. */
static long size_of(const char *name)
{
    struct stat status;
    return stat(path_of(name), &status) == 0 ? (long)status.st_size : -1;
}

static void look_later(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    nanosleep(&pause, NULL);
}

/* When the file's size is another. */
static long next_size(const char *name, long before)
{
    for (int i = 0; i < LOOKS && size_of(name) == before; i++)
        look_later();
    return size_of(name);
}

static void setup(void)
{
    scratch_open(&scratch, 1);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(old_logs, .init = setup, .fini = teardown);

/* Several memtables of its family. */
static void write_much(void)
{
    static char value[VALUE];
    const struct family meta = {.kind = FAMILY_META};
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    for (int i = 0; i < 8 * MIB / VALUE; i++) {
        batch_put(batch, scratch.db, meta, SLICE("key"), slice_of(value, VALUE));
        cr_assert(zero(int, db_write(scratch.db, batch, true)));
    }
    batch_close(batch);
}

static bool is_any(const char *pattern)
{
    glob_t found;
    bool is_found = glob(path_of(pattern), 0, NULL, &found) == 0;
    globfree(&found);
    return is_found;
}

Test(old_logs, what_the_database_needs_no_more_is_moved_away)
{
    write_much();
    for (int i = 0; i < LOOKS && !is_any("archive/*.log"); i++)
        look_later();
    cr_assert(is_any("archive/*.log"));
}

static struct old_logs *begin(void)
{
    struct old_logs *logs;
    cr_assert(zero(int, old_logs_open(&logs, scratch.path)));
    return logs;
}

Test(old_logs, get_shorter_until_they_are_gone)
{
    make("archive/000001.log", LONG);
    make("archive/000002.log", 0);
    struct old_logs *logs = begin();
    long size = LONG, steps = 0;
    for (; size >= 0; steps++)
        size = next_size("archive/000001.log", size);
    cr_assert(lt(long, 2, steps));
    cr_assert(eq(long, next_size("archive/000002.log", 0), -1));
    old_logs_close(logs);
}

Test(old_logs, those_that_come_later_go_too)
{
    struct old_logs *logs = begin();
    make("archive/000001.log", 1);
    cr_assert(eq(long, next_size("archive/000001.log", 1), -1));
    make("archive/000002.log", 1);
    cr_assert(eq(long, next_size("archive/000002.log", 1), -1));
    old_logs_close(logs);
}

Test(old_logs, nothing_else_is_touched)
{
    make("beside.log", 1);
    make("archive/000001.txt", 1);
    make("archive/000001.log", 1);
    struct old_logs *logs = begin();
    cr_assert(eq(long, next_size("archive/000001.log", 1), -1));
    old_logs_close(logs);
    cr_assert(eq(long, size_of("beside.log"), 1));
    cr_assert(eq(long, size_of("archive/000001.txt"), 1));
}

Test(old_logs, an_end_does_not_wait_until_all_are_gone)
{
    make("archive/000001.log", LONG);
    struct old_logs *logs = begin();
    cr_assert(lt(long, next_size("archive/000001.log", LONG), LONG));
    old_logs_close(logs);
    cr_assert(lt(long, 0, size_of("archive/000001.log")));
}

Test(old_logs, a_folder_that_is_not_there_is_an_error)
{
    struct old_logs *logs;
    cr_assert(eq(int, old_logs_open(&logs, path_of("none")), -ENOENT));
}
