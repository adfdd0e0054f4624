/* Tokens: the published signatures of RFC 7515 and RFC 8037, and what a token says. */
#include "jwt.h"

#include "base/json.h"
#include "tests/support/private_keys.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <openssl/base64.h>
#include <openssl/bn.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/nid.h>
#include <openssl/sha.h>
#include <stdio.h>

#define CLAIMS "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"
#define CLAIMS_TEXT                                                                            \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
    "cnVlfQ"

static char token[8192], why[JWT_WHY_SIZE];

static struct jwt_key *open_key(enum jwt_algorithm algorithm, const char *text)
{
    struct jwt_key *key;
    struct slice slice = text ? slice_str(text) : slice_of(key_hmac, sizeof key_hmac);
    cr_assert(eq(int, jwt_key_open(&key, algorithm, slice, why), 0), "%s", why);
    return key;
}

static const char *sign(enum jwt_algorithm algorithm, const char *text, const char *header,
                        const char *payload)
{
    struct jwt_key *key = open_key(algorithm, text);
    struct text out;
    text_init(&out, token, sizeof token - 1);
    jwt_sign(key, slice_str(header), slice_str(payload), &out);
    jwt_key_close(key);
    cr_assert(text_ok(&out));
    token[out.size] = '\0';
    return token;
}

