/* units.h - durations, sizes and times as people write them, and bytes in hex. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

/* "500ms", "5s", "2m", "1h", "7d": a whole number and a unit. 0, or -EINVAL. */
MUST_CHECK int units_parse_duration(struct slice text, uint64_t *duration_ms);

/* "1048576", "64K", "512M", "2G" (powers of 1024, case ignored, a trailing "B" or "iB" allowed). 0,
 * or -EINVAL; -ERANGE if it does not fit 63 bits. */
MUST_CHECK int units_parse_size(struct slice text, uint64_t *bytes);

/* RFC 3339, any offset, fraction optional. Result in ms since 1970, UTC. 0, or -EINVAL. */
MUST_CHECK int units_parse_time(struct slice text, uint64_t *wall_ms);

/* Two hex digits for each of `size` bytes, and nothing else. 0, or -EINVAL. */
MUST_CHECK int units_parse_hex(struct slice text, void *bytes, size_t size);

#endif
