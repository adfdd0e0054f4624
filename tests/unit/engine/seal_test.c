/* Sealed texts: they open with their key, in their place, unchanged, and not otherwise. */
#include "seal.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { ROUNDS = 200, SEED = 5, ROOM = SEAL_PLAIN_MAX * 4 / 3 + SEAL_OVERHEAD };

static const uint8_t key[SEAL_KEY_SIZE] = "0123456789abcdef0123456789abcde";
static char sealed_bytes[ROOM], opened_bytes[SEAL_PLAIN_MAX];

static struct slice seal(struct slice place, struct slice plain)
{
    struct text text;
    text_init(&text, sealed_bytes, sizeof sealed_bytes);
    seal_put(key, SLICE("name"), place, plain, &text);
    cr_assert(text_ok(&text));
    return text_slice(&text);
}

static int open_with(const uint8_t *with, struct slice place, struct slice sealed,
                     struct slice *plain)
{
    struct slice name, box;
    struct text text;
    if (!seal_parse(sealed, &name, &box))
        return -EINVAL;
    cr_assert(slice_equal(name, SLICE("name")));
    text_init(&text, opened_bytes, sizeof opened_bytes);
    int error = seal_open(with, place, box, &text);
    *plain = text_slice(&text);
    return error;
}

Test(seal, opens_what_it_sealed_whatever_its_size)
{
    static char plain[SEAL_PLAIN_MAX];
    struct random random;
    random_init(&random, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t size = i == 0 ? 0 : i == 1 ? SEAL_PLAIN_MAX : random_below(&random, 200);
        struct slice opened, given = slice_of(plain, size);
        for (size_t k = 0; k < size; k++)
            plain[k] = (char)random_u64(&random);
        cr_assert(eq(int, open_with(key, SLICE("here"), seal(SLICE("here"), given), &opened), 0));
        cr_assert(slice_equal(opened, given));
    }
}

Test(seal, does_not_open_in_another_place_or_with_another_key)
{
    uint8_t other[SEAL_KEY_SIZE];
    struct slice plain, sealed = seal(SLICE("here"), SLICE("a secret"));
    memcpy(other, key, sizeof other);
    other[31] ^= 1;
    cr_assert(eq(int, open_with(key, SLICE("there"), sealed, &plain), -EBADMSG));
    cr_assert(eq(int, open_with(other, SLICE("here"), sealed, &plain), -EBADMSG));
    cr_assert(eq(int, open_with(key, SLICE("here"), sealed, &plain), 0));
}

/* A box of whole groups of three bytes: in base64 every bit counts. */
Test(seal, does_not_open_when_any_byte_is_changed_or_missing)
{
    struct slice plain, sealed = seal(SLICE("here"), SLICE("a secret of 23 bytes..."));
    size_t box = strlen("v1:name:");
    for (size_t i = box; i < sealed.size; i++) {
        char was = sealed_bytes[i];
        sealed_bytes[i] = was == 'A' ? 'B' : 'A';
        cr_assert(eq(int, open_with(key, SLICE("here"), sealed, &plain), -EBADMSG), "byte %zu", i);
        sealed_bytes[i] = was;
    }
    for (size_t size = box; size < sealed.size; size++)
        cr_assert(
            eq(int, open_with(key, SLICE("here"), slice_of(sealed.at, size), &plain), -EBADMSG));
}

Test(seal, is_another_text_each_time)
{
    static char first[ROOM];
    struct slice sealed = seal(SLICE("here"), SLICE("a secret"));
    memcpy(first, sealed.at, sealed.size);
    struct slice again = seal(SLICE("here"), SLICE("a secret"));
    cr_assert(eq(sz, again.size, sealed.size));
    cr_assert(not(slice_equal(again, slice_of(first, again.size))));
}

Test(seal, tells_sealed_texts_from_others)
{
    struct slice name, box;
    cr_assert(not(seal_parse(SLICE("whsec_abc"), &name, &box)));
    cr_assert(not(seal_parse(SLICE("v1:name"), &name, &box)));
    cr_assert(not(seal_parse(SLICE("v2:name:box"), &name, &box)));
    cr_assert(seal_parse(SLICE("v1:name:box"), &name, &box));
}
