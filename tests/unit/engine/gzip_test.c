/* Compression, read back by the library's other half. (That others can read it too is for the
 * end-to-end tests to show.) */
#include "gzip.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <libdeflate.h>
#include <stdlib.h>

static struct gzip gzip;

static void open_gzip(void)
{
    cr_assert(zero(int, gzip_open(&gzip)));
}

static void close_gzip(void)
{
    gzip_close(&gzip);
}

TestSuite(gzip, .init = open_gzip, .fini = close_gzip);

static void expect_back(struct slice body, struct slice compressed)
{
    static char back[70000];
    size_t size = 0;
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    int result = (int)libdeflate_gzip_decompress(decompressor, compressed.at, compressed.size, back,
                                                 sizeof back, &size);
    libdeflate_free_decompressor(decompressor);
    cr_assert(eq(int, result, LIBDEFLATE_SUCCESS));
    cr_assert(slice_equal(slice_of(back, size), body));
}

Test(gzip, gives_what_inflates_to_the_same_bytes)
{
    static char body[70000], out[80000];
    srandom(7);
    for (unsigned round = 0; round < 200; round++) {
        size_t size = (size_t)random() % sizeof body;
        int kinds = 1 + (int)(random() % 256);
        for (size_t i = 0; i < size; i++)
            body[i] = (char)(random() % kinds);
        struct slice bytes = slice_of(body, size);
        expect_back(bytes, slice_of(out, gzip_compress(&gzip, bytes, out, sizeof out)));
    }
}

Test(gzip, gives_nothing_if_there_is_no_room)
{
    static char body[1000], out[2000];
    srandom(8);
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (char)random();
    struct slice bytes = slice_of(body, sizeof body);
    cr_assert(zero(sz, gzip_compress(&gzip, bytes, out, sizeof body - 1)));
    size_t needs = gzip_compress(&gzip, bytes, out, sizeof out);
    cr_assert(ge(sz, needs, sizeof body));
}
