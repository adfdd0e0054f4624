/* Old logs: they get shorter and shorter until they are gone, and nothing else is touched. */
#include "store/old_logs.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MIB = 1 << 20, LONG = 64 * MIB, LOOKS = 10000, LOOK_NS = 1000000 };

static char directory[64];

static const char *path_of(const char *name)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/%s", directory, name);
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

/* Until the file's size is another, or long enough. */
static long next_size(const char *name, long before)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    for (int i = 0; i < LOOKS && size_of(name) == before; i++)
        nanosleep(&pause, NULL);
    return size_of(name);
}

static void setup(void)
{
    snprintf(directory, sizeof directory, "/tmp/grapnel-old-logs-XXXXXX");
    cr_assert(mkdtemp(directory) != NULL);
    cr_assert(zero(int, mkdir(path_of("archive"), 0700)));
}

static void teardown(void)
{
    unlink(path_of("archive/000001.log"));
    unlink(path_of("archive/000002.log"));
    unlink(path_of("archive/keep"));
    unlink(path_of("000003.log"));
    rmdir(path_of("archive"));
    rmdir(directory);
}

TestSuite(old_logs, .init = setup, .fini = teardown);

static struct old_logs *begin(void)
{
    struct old_logs *logs;
    cr_assert(zero(int, old_logs_open(&logs, directory)));
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
    cr_assert(gt(long, steps, 2));
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
    make("000003.log", 1);
    make("archive/keep", 1);
    make("archive/000001.log", 1);
    struct old_logs *logs = begin();
    cr_assert(eq(long, next_size("archive/000001.log", 1), -1));
    old_logs_close(logs);
    cr_assert(eq(long, size_of("000003.log"), 1));
    cr_assert(eq(long, size_of("archive/keep"), 1));
}

Test(old_logs, an_end_does_not_wait_until_all_are_gone)
{
    make("archive/000001.log", LONG);
    struct old_logs *logs = begin();
    cr_assert(lt(long, next_size("archive/000001.log", LONG), LONG));
    old_logs_close(logs);
    cr_assert(gt(long, size_of("archive/000001.log"), 0));
}

Test(old_logs, a_folder_that_is_not_there_is_an_error)
{
    struct old_logs *logs;
    rmdir(path_of("archive"));
    cr_assert(lt(int, old_logs_open(&logs, directory), 0));
}
