/* gzip.c - see gzip.h. */
#include "gzip.h"

#include <errno.h>
#include <libdeflate.h>

/* A shard does nothing else meanwhile, so speed counts for more than the last bytes. */
enum { LEVEL = 1 };

int gzip_open(struct gzip *gzip)
{
    gzip->compressor = libdeflate_alloc_compressor(LEVEL);
    return gzip->compressor ? 0 : -ENOMEM;
}

void gzip_close(struct gzip *gzip)
{
    libdeflate_free_compressor(gzip->compressor);
    gzip->compressor = NULL;
}

size_t gzip_compress(struct gzip *gzip, struct slice body, char *out, size_t room)
{
    return libdeflate_gzip_compress(gzip->compressor, body.at, body.size, out, room);
}
