/* folder.h - folders and their files as a whole: what a backup is made of. Each call may wait for
 * the disk.
 */
#ifndef ENGINE_FOLDER_H
#define ENGINE_FOLDER_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

/* Calls back for each entry but "." and "..", in no order; stops at the first result that is not 0
 * and returns it. -errno. */
MUST_CHECK int folder_each(const char *path, int (*each)(void *context, const char *name),
                           void *context);

/* Counts its files and their bytes. 0 or -errno. */
MUST_CHECK int folder_measure(const char *path, uint64_t *files, uint64_t *bytes);

/* Removes it and all in it; links are removed and not followed. Nested 8 deep at most (-ELOOP). 0,
 * also if it was not there, or -errno. */
MUST_CHECK int folder_remove(const char *path);

/* Makes what was renamed or made in it durable. */
MUST_CHECK int folder_sync(const char *path);

/* A durable copy of a file in `to`, which must not be there. */
MUST_CHECK int folder_copy_file(const char *from, const char *to);

#endif
