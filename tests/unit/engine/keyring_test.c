/* The texts of keys: made, recognised, hashed. */
#include "keyring.h"

#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(keyring, makes_keys_that_differ_and_may_serve)
{
    char first[KEY_TEXT_SIZE], second[KEY_TEXT_SIZE];
    struct slice text = key_make(first);
    key_make(second);
    cr_assert(eq(sz, text.size, 55), "gk_ and 52 digits of 5 bits for 256");
    cr_assert(slice_starts_with(text, SLICE("gk_")));
    cr_assert_str_neq(first, second);
    cr_assert(key_is_text(text));
}

Test(keyring, hashes_with_sha_256)
{
    uint8_t hash[KEY_HASH_SIZE];
    char hex[2 * KEY_HASH_SIZE + 1] = {0};
    struct text text;
    key_hash(SLICE("abc"), hash);
    text_init(&text, hex, sizeof hex);
    text_hex(&text, hash, sizeof hash);
    /* FIPS 180-2 appendix B.1 */
    cr_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(keyring, refuses_texts_that_are_short_or_not_visible)
{
    cr_assert(not(key_is_text(SLICE("short"))));
    cr_assert(not(key_is_text(SLICE("sixteen characters long, with spaces"))));
    cr_assert(not(key_is_text(SLICE("sixteen-characters-\x01"))));
    cr_assert(key_is_text(SLICE("sixteen-charact.")));
}

Test(keyring, takes_the_key_out_of_a_bearer_field)
{
    cr_assert(slice_equal(key_of_authorization(SLICE("Bearer gk_1")), SLICE("gk_1")));
    cr_assert(slice_equal(key_of_authorization(SLICE("bearer  gk_1 ")), SLICE("gk_1")));
    cr_assert(eq(sz, key_of_authorization(SLICE("Basic abc")).size, 0));
    cr_assert(eq(sz, key_of_authorization(SLICE("Bearer")).size, 0));
    cr_assert(eq(sz, key_of_authorization(SLICE("")).size, 0));
}
