/* private_file.c - files of keys on the virtual disk: stands in for engine/private_file.c. A file
 * is there, whole and durable, when it has been written; a crash before leaves what was there. */
#include "private_file.h"

#include "world.h"

#include <errno.h>
#include <stdio.h>

enum { FILES_MAX = 8, FILE_PATH_SIZE = 128 };

static struct {
    char path[FILE_PATH_SIZE], text[PRIVATE_FILE_MAX];
    size_t size;
} files[FILES_MAX];

static unsigned file_count;

static unsigned find(const char *path)
{
    unsigned at = 0;
    while (at < file_count && strcmp(files[at].path, path) != 0)
        at++;
    return at;
}

int private_file_write(const char *folder, const char *name, struct slice text)
{
    char path[FILE_PATH_SIZE];
    int size = snprintf(path, sizeof path, "%s/%s", folder, name);
    must(size > 0 && (size_t)size < sizeof path && text.size < PRIVATE_FILE_MAX);
    fiber_sleep(world_below(5 * WORLD_MS));
    unsigned at = find(path);
    must(at < FILES_MAX);
    if (at == file_count)
        memcpy(files[file_count++].path, path, sizeof path);
    memcpy(files[at].text, text.at, text.size);
    files[at].text[text.size] = '\n';
    files[at].size = text.size + 1;
    return 0;
}

int private_file_read(const char *path, char out[static PRIVATE_FILE_MAX], size_t *size)
{
    unsigned at = find(path);
    if (at == file_count)
        return -ENOENT;
    memcpy(out, files[at].text, files[at].size);
    *size = files[at].size;
    return 0;
}
