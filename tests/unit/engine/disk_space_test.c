/* When there is too little room on a disk. statvfs(3) is replaced by one that says what the test
 * wants. */
#include "disk_space.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sys/statvfs.h>

enum { UNIT = 4096 };

static uint64_t left_bytes;
static bool cannot_tell;

int statvfs(const char *path, struct statvfs *disk)
{
    cr_assert_str_eq(path, "/data");
    if (cannot_tell) {
        errno = EIO;
        return -1;
    }
    *disk = (struct statvfs){.f_frsize = UNIT,
                             .f_bsize = 2 * UNIT,
                             .f_bfree = left_bytes / UNIT + 1000, /* the superuser's */
                             .f_bavail = left_bytes / UNIT};
    return 0;
}

static bool is_low(uint64_t left, bool was_low)
{
    left_bytes = left;
    return disk_space_is_low("/data", 800 * UNIT, was_low);
}

Test(disk_space, is_low_below_the_least)
{
    cr_assert(not(is_low(800 * UNIT, false)));
    cr_assert(is_low(799 * UNIT, false));
    cr_assert(is_low(0, false));
}

/* Else it would be low and fine in turn while files come and go. */
Test(disk_space, is_low_until_an_eighth_more_is_free)
{
    cr_assert(is_low(800 * UNIT, true));
    cr_assert(is_low(899 * UNIT, true));
    cr_assert(not(is_low(900 * UNIT, true)));
}

Test(disk_space, counts_more_than_32_bits)
{
    cr_assert(not(is_low((uint64_t)UNIT << 40, true)));
}

Test(disk_space, stays_as_it_was_when_it_cannot_be_told)
{
    cannot_tell = true;
    cr_assert(not(is_low(0, false)));
    cr_assert(is_low(1000 * UNIT, true));
}
