/* folder.c - see folder.h. No state; any thread that may wait for the disk. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 2048, DEPTH_MAX = 8, COPY_BYTES = 64 * 1024 };

static bool is_entry(const char *name)
{
    return !slice_equal(slice_str(name), SLICE(".")) && !slice_equal(slice_str(name), SLICE(".."));
}

int folder_each(const char *path, int (*each)(void *context, const char *name), void *context)
{
    DIR *folder = opendir(path);
    int result = 0;
    if (!folder)
        return -errno;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry) {
            result = -errno;
            break;
        }
        result = is_entry(entry->d_name) ? each(context, entry->d_name) : 0;
        if (result)
            break;
    }
    closedir(folder);
    return result;
}

/* ---- measuring ---- */

struct measure {
    const char *path;
    uint64_t files, bytes;
};

static int measure_one(void *context, const char *name)
{
    struct measure *measure = context;
    char path[PATH_SIZE];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", measure->path, name);
    if (lstat(path, &status) != 0)
        return -errno;
    measure->files++;
    measure->bytes += (uint64_t)status.st_size;
    return 0;
}

int folder_measure(const char *path, uint64_t *files, uint64_t *bytes)
{
    struct measure measure = {.path = path};
    int error = folder_each(path, measure_one, &measure);
    *files = measure.files;
    *bytes = measure.bytes;
    return error;
}

/* ---- removing ---- */

/* Entries go while the folder is being read, which POSIX leaves open for those that come later
 * only. Depth is bounded. */
static int remove_at(int parent, const char *name, unsigned depth)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    if (depth == DEPTH_MAX)
        return -ELOOP;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    if (!folder) {
        int error = -errno;
        if (fd >= 0)
            close(fd);
        return error;
    }
    int error = 0;
    const struct dirent *entry;
    while (!error && (entry = readdir(folder)))
        if (is_entry(entry->d_name))
            error = remove_at(fd, entry->d_name, depth + 1);
    closedir(folder);
    if (!error && unlinkat(parent, name, AT_REMOVEDIR) != 0)
        error = -errno;
    return error;
}

int folder_remove(const char *path)
{
    return remove_at(AT_FDCWD, path, 0);
}

/* ---- durable ---- */

int folder_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int error = fsync(fd) == 0 ? 0 : -errno;
    close(fd);
    return error;
}

static int copy_bytes(int from, int to)
{
    static _Thread_local char bytes[COPY_BYTES];
    for (;;) {
        ssize_t got = read(from, bytes, sizeof bytes);
        if (got <= 0)
            return got < 0 ? -errno : 0;
        for (ssize_t put = 0; put < got;) {
            ssize_t written = write(to, bytes + put, (size_t)(got - put));
            if (written < 0)
                return -errno;
            put += written;
        }
    }
}

int folder_copy_file(const char *from, const char *to)
{
    int source = open(from, O_RDONLY | O_CLOEXEC);
    if (source < 0)
        return -errno;
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = target < 0 ? -errno : copy_bytes(source, target);
    if (!error && fsync(target) != 0)
        error = -errno;
    if (target >= 0 && close(target) != 0 && !error)
        error = -errno;
    close(source);
    return error;
}
