/* private_file.h - small files that only their owner may read: keys. */
#ifndef ENGINE_PRIVATE_FILE_H
#define ENGINE_PRIVATE_FILE_H

#include "base/must.h"
#include "base/slice.h"

enum { PRIVATE_FILE_MAX = 4096 };

/* Writes `text` and an end of line to folder/name (mode 0600), whole or not at all, and durable
 * when it returns 0. Else -errno. */
MUST_CHECK int private_file_write(const char *folder, const char *name, struct slice text);

/* Reads all of a file. 0, -EFBIG, or -errno. */
MUST_CHECK int private_file_read(const char *path, char out[static PRIVATE_FILE_MAX], size_t *size);

#endif
