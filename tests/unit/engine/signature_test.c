/* Signatures against published ones: RFC 4231's vectors, and the example of the Standard Webhooks
 * specification. */
#include "signature.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

static char printed[SIGNATURE_TEXT_MAX];

static const char *hex_of(const uint8_t mac[static SIGNATURE_SIZE])
{
    static char hex[2 * SIGNATURE_SIZE + 1];
    for (size_t i = 0; i < SIGNATURE_SIZE; i++)
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
    uint8_t mac[SIGNATURE_SIZE];
    signer_init(&signer, key.at, key.size);
    signer_sign(&signer, &data, 1, mac);
    cr_assert_str_eq(hex_of(mac), hex);
}

Test(signature, agrees_with_the_vectors_of_rfc_4231)
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

Test(signature, takes_a_key_of_exactly_a_block_as_it_is)
{
    static char key[SHA256_CBLOCK];
    expect(filled(key, 'k', sizeof key), SLICE("x"),
           "f91c4c403625fb06910ef93999265bbd2d62baeaec6ff36455498cc124fe3e66");
}

Test(signature, does_not_depend_on_how_the_content_is_cut)
{
    static const char text[] = "The quick brown fox jumps over the lazy dog";
    struct slice whole = slice_str(text);
    struct signer signer;
    uint8_t expected[SIGNATURE_SIZE], mac[SIGNATURE_SIZE];
    signer_init(&signer, "key", 3);
    signer_sign(&signer, &whole, 1, expected);
    cr_assert_str_eq(hex_of(expected),
                     "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");

    for (size_t cut = 0; cut <= whole.size; cut++) {
        struct slice parts[] = {slice_of(text, cut), SLICE(""), slice_skip(whole, cut)};
        signer_sign(&signer, parts, 3, mac);
        cr_assert(zero(int, memcmp(mac, expected, sizeof mac)), "cut at %zu", cut);
    }
}

/* The key of whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw. */
static const uint8_t example_key[] = {0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a,
                                      0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c,
                                      0xf6, 0x48, 0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0};
#define EXAMPLE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static struct slice sign_example(const struct signer *signers, unsigned count, size_t room)
{
    struct text text;
    text_init(&text, printed, room);
    signature_standard(signers, count, SLICE("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330,
                       SLICE("{\"test\": 2432232314}"), &text);
    cr_assert(eq(int, text_ok(&text), room == sizeof printed));
    return text_slice(&text);
}

Test(signature, agrees_with_the_example_of_standard_webhooks)
{
    struct signer signer;
    signer_init(&signer, example_key, sizeof example_key);
    cr_assert(slice_equal(sign_example(&signer, 1, sizeof printed), SLICE(EXAMPLE)));
}

Test(signature, has_one_for_each_live_secret_the_first_one_first)
{
    struct signer signers[LIMIT_SECRETS];
    signer_init(&signers[0], example_key, sizeof example_key);
    signer_init(&signers[1], "another", 7);

    struct slice both = sign_example(signers, 2, sizeof printed);
    cr_assert(slice_starts_with(both, SLICE(EXAMPLE " v1,")));
    cr_assert(eq(sz, both.size, 2 * strlen(EXAMPLE) + 1));
    cr_assert(not(slice_equal(slice_skip(both, strlen(EXAMPLE) + 1), SLICE(EXAMPLE))));
}

Test(signature, can_be_made_again_from_the_same_signer)
{
    struct signer signer;
    signer_init(&signer, example_key, sizeof example_key);
    for (int i = 0; i < 3; i++)
        cr_assert(slice_equal(sign_example(&signer, 1, sizeof printed), SLICE(EXAMPLE)));
}

Test(signature, says_so_if_there_is_no_room)
{
    struct signer signer;
    signer_init(&signer, example_key, sizeof example_key);
    sign_example(&signer, 1, strlen(EXAMPLE) - 1);
}

Test(signature, signs_an_empty_body)
{
    struct signer signer;
    struct text text;
    signer_init(&signer, "key", 3);
    text_init(&text, printed, sizeof printed);
    signature_standard(&signer, 1, SLICE("m"), 0, SLICE(""), &text);
    cr_assert(
        slice_equal(text_slice(&text), SLICE("v1,Cbb3b9Rhfq+/RATB/jOnKxZM4i3TzLjNk23YOGpA9bo=")));
}