Test(jwt, signs_as_rfc7515_a1_does_with_hs256)
{
    cr_assert_str_eq(sign(JWT_HS256, NULL, "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}", CLAIMS),
                     "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." CLAIMS_TEXT
                     ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

Test(jwt, signs_as_rfc7515_a2_does_with_rs256)
{
    static const char expected[] =
        "eyJhbGciOiJSUzI1NiJ9." CLAIMS_TEXT
        ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W"
        "2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjt"
        "QBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I"
        "eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    cr_assert_str_eq(sign(JWT_RS256, key_rsa_pkcs8, "{\"alg\":\"RS256\"}", CLAIMS), expected);
    cr_assert_str_eq(sign(JWT_RS256, key_rsa_pkcs1, "{\"alg\":\"RS256\"}", CLAIMS), expected);
}

Test(jwt, signs_as_rfc8037_a4_does_with_ed25519)
{
    cr_assert_str_eq(
        sign(JWT_EDDSA, key_ed25519, "{\"alg\":\"EdDSA\"}", "Example of Ed25519 signing"),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PG"
        "cvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

/* ---- ES256 is another signature each time: verified by the public key of RFC 7515 A.3 ---- */

static size_t decode_url(const char *text, uint8_t *out, size_t room)
{
    static uint8_t base64[1024];
    size_t size = strlen(text), decoded;
    memcpy(base64, text, size);
    for (size_t i = 0; i < size; i++)
        base64[i] = base64[i] == '-' ? '+' : base64[i] == '_' ? '/' : base64[i];
    while (size % 4)
        base64[size++] = '=';
    cr_assert(EVP_DecodeBase64(out, &decoded, room, base64, size));
    return decoded;
}

static bool verifies_es256(const char *text)
{
    uint8_t x[33], y[33], signature[66], hash[SHA256_DIGEST_LENGTH];
    const char *dot = strrchr(text, '.');
    cr_assert(eq(sz, decode_url("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", x, sizeof x), 32));
    cr_assert(eq(sz, decode_url("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", y, sizeof y), 32));
    cr_assert(eq(sz, decode_url(dot + 1, signature, sizeof signature), 64));
    SHA256((const uint8_t *)text, (size_t)(dot - text), hash);

    EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    BIGNUM *bn_x = BN_bin2bn(x, 32, NULL), *bn_y = BN_bin2bn(y, 32, NULL);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    cr_assert(EC_KEY_set_public_key_affine_coordinates(key, bn_x, bn_y));
    cr_assert(ECDSA_SIG_set0(numbers, BN_bin2bn(signature, 32, NULL),
                             BN_bin2bn(signature + 32, 32, NULL)));
    int is_good = ECDSA_do_verify(hash, sizeof hash, numbers, key);
    ECDSA_SIG_free(numbers);
    BN_free(bn_x);
    BN_free(bn_y);
    EC_KEY_free(key);
    return is_good == 1;
}

Test(jwt, signs_es256_so_that_the_key_of_rfc7515_a3_verifies)
{
    cr_assert(verifies_es256("eyJhbGciOiJFUzI1NiJ9." CLAIMS_TEXT
                             ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmX"
                             "FCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
              "the published one");
    for (unsigned i = 0; i < 50; i++) { /* numbers of less than 32 bytes come up as well */
        const char *pem = i % 2 ? key_ec_pkcs8 : key_ec_sec1;
        cr_assert(verifies_es256(sign(JWT_ES256, pem, "{\"alg\":\"ES256\"}", CLAIMS)));
    }
    token[30] ^= 1;
    cr_assert(not(verifies_es256(token)));
}

/* ---- keys ---- */

Test(jwt, takes_keys_of_the_right_kind_and_strength_only)
{
    const struct {
        enum jwt_algorithm algorithm;
        const char *text;
    } bad[] = {
        {JWT_HS256, "31 bytes are too few for it...."},
        {JWT_RS256, key_ec_pkcs8},
        {JWT_RS256, key_rsa_1024},
        {JWT_RS256, "no key"},
        {JWT_ES256, key_p384},
        {JWT_ES256, key_rsa_pkcs8},
        {JWT_EDDSA, key_ec_pkcs8},
        {JWT_EDDSA, key_encrypted},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct jwt_key *key;
        int error = jwt_key_open(&key, bad[i].algorithm, slice_str(bad[i].text), why);
        cr_assert(eq(int, error, -EINVAL), "%u", i);
        cr_assert(ne(chr, why[0], '\0'));
    }
    jwt_key_close(open_key(JWT_HS256, "32 bytes are what it has to have"));
}

Test(jwt, names_its_algorithms)
{
    static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};
    enum jwt_algorithm found;
    for (unsigned i = 0; i < 4; i++) {
        cr_assert(jwt_algorithm_find(slice_str(names[i]), &found));
        cr_assert_str_eq(jwt_algorithm_name(found), names[i]);
    }
    cr_assert(not(jwt_algorithm_find(SLICE("none"), &found)));
    cr_assert(not(jwt_algorithm_find(SLICE("hs256"), &found)));
}

/* ---- what it says ---- */

/* The part of the token before its dot number `dot`, decoded. */
static const char *part(unsigned number)
{
    static char text[4096];
    const char *at = token;
    while (number--)
        at = strchr(at, '.') + 1;
    snprintf(text, sizeof text, "%.*s", (int)strcspn(at, "."), at);
    size_t size = decode_url(text, (uint8_t *)text, sizeof text - 1);
    text[size] = '\0';
    return text;
}

static void print(const struct jwt_claims *claims)
{
    struct jwt_key *key = open_key(JWT_HS256, NULL);
    struct text out;
    text_init(&out, token, sizeof token - 1);
    jwt_print(key, claims, &out);
    cr_assert(text_ok(&out));
    token[out.size] = '\0';
    jwt_key_close(key);
}

Test(jwt, says_when_it_was_made_until_when_it_holds_and_which_it_is)
{
    print(&(struct jwt_claims){.issued_s = 1000, .expires_s = 1300, .id = SLICE("one")});
    cr_assert_str_eq(part(0), "{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    cr_assert_str_eq(part(1), "{\"iat\":1000,\"exp\":1300,\"jti\":\"one\"}");
}

Test(jwt, says_what_was_configured)
{
    print(&(struct jwt_claims){.key_id = "k\"1",
                               .issuer = "us",
                               .subject = "me",
                               .audience = "you",
                               .custom = "{\"a\":[1,2],\"b\":{\"c\":null}}",
                               .issued_s = 1,
                               .expires_s = 2,
                               .id = SLICE("two")});
    cr_assert_str_eq(part(0), "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k\\\"1\"}");
    cr_assert_str_eq(part(1), "{\"iat\":1,\"exp\":2,\"jti\":\"two\",\"iss\":\"us\",\"sub\":\"me\","
                              "\"aud\":\"you\",\"a\":[1,2],\"b\":{\"c\":null}}");
    print(&(struct jwt_claims){.custom = "{}", .id = SLICE("")});
    cr_assert_str_eq(part(1), "{\"iat\":0,\"exp\":0,\"jti\":\"\"}");
}

Test(jwt, that_does_not_fit_is_cut)
{
    struct jwt_key *key = open_key(JWT_EDDSA, key_ed25519);
    const struct jwt_claims claims = {.id = SLICE("one")};
    struct text out;
    text_init(&out, token, sizeof token);
    jwt_print(key, &claims, &out);
    for (size_t room = out.size; room-- > 0;) {
        struct text small;
        text_init(&small, token, room);
        jwt_print(key, &claims, &small);
        cr_assert(not(text_ok(&small)), "%zu", room);
    }
    jwt_key_close(key);
}
