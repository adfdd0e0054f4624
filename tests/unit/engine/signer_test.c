/* Keys against published vectors: RFC 4231 for HMAC-SHA256, RFC 8032 for Ed25519. */
#include "signer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <openssl/curve25519.h>
#include <openssl/sha.h>
#include <stdio.h>

static const char *hex_of(const uint8_t mac[static SIGNER_HMAC_SIZE])
{
    static char hex[2 * SIGNER_HMAC_SIZE + 1];
    for (size_t i = 0; i < SIGNER_HMAC_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    return hex;
}

/* `size` times `byte`. */
static struct slice filled(char *memory, char byte, size_t size)
{
    memset(memory, byte, size);
    return slice_of(memory, size);
}

static void expect(struct slice key, struct slice data, const char *hex)
{
    struct signer signer;
    uint8_t mac[SIGNER_HMAC_SIZE];
    signer_init_hmac(&signer, key.at, key.size);
    signer_hmac(&signer, &data, 1, mac);
    cr_assert_str_eq(hex_of(mac), hex);
}

Test(signer, agrees_with_the_vectors_of_rfc_4231)
{
    static char key[200], data[200];
    char counting[25];
    for (size_t i = 0; i < sizeof counting; i++)
        counting[i] = (char)(i + 1);

    expect(filled(key, 0x0b, 20), SLICE("Hi There"),
           "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    expect(SLICE("Jefe"), SLICE("what do ya want for nothing?"),
           "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    expect(filled(key, (char)0xaa, 20), filled(data, (char)0xdd, 50),
           "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    expect(slice_of(counting, sizeof counting), filled(data, (char)0xcd, 50),
           "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    expect(filled(key, (char)0xaa, 131),
           SLICE("Test Using Larger Than Block-Size Key - Hash Key First"),
           "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    expect(filled(key, (char)0xaa, 131),
           SLICE("This is a test using a larger than block-size key and a larger than block-size "
                 "data. The key needs to be hashed before being used by the HMAC algorithm."),
           "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

Test(signer, takes_a_key_of_exactly_a_block_as_it_is)
{
    static char key[SHA256_CBLOCK];
    expect(filled(key, 'k', sizeof key), SLICE("x"),
           "f91c4c403625fb06910ef93999265bbd2d62baeaec6ff36455498cc124fe3e66");
}

Test(signer, does_not_depend_on_how_the_content_is_cut)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    struct slice whole = slice_str(text);
    struct signer signer;
    uint8_t expected[SIGNER_HMAC_SIZE], mac[SIGNER_HMAC_SIZE];
    signer_init_hmac(&signer, "key", 3);
    signer_hmac(&signer, &whole, 1, expected);
    cr_assert_str_eq(hex_of(expected),
                     "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");

    for (size_t cut = 0; cut <= whole.size; cut++) {
        struct slice parts[] = {slice_of(text, cut), SLICE(""), slice_skip(whole, cut)};
        signer_hmac(&signer, parts, 3, mac);
        cr_assert(zero(int, memcmp(mac, expected, sizeof mac)), "cut at %zu", cut);
    }
}

static void read_hex(const char *hex, uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        cr_assert(eq(int, sscanf(hex + 2 * i, "%2hhx", &bytes[i]), 1));
}

/* RFC 8032 section 7.1. */
static const struct {
    const char *seed, *public, *message, *signature;
} vectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

Test(signer, agrees_with_the_vectors_of_rfc_8032)
{
    struct signer_scratch scratch = {0};
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t seed[32], expected_public[32], public[32], pair[64], message[2] = {0};
        uint8_t expected[64], signature[64];
        size_t size = strlen(vectors[i].message) / 2;
        struct signer signer;
        read_hex(vectors[i].seed, seed, sizeof seed);
        read_hex(vectors[i].public, expected_public, sizeof expected_public);
        read_hex(vectors[i].message, message, size);
        read_hex(vectors[i].signature, expected, sizeof expected);
        ED25519_keypair_from_seed(public, pair, seed);
        cr_assert(zero(int, memcmp(public, expected_public, sizeof public)));
        signer_init_ed25519(&signer, pair);

        struct slice parts[] = {SLICE(""), slice_of(message, size)};
        signer_ed25519(&signer, parts, 2, &scratch, signature);
        cr_assert(zero(int, memcmp(signature, expected, sizeof expected)), "vector %zu", i);
    }
    signer_scratch_close(&scratch);
}

Test(signer, signs_with_ed25519_content_longer_than_any_before)
{
    static char content[300000];
    uint8_t public[32], pair[64], signature[64];
    struct signer_scratch scratch = {0};
    struct signer signer;
    memset(content, 'x', sizeof content);
    ED25519_keypair(public, pair);
    signer_init_ed25519(&signer, pair);
    for (size_t size = 0; size <= sizeof content; size += 60000) {
        struct slice parts[] = {slice_of(content, size / 3), slice_of(content, size - size / 3)};
        signer_ed25519(&signer, parts, 2, &scratch, signature);
        cr_assert(ED25519_verify((const uint8_t *)content, size, signature, public));
    }
    signer_scratch_close(&scratch);
}
