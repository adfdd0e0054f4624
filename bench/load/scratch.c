/* scratch.c - see scratch.h. */
#include "bench/load/scratch.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

int scratch_open(struct scratch *scratch, const char *parent)
{
    if (!parent)
        parent = getenv("TMPDIR");
    if (!parent)
        parent = "/tmp";
    int size = snprintf(scratch->path, SCRATCH_PATH_SIZE, "%s/grapnel-load.XXXXXX", parent);
    int error = size >= SCRATCH_PATH_SIZE ? -ENAMETOOLONG : 0;
    if (!error && !mkdtemp(scratch->path))
        error = -errno;
    if (error)
        scratch->path[0] = '\0';
    return error;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    (void)stat;
    (void)kind;
    (void)at;
    (void)remove(path);
    return 0;
}

void scratch_close(struct scratch *scratch)
{
    if (!scratch->path[0])
        return;
    nftw(scratch->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    scratch->path[0] = '\0';
}
