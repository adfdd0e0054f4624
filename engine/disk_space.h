/* disk_space.h - whether the data directory's file system has room for more. */
#ifndef ENGINE_DISK_SPACE_H
#define ENGINE_DISK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

/* Whether less than `least` bytes are free for `path`. Once it `was_low`, an eighth more has to be
 * free before it counts as enough again. If it cannot be told: `was_low`. */
bool disk_space_is_low(const char *path, uint64_t least, bool was_low);

/* Bytes that are free for `path`; 0 if it cannot be told. */
uint64_t disk_space_free(const char *path);

#endif
