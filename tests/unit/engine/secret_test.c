/* Secrets: which texts each scheme takes, and what is made of them. */
#include "secret.h"

#include "signer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/base64.h>
#include <stdio.h>

/* The key pair of a test of Svix's server. */
#define PAIR                      \
    "whsk_6Xb/dCcHpPea21PS1N9VY/" \
    "NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SEED       "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
#define PUBLIC_KEY "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="

static struct signer signer;
static char why[SECRET_WHY_SIZE];

static int parse(enum signature_scheme scheme, const char *text)
{
    return secret_parse(scheme, slice_str(text), &signer, why);
}

/* whsec_ and base64 of `size` bytes. */
static const char *standard_of(size_t size)
{
    static char text[256];
    uint8_t bytes[128] = {1, 2, 3};
    size_t start = (size_t)snprintf(text, sizeof text, "whsec_");
    EVP_EncodeBlock((uint8_t *)text + start, bytes, size);
    return text;
}

Test(secret, of_scheme_standard_is_24_to_64_bytes_in_base64)
{
    for (size_t size = 0; size <= 80; size++)
        cr_assert(eq(int, parse(SIGNATURE_STANDARD, standard_of(size)),
                     size >= 24 && size <= 64 ? 0 : -EINVAL),
                  "%zu", size);
    static const char *const wrong[] = {"",
                                        "whsec_",
                                        "whsec_!!!!",
                                        "plain",
                                        "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
                                        "whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
                                        "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI",
                                        "Whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(int, parse(SIGNATURE_STANDARD, wrong[i]), -EINVAL), "%s", wrong[i]);
}

Test(secret, of_scheme_ed25519_is_a_seed_or_a_pair_that_fits)
{
    struct signer pair;
    char public[SECRET_TEXT_SIZE];
    cr_assert(eq(int, parse(SIGNATURE_ED25519, PAIR), 0));
    pair = signer;
    cr_assert(eq(int, parse(SIGNATURE_ED25519, SEED), 0));
    cr_assert(zero(int, memcmp(&pair, &signer, sizeof signer)), "the seed is all that counts");
    secret_public_key(SLICE(PAIR), public);
    cr_assert_str_eq(public, PUBLIC_KEY);
    secret_public_key(SLICE(SEED), public);
    cr_assert_str_eq(public, PUBLIC_KEY);

    char other[] = PAIR;
    other[60] = other[60] == 'A' ? 'B' : 'A'; /* within the public key */
    cr_assert(eq(int, parse(SIGNATURE_ED25519, other), -EINVAL));
    cr_assert(strstr(why, "public key") != NULL, "%s", why);
    cr_assert(eq(int, parse(SIGNATURE_ED25519, standard_of(32)), -EINVAL));
    cr_assert(eq(int, parse(SIGNATURE_ED25519, "whsk_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"), -EINVAL));
    cr_assert(eq(int, parse(SIGNATURE_ED25519, PUBLIC_KEY), -EINVAL));
}

Test(secret, of_other_schemes_is_any_text_as_its_bytes)
{
    struct signer expected;
    static const char *const texts[] = {"x", "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
                                        "It's a Secret to Everybody", "\xc3\xa9"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        cr_assert(eq(int, parse(SIGNATURE_GITHUB, texts[i]), 0));
        signer_init_hmac(&expected, texts[i], strlen(texts[i]));
        cr_assert(zero(int, memcmp(&expected, &signer, sizeof signer)), "%s", texts[i]);
    }
    char longest[LIMIT_SECRET_SIZE + 2];
    memset(longest, 'x', sizeof longest);
    longest[LIMIT_SECRET_SIZE + 1] = '\0';
    cr_assert(eq(int, parse(SIGNATURE_HEX, longest), -EINVAL));
    cr_assert(eq(int, parse(SIGNATURE_HEX, longest + 1), 0));
    cr_assert(eq(int, parse(SIGNATURE_HEX, ""), -EINVAL));
}

Test(secret, that_is_made_fits_its_scheme_and_is_never_the_same)
{
    for (unsigned scheme = 0; scheme <= SIGNATURE_NONE; scheme++) {
        char first[SECRET_TEXT_SIZE], second[SECRET_TEXT_SIZE];
        secret_make((enum signature_scheme)scheme, first);
        secret_make((enum signature_scheme)scheme, second);
        cr_assert(eq(int, parse((enum signature_scheme)scheme, first), 0), "%s: %s", first, why);
        cr_assert_str_neq(first, second);
        cr_assert(eq(int, strncmp(first, scheme == SIGNATURE_ED25519 ? "whsk_" : "whsec_", 5), 0));
    }
}
