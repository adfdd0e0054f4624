/* private_file.c - see private_file.h. No state; any thread that may wait for the disk. */
#include "private_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PATH_SIZE = 1100 };

static int write_all(const char *path, struct slice text)
{
    const struct iovec parts[] = {{(void *)(uintptr_t)text.at, text.size},
                                  {(void *)(uintptr_t) "\n", 1}};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    int error = 0;
    if (fchmod(fd, 0600) != 0 || writev(fd, parts, 2) != (ssize_t)text.size + 1 || fsync(fd) != 0)
        error = errno ? -errno : -EIO;
    if (close(fd) != 0 && !error)
        error = -errno;
    return error;
}

int private_file_write(const char *folder, const char *name, struct slice text)
{
    char path[PATH_SIZE], fresh[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(fresh, sizeof fresh, "%s/%s.new", folder, name);
    int error = write_all(fresh, text);
    if (!error && rename(fresh, path) != 0)
        error = -errno;
    if (error)
        return error;
    int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    if (fsync(directory) != 0)
        error = -errno;
    close(directory);
    return error;
}

int private_file_read(const char *path, char out[static PRIVATE_FILE_MAX], size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    *size = 0;
    ssize_t got = 1;
    while (got > 0 && *size < PRIVATE_FILE_MAX) {
        got = read(fd, out + *size, PRIVATE_FILE_MAX - *size);
        *size += got > 0 ? (size_t)got : 0;
    }
    int error = got < 0 ? -errno : got > 0 ? -EFBIG : 0;
    close(fd);
    return error;
}
