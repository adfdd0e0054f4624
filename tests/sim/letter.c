/* letter.c - see letter.h: libdeflate, called directly. */
#include "letter.h"

#include "base/must.h"
#include "world.h"

#include <libdeflate.h>

enum { LETTER_MAX = 4 << 20 };

static struct slice inflate(struct slice body)
{
    static char opened[LETTER_MAX];
    size_t size;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    must(decompressor);
    enum libdeflate_result result =
        libdeflate_gzip_decompress(decompressor, body.at, body.size, opened, sizeof opened, &size);
    libdeflate_free_decompressor(decompressor);
    if (result != LIBDEFLATE_SUCCESS)
        world_fail("a body that is said to be gzip is not");
    return slice_of(opened, size);
}

struct slice letter_open(const struct said *said)
{
    struct slice encoding = said_field(said, "content-encoding");
    if (encoding.size == 0)
        return said->body;
    if (!slice_equal(encoding, SLICE("gzip")))
        world_fail("a body came as %.*s", SLICE_ARGS(encoding));
    return inflate(said->body);
}
