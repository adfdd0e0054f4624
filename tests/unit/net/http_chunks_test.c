/* Chunked bodies against RFC 9112 section 7.1, in one piece, in single bytes, in random pieces. The
 * last tests compare with a simple encoder, and on broken bodies with themselves. */
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *why;

static bool is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_str(text));
}

static char big[2 * HTTP_HEAD_MAX];

/* `prefix`, then 'a's up to `size` in all, then `suffix`. */
static struct slice stretched(const char *prefix, size_t size, const char *suffix)
{
    memset(big, 'a', sizeof big);
    memcpy(big, prefix, strlen(prefix));
    memcpy(big + size - strlen(suffix), suffix, strlen(suffix));
    return slice_of(big, size);
}

static char decoded[4096];
static size_t decoded_size, undecoded;

/* Feeds `text` in pieces of `piece` bytes (0: of random sizes). 1: over, 0: more, -EPROTO. */
static int decode(struct slice text, size_t piece)
{
    struct http_chunks chunks;
    http_chunks_init(&chunks);
    decoded_size = 0;
    int result = 0;
    while (text.size > 0 && result == 0) {
        size_t size = piece ? piece : 1 + (size_t)random() % 40;
        if (size > text.size)
            size = text.size;
        char *copy = malloc(size);
        memcpy(copy, text.at, size);
        size_t at = 0;
        while (at < size && result == 0) {
            size_t taken;
            struct slice data;
            result = http_chunks_feed(&chunks, copy + at, size - at, &taken, &data, &why);
            cr_assert(decoded_size + data.size <= sizeof decoded);
            if (data.size > 0)
                memcpy(decoded + decoded_size, data.at, data.size);
            decoded_size += data.size;
            cr_assert(result != 0 || taken > 0, "goes on");
            at += taken;
        }
        free(copy);
        text = slice_skip(text, at);
    }
    undecoded = text.size;
    return result;
}

static void expect_chunks(struct slice text, int expected, const char *body, size_t left)
{
    for (size_t piece = 1; piece <= text.size; piece++) {
        cr_assert(eq(int, decode(text, piece), expected), "%.*s", SLICE_ARGS(text));
        if (expected < 0)
            continue;
        cr_assert(is(slice_of(decoded, decoded_size), body));
        cr_assert(eq(sz, undecoded, left));
    }
}

#define DECODES(text, body)  expect_chunks(SLICE(text), 1, body, 0)
#define REFUSES_CHUNKS(text) expect_chunks(SLICE(text), -EPROTO, "", 0)

