/* letter.c - see letter.h: libdeflate, called directly, and a scanner for the arrays that are known
 * to be written without a blank. */
#include "letter.h"

#include "base/must.h"
#include "world.h"

#include <libdeflate.h>
#include <openssl/base64.h>

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

static struct slice body_of(const struct said *said)
{
    struct slice encoding = said_field(said, "content-encoding");
    if (encoding.size == 0)
        return said->body;
    if (!slice_equal(encoding, SLICE("gzip")))
        world_fail("a body came as %.*s", SLICE_ARGS(encoding));
    return inflate(said->body);
}

/* ---- batches ---- */

/* Whether `rest` begins with it; then moves behind. */
static bool skips(struct slice *rest, const char *text)
{
    struct slice wanted = slice_str(text);
    if (rest->size < wanted.size || memcmp(rest->at, wanted.at, wanted.size) != 0)
        return false;
    *rest = slice_skip(*rest, wanted.size);
    return true;
}

/* Up to a quote, which is moved behind: without escapes, as all that was published is. */
static struct slice text_in(struct slice *rest)
{
    size_t size = slice_find(*rest, '"');
    struct slice text = slice_of(rest->at, size);
    *rest = slice_skip(*rest, size < rest->size ? size + 1 : size);
    return text;
}

/* An object: braces in its strings would be taken for its own, but there are none. */
static struct slice object_in(struct slice *rest)
{
    size_t size = slice_find(*rest, '}');
    size += size < rest->size;
    struct slice object = slice_of(rest->at, size);
    *rest = slice_skip(*rest, size);
    return object;
}

static struct slice bytes_of(struct slice base64)
{
    static uint8_t bytes[LETTER_MAX];
    static size_t used;
    size_t size;
    if (used + base64.size > sizeof bytes)
        used = 0;
    if (!EVP_DecodeBase64(bytes + used, &size, sizeof bytes - used, (const uint8_t *)base64.at,
                          base64.size))
        world_fail("a payload is not base64");
    used += size;
    return slice_of((const char *)bytes + used - size, size);
}

static bool read_item(struct slice *rest, struct letter_item *item)
{
    *item = (struct letter_item){0};
    if (!skips(rest, "{\"id\":\""))
        return false;
    item->id = text_in(rest);
    if (!skips(rest, ",\"type\":\""))
        return false;
    item->type = text_in(rest);
    if (!skips(rest, ",\"timestamp\":\"") || text_in(rest).size != 24)
        return false;
    if (skips(rest, ",\"payload\":")) {
        item->payload = object_in(rest);
        return skips(rest, "}");
    }
    if (!skips(rest, ",\"content_type\":\""))
        return false;
    item->content_type = text_in(rest);
    if (!skips(rest, ",\"payload_base64\":\""))
        return false;
    item->payload = bytes_of(text_in(rest));
    return skips(rest, "}");
}

static void read_batch(struct letter *letter)
{
    struct slice rest = letter->body;
    bool is_well = skips(&rest, "[");
    while (is_well) {
        is_well = letter->count < LETTER_ITEMS && read_item(&rest, &letter->items[letter->count]);
        letter->count += is_well;
        if (is_well && skips(&rest, "]") && rest.size == 0)
            return;
        is_well &= skips(&rest, ",");
    }
    world_fail("a batch is none, from its member %u on", letter->count);
}

void letter_open(const struct said *said, bool is_batch, struct letter *letter)
{
    letter->body = body_of(said);
    letter->count = 0;
    if (is_batch) {
        read_batch(letter);
        return;
    }
    letter->items[letter->count++] =
        (struct letter_item){.id = said_field(said, "webhook-id"),
                             .type = said_field(said, "x-webhook-event"),
                             .content_type = said_field(said, "content-type"),
                             .payload = letter->body};
}
