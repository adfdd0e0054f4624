/* gzip.h - whole bodies into the gzip format (RFC 1952). The one door to libdeflate. Its memory is
 * taken when it is opened.
 */
#ifndef ENGINE_GZIP_H
#define ENGINE_GZIP_H

#include "base/must.h"
#include "base/slice.h"

struct gzip {
    struct libdeflate_compressor *compressor;
};

/* 0, or -ENOMEM. */
MUST_CHECK int gzip_open(struct gzip *gzip);
void gzip_close(struct gzip *gzip);

/* Writes the compressed bytes of `body` to `out`, and returns how many they are; 0 if they are more
 * than `room`. */
size_t gzip_compress(struct gzip *gzip, struct slice body, char *out, size_t room);

#endif