Test(http_chunks, are_joined)
{
    DECODES("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "hello world");
    DECODES("0\r\n\r\n", "");
    DECODES("00a\r\n0123456789\r\n0000\r\n\r\n", "0123456789");
    DECODES("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
}

Test(http_chunks, leave_what_follows)
{
    expect_chunks(SLICE("1\r\nx\r\n0\r\n\r\nGET"), 1, "x", 3);
}

Test(http_chunks, are_not_over_before_their_end)
{
    expect_chunks(SLICE("1\r\nx\r\n0\r\n\r"), 0, "x", 0);
    expect_chunks(SLICE("1\r\nx\r\n0\r\n"), 0, "x", 0);
    expect_chunks(SLICE("5\r\nhe"), 0, "he", 0);
}

Test(http_chunks, drop_extensions_and_trailers)
{
    DECODES("1;a;b=c;d=\"e\\\"\t;\xff\";f\r\nx\r\n0;z\r\nA: b\r\nContent-Length:7\r\n\r\n", "x");
}

Test(http_chunks, refuse_sizes_that_are_not_plain_hex_digits)
{
    REFUSES_CHUNKS("\r\n");
    REFUSES_CHUNKS("x\r\n");
    REFUSES_CHUNKS("0x1\r\nx\r\n");
    REFUSES_CHUNKS("+1\r\nx\r\n");
    REFUSES_CHUNKS("-1\r\nx\r\n");
    REFUSES_CHUNKS("1_0\r\nx\r\n");
    REFUSES_CHUNKS(" 1\r\nx\r\n");
    REFUSES_CHUNKS("1 \r\nx\r\n");
    REFUSES_CHUNKS("1\t\r\nx\r\n");
    REFUSES_CHUNKS(";a\r\nx\r\n");
    REFUSES_CHUNKS("1g\r\nx\r\n");
}

Test(http_chunks, refuse_sizes_of_more_than_16_digits)
{
    REFUSES_CHUNKS("00000000000000001\r\nx\r\n");
    REFUSES_CHUNKS("10000000000000000\r\nx\r\n");
    expect_chunks(SLICE("ffffffffffffffff\r\nx"), 0, "x", 0);
}

Test(http_chunks, refuse_malformed_extensions)
{
    REFUSES_CHUNKS("1;\r\nx\r\n");
    REFUSES_CHUNKS("1; a\r\nx\r\n");
    REFUSES_CHUNKS("1;a \r\nx\r\n");
    REFUSES_CHUNKS("1;a=\r\nx\r\n");
    REFUSES_CHUNKS("1;a==b\r\nx\r\n");
    REFUSES_CHUNKS("1;a=\"b\"c\r\nx\r\n");
    REFUSES_CHUNKS("1;;a\r\nx\r\n");
    REFUSES_CHUNKS("1;a=\"\x01\"\r\nx\r\n");
    REFUSES_CHUNKS("1;a=\"\\\x7f\"\r\nx\r\n");
    REFUSES_CHUNKS("1;a=\"\r\n\"\r\nx\r\n");
}

Test(http_chunks, refuse_bare_cr_and_lf_in_chunk_lines)
{
    REFUSES_CHUNKS("1\nx\r\n0\r\n\r\n");
    REFUSES_CHUNKS("1\rx\r\n0\r\n\r\n");
    REFUSES_CHUNKS("1\r\rx\r\n0\r\n\r\n");
    REFUSES_CHUNKS("1;a\nx\r\n0\r\n\r\n");
    REFUSES_CHUNKS("1;a\rb\r\nx\r\n0\r\n\r\n");
}

Test(http_chunks, refuse_data_that_is_not_followed_by_crlf)
{
    REFUSES_CHUNKS("1\r\nxy\r\n0\r\n\r\n");
    REFUSES_CHUNKS("1\r\nx\n0\r\n\r\n");
    REFUSES_CHUNKS("1\r\nx\r0\r\n\r\n");
    REFUSES_CHUNKS("1\r\nx0\r\n\r\n");
    REFUSES_CHUNKS("1\r\nx\r\n\r\n0\r\n\r\n");
}

Test(http_chunks, refuse_malformed_trailers)
{
    REFUSES_CHUNKS("0\r\n\n");
    REFUSES_CHUNKS("0\r\n\rx");
    REFUSES_CHUNKS("0\r\n: b\r\n\r\n");
    REFUSES_CHUNKS("0\r\nA b\r\n\r\n");
    REFUSES_CHUNKS("0\r\nA : b\r\n\r\n");
    REFUSES_CHUNKS("0\r\n A: b\r\n\r\n");
    REFUSES_CHUNKS("0\r\nA: b\r\n c\r\n\r\n");
    REFUSES_CHUNKS("0\r\nA: b\n\r\n");
    REFUSES_CHUNKS("0\r\nA: b\0\r\n\r\n");
    REFUSES_CHUNKS("0\r\nA\r\n\r\n");
}

Test(http_chunks, refuse_lines_and_trailers_that_are_too_long)
{
    cr_assert(eq(int, decode(stretched("1;", 256, "\r\n"), 7), 0));
    cr_assert(eq(int, decode(stretched("1;", 300, "\r\n"), 7), -EPROTO));
    cr_assert(eq(int, decode(stretched("0\r\nA:", 8000, "\r\n\r\n"), 7), 1));
    cr_assert(eq(int, decode(stretched("0\r\nA:", 9000, "\r\n\r\n"), 7), -EPROTO));
}

/* Bodies cut into random chunks come out whole, however the pieces arrive. */
Test(http_chunks, agree_with_a_simple_encoder)
{
    srandom(7);
    for (unsigned round = 0; round < 3000; round++) {
        char body[2048];
        size_t size = (size_t)random() % sizeof body, text_size = 0;
        for (size_t i = 0; i < size; i++)
            body[i] = (char)random();
        for (size_t at = 0; at < size;) {
            size_t run = 1 + (size_t)random() % (size - at);
            text_size += (size_t)sprintf(big + text_size, random() % 2 ? "%zx%s\r\n" : "%zX%s\r\n",
                                         run, random() % 4 ? "" : ";a=\"b;\"");
            memcpy(big + text_size, body + at, run);
            text_size += run;
            text_size += (size_t)sprintf(big + text_size, "\r\n");
            at += run;
            if (text_size > sizeof big - 4096)
                size = at;
        }
        text_size +=
            (size_t)sprintf(big + text_size, "0\r\n%s\r\n", random() % 2 ? "" : "T: x\r\n");
        cr_assert(eq(int, decode(slice_of(big, text_size), 0), 1), "seed 7, round %u", round);
        cr_assert(eq(sz, decoded_size, size));
        cr_assert(memcmp(decoded, body, size) == 0);
    }
}

static size_t mutate(char *text, size_t size)
{
    static const char alphabet[] = "\r\n\r\n\0 \t:,;/0159aAfx\x7f\x80\xff-+_\"#@[]";
    size_t at = (size_t)random() % size;
    char octet = alphabet[(size_t)random() % (sizeof alphabet - 1)];
    size_t run = 1 + (size_t)random() % 20;
    switch (random() % 4) {
    case 0:
        text[at] = octet;
        return size;
    case 1:
        memmove(text + at + 1, text + at, size - at);
        text[at] = octet;
        return size + 1;
    case 2:
        memmove(text + at, text + at + 1, size - at - 1);
        return size - 1;
    default: /* repeats a run */
        if (at + run > size)
            return size;
        memmove(text + at + run, text + at, size - at);
        return size + run;
    }
}

/* Chunked bodies with random faults come to the same in one piece, in single bytes and in random
 * pieces. */
Test(http_chunks, agree_with_themselves_however_they_are_cut)
{
    static const char seed[] =
        "5\r\nhello\r\n6;a=\"b\";c\r\n world\r\n00a\r\n0123456789\r\n0\r\nT: x\r\n\r\nmore";
    srandom(9);
    for (unsigned round = 0; round < 20000; round++) {
        char text[512], first[sizeof decoded];
        size_t size = sizeof seed - 1;
        memcpy(text, seed, size);
        for (unsigned i = (unsigned)random() % 4; i > 0; i--)
            size = mutate(text, size);
        int result = decode(slice_of(text, size), size);
        size_t first_size = decoded_size, first_left = undecoded;
        memcpy(first, decoded, decoded_size);
        for (size_t piece = 0; piece < 2; piece++) {
            cr_assert(eq(int, decode(slice_of(text, size), piece), result), "seed 9 round %u",
                      round);
            cr_assert(eq(sz, decoded_size, first_size));
            cr_assert(memcmp(decoded, first, first_size) == 0);
            if (result >= 0)
                cr_assert(eq(sz, undecoded, first_left));
        }
    }
}
