/* jwt.c - see jwt.h. No state; any thread. HS256 takes no memory to sign; the others do, in
 * BoringSSL. */
#include "jwt.h"

#include "net/private_key.h"
#include "signer.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/bn.h>
#include <openssl/ec_key.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    HMAC_KEY_MIN = 32, /* RFC 7518 section 3.2 */
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 4096,
    SIGNATURE_MAX = RSA_BITS_MAX / 8,
    P256_SIZE = 32,
    HEADER_MAX = 512,
    PAYLOAD_MAX = 4096,
    CHUNK = 48, /* bytes at a time to base64, a multiple of three */
};

struct jwt_key {
    enum jwt_algorithm algorithm;
    EVP_PKEY *pkey;     /* NULL for HS256 */
    struct signer hmac; /* HS256 */
};

static const struct {
    const char *name;
    int type;
} algorithms[] = {
    [JWT_HS256] = {"HS256", 0},
    [JWT_RS256] = {"RS256", EVP_PKEY_RSA},
    [JWT_ES256] = {"ES256", EVP_PKEY_EC},
    [JWT_EDDSA] = {"EdDSA", EVP_PKEY_ED25519},
};
enum { ALGORITHMS = sizeof algorithms / sizeof algorithms[0] };

const char *jwt_algorithm_name(enum jwt_algorithm algorithm)
{
    return algorithms[algorithm].name;
}

bool jwt_algorithm_find(struct slice name, enum jwt_algorithm *algorithm)
{
    for (unsigned i = 0; i < ALGORITHMS; i++) {
        if (slice_equal(slice_str(algorithms[i].name), name)) {
            *algorithm = (enum jwt_algorithm)i;
            return true;
        }
    }
    return false;
}

/* ---- keys ---- */

