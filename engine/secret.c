/* secret.c - see secret.h. No state; any thread. */
#include "secret.h"

#include "base/random.h"
#include "signer.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/curve25519.h>
#include <openssl/mem.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_MIN = 24, KEY_MAX = 64, KEY_MADE = 32, SEED_SIZE = 32, PAIR_SIZE = 64 };

static int refuse(char *why, const char *reason)
{
    snprintf(why, SECRET_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

/* The bytes behind `prefix`, at most LIMIT_SECRET_SIZE; false if it is not there or no base64. */
static bool decode(struct slice text, struct slice prefix, uint8_t *bytes, size_t *size)
{
    struct slice base64 = slice_skip(text, prefix.size);
    return slice_starts_with(text, prefix) &&
           EVP_DecodeBase64(bytes, size, LIMIT_SECRET_SIZE, (const uint8_t *)base64.at,
                            base64.size);
}

static void encode(const char *prefix, const uint8_t *bytes, size_t size,
                   char out[static SECRET_TEXT_SIZE])
{
    int length = snprintf(out, SECRET_TEXT_SIZE, "%s", prefix);
    EVP_EncodeBlock((uint8_t *)out + length, bytes, size);
}

static int parse_ed25519(struct slice text, struct signer *signer, char *why)
{
    uint8_t given[LIMIT_SECRET_SIZE], public[32], pair[PAIR_SIZE];
    size_t size;
    int error = 0;
    if (!decode(text, SLICE("whsk_"), given, &size) || (size != SEED_SIZE && size != PAIR_SIZE))
        return refuse(why, "must be \"whsk_\" and the base64 of 32 or 64 bytes");
    ED25519_keypair_from_seed(public, pair, given);
    if (size == PAIR_SIZE && CRYPTO_memcmp(pair, given, PAIR_SIZE) != 0)
        error = refuse(why, "has a public key that is not that of its seed");
    else
        signer_init_ed25519(signer, pair);
    OPENSSL_cleanse(given, sizeof given);
    OPENSSL_cleanse(pair, sizeof pair);
    return error;
}

static int parse_standard(struct slice text, struct signer *signer, char *why)
{
    uint8_t key[LIMIT_SECRET_SIZE];
    size_t size;
    if (!decode(text, SLICE("whsec_"), key, &size) || size < KEY_MIN || size > KEY_MAX)
        return refuse(why, "must be \"whsec_\" and the base64 of 24 to 64 bytes");
    signer_init_hmac(signer, key, size);
    OPENSSL_cleanse(key, sizeof key);
    return 0;
}

int secret_parse(enum signature_scheme scheme, struct slice text, struct signer *signer,
                 char why[static SECRET_WHY_SIZE])
{
    if (text.size == 0 || text.size > LIMIT_SECRET_SIZE)
        return refuse(why, "must have 1 to 128 bytes");
    if (scheme == SIGNATURE_ED25519)
        return parse_ed25519(text, signer, why);
    if (scheme == SIGNATURE_STANDARD)
        return parse_standard(text, signer, why);
    signer_init_hmac(signer, text.at, text.size);
    return 0;
}

void secret_make(enum signature_scheme scheme, char out[static SECRET_TEXT_SIZE])
{
    uint8_t bytes[KEY_MADE], public[32], pair[PAIR_SIZE];
    random_secret(bytes, sizeof bytes);
    if (scheme == SIGNATURE_ED25519) {
        ED25519_keypair_from_seed(public, pair, bytes);
        encode("whsk_", pair, sizeof pair, out);
        OPENSSL_cleanse(pair, sizeof pair);
    } else {
        encode("whsec_", bytes, sizeof bytes, out);
    }
    OPENSSL_cleanse(bytes, sizeof bytes);
}

void secret_public_key(struct slice text, char out[static SECRET_TEXT_SIZE])
{
    char why[SECRET_WHY_SIZE];
    struct signer signer;
    must(secret_parse(SIGNATURE_ED25519, text, &signer, why) == 0);
    encode("whpk_", signer.ed25519 + SEED_SIZE, 32, out);
    OPENSSL_cleanse(&signer, sizeof signer);
}

bool secret_is_live(const struct secret *secret, uint64_t at_ms)
{
    return secret->until_ms == 0 || at_ms < secret->until_ms;
}

void secret_erase(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}
