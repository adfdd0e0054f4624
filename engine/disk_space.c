#include "disk_space.h"

#include <sys/statvfs.h>

bool disk_space_is_low(const char *path, uint64_t least, bool was_low)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0)
        return was_low;
    uint64_t left = (uint64_t)disk.f_bavail * disk.f_frsize;
    return left < (was_low ? least + least / 8 : least);
}

uint64_t disk_space_free(const char *path)
{
    struct statvfs disk;
    return statvfs(path, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize : 0;
}
