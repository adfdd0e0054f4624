/* secret.c - see secret.h. No state; any thread. */
#include "secret.h"

#include "base/random.h"

#include <errno.h>
#include <openssl/base64.h>
#include <stdio.h>

enum { BYTES_MIN = 24, BYTES_MAX = 64, BYTES_MADE = 32 };

static const struct slice prefix = {"whsec_", 6};

static int refuse(char *why, const char *reason)
{
    snprintf(why, SECRET_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

int secret_parse(enum signature_scheme scheme, struct slice text, struct secret *secret,
                 char why[static SECRET_WHY_SIZE])
{
    if (text.size == 0 || text.size > LIMIT_SECRET_SIZE)
        return refuse(why, "must have 1 to 128 characters");
    if (scheme != SIGNATURE_STANDARD) {
        memcpy(secret->bytes, text.at, text.size);
        secret->size = text.size;
        return 0;
    }
    struct slice base64 = slice_skip(text, prefix.size);
    if (!slice_starts_with(text, prefix) ||
        !EVP_DecodeBase64(secret->bytes, &secret->size, sizeof secret->bytes,
                          (const uint8_t *)base64.at, base64.size) ||
        secret->size < BYTES_MIN || secret->size > BYTES_MAX)
        return refuse(why, "must be \"whsec_\" and the base64 of 24 to 64 bytes");
    return 0;
}

struct slice secret_print(enum signature_scheme scheme, const struct secret *secret,
                          char out[static SECRET_TEXT_SIZE])
{
    must(secret->size <= (scheme == SIGNATURE_STANDARD ? (size_t)BYTES_MAX : LIMIT_SECRET_SIZE));
    size_t size = secret->size;
    if (scheme == SIGNATURE_STANDARD) {
        memcpy(out, prefix.at, prefix.size);
        size = prefix.size +
               EVP_EncodeBlock((uint8_t *)out + prefix.size, secret->bytes, secret->size);
    } else {
        memcpy(out, secret->bytes, secret->size);
    }
    out[size] = '\0';
    return slice_of(out, size);
}

void secret_make(enum signature_scheme scheme, struct secret *secret)
{
    struct secret made = {.size = BYTES_MADE};
    char text[SECRET_TEXT_SIZE], why[SECRET_WHY_SIZE];
    random_secret(made.bytes, made.size);
    must(secret_parse(scheme, secret_print(SIGNATURE_STANDARD, &made, text), secret, why) == 0);
}