static int refuse(char *why, const char *reason)
{
    snprintf(why, JWT_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

static int check_key(enum jwt_algorithm algorithm, const EVP_PKEY *pkey, char *why)
{
    if (EVP_PKEY_id(pkey) != algorithms[algorithm].type)
        return refuse(why, algorithm == JWT_RS256   ? "must be an RSA key"
                           : algorithm == JWT_ES256 ? "must be an EC key on P-256"
                                                    : "must be an Ed25519 key");
    if (algorithm == JWT_RS256 &&
        (EVP_PKEY_bits(pkey) < RSA_BITS_MIN || EVP_PKEY_bits(pkey) > RSA_BITS_MAX))
        return refuse(why, "must be an RSA key of 2048 to 4096 bits");
    if (algorithm == JWT_ES256 && EC_GROUP_get_curve_name(EC_KEY_get0_group(
                                      EVP_PKEY_get0_EC_KEY(pkey))) != NID_X9_62_prime256v1)
        return refuse(why, "must be an EC key on P-256");
    return 0;
}

int jwt_key_open(struct jwt_key **made, enum jwt_algorithm algorithm, struct slice text,
                 char why[static JWT_WHY_SIZE])
{
    struct jwt_key *key = calloc(1, sizeof *key);
    int error = 0;
    if (!key)
        return -ENOMEM;
    key->algorithm = algorithm;
    if (algorithm != JWT_HS256)
        error = private_key_parse(&key->pkey, text, why);
    else if (text.size < HMAC_KEY_MIN)
        error = refuse(why, "must have at least 32 bytes for HS256");
    else
        signer_init_hmac(&key->hmac, text.at, text.size);
    if (!error && key->pkey)
        error = check_key(algorithm, key->pkey, why);
    if (error) {
        jwt_key_close(key);
        return error;
    }
    *made = key;
    return 0;
}

void jwt_key_close(struct jwt_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

/* ---- signing ---- */

/* Base64 with the letters of URLs and without padding (RFC 7515 section 2). */
static void put_base64url(struct text *out, const void *bytes, size_t size)
{
    uint8_t base64[CHUNK / 3 * 4 + 1];
    for (size_t at = 0; at < size; at += CHUNK) {
        size_t count = size - at < CHUNK ? size - at : CHUNK;
        size_t printed = EVP_EncodeBlock(base64, (const uint8_t *)bytes + at, count);
        for (size_t i = 0; i < printed; i++)
            base64[i] = base64[i] == '+' ? '-' : base64[i] == '/' ? '_' : base64[i];
        while (printed && base64[printed - 1] == '=')
            printed--;
        text_put(out, slice_of(base64, printed));
    }
}

/* DER to the two numbers, one behind the other (RFC 7518 section 3.4). */
static size_t flatten_ecdsa(uint8_t *signature, size_t size)
{
    ECDSA_SIG *numbers = ECDSA_SIG_from_bytes(signature, size);
    const BIGNUM *r, *s;
    must(numbers);
    ECDSA_SIG_get0(numbers, &r, &s);
    must(BN_bn2bin_padded(signature, P256_SIZE, r) &&
         BN_bn2bin_padded(signature + P256_SIZE, P256_SIZE, s));
    ECDSA_SIG_free(numbers);
    return (size_t)2 * P256_SIZE;
}

/* Out of memory stops the process, as elsewhere on a shard. */
static size_t sign(const struct jwt_key *key, struct slice input,
                   uint8_t signature[static SIGNATURE_MAX])
{
    const EVP_MD *digest = key->algorithm == JWT_EDDSA ? NULL : EVP_sha256();
    size_t size = SIGNATURE_MAX;
    EVP_MD_CTX context;
    if (key->algorithm == JWT_HS256) {
        signer_hmac(&key->hmac, &input, 1, signature);
        return SIGNER_HMAC_SIZE;
    }
    EVP_MD_CTX_init(&context);
    must(EVP_DigestSignInit(&context, NULL, digest, NULL, key->pkey) &&
         EVP_DigestSign(&context, signature, &size, (const uint8_t *)input.at, input.size));
    EVP_MD_CTX_cleanup(&context);
    return key->algorithm == JWT_ES256 ? flatten_ecdsa(signature, size) : size;
}

void jwt_sign(const struct jwt_key *key, struct slice header, struct slice payload,
              struct text *out)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t start = out->size;
    put_base64url(out, header.at, header.size);
    text_char(out, '.');
    put_base64url(out, payload.at, payload.size);
    if (!text_ok(out))
        return;
    size_t size = sign(key, slice_skip(text_slice(out), start), signature);
    text_char(out, '.');
    put_base64url(out, signature, size);
}

/* ---- what it says ---- */

bool jwt_is_registered(struct slice name)
{
    static const char *const names[] = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (slice_equal(slice_str(names[i]), name))
            return true;
    return false;
}

static void put_string(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    text_printf(text, ",\"%s\":", name);
    text_json(text, slice_str(value));
}

/* The members of an object, after others. */
static void put_custom(struct text *text, const char *object)
{
    struct slice members = slice_str(object);
    if (members.size <= 2) /* NULL, or {} */
        return;
    text_char(text, ',');
    text_put(text, slice_of(members.at + 1, members.size - 2));
}

void jwt_print(const struct jwt_key *key, const struct jwt_claims *claims, struct text *out)
{
    char header_bytes[HEADER_MAX], payload_bytes[PAYLOAD_MAX];
    struct text header, payload;
    text_init(&header, header_bytes, sizeof header_bytes);
    text_printf(&header, "{\"alg\":\"%s\",\"typ\":\"JWT\"", algorithms[key->algorithm].name);
    put_string(&header, "kid", claims->key_id);
    text_char(&header, '}');

    text_init(&payload, payload_bytes, sizeof payload_bytes);
    text_printf(&payload,
                "{\"iat\":%llu,\"exp\":%llu,\"jti\":", (unsigned long long)claims->issued_s,
                (unsigned long long)claims->expires_s);
    text_json(&payload, claims->id);
    put_string(&payload, "iss", claims->issuer);
    put_string(&payload, "sub", claims->subject);
    put_string(&payload, "aud", claims->audience);
    put_custom(&payload, claims->custom);
    text_char(&payload, '}');
    must(text_ok(&header) && text_ok(&payload));
    jwt_sign(key, text_slice(&header), text_slice(&payload), out);
}
