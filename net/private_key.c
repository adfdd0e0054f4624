/* private_key.c - see private_key.h. No state; any thread. */
#include "net/private_key.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/bytestring.h>
#include <openssl/ec_key.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/rsa.h>
#include <stdint.h>
#include <stdio.h>

static int refuse(char *why, const char *reason)
{
    snprintf(why, PRIVATE_KEY_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

/* ---- PEM ---- */

static size_t find_text(struct slice whole, struct slice text)
{
    const char *found = whole.size ? memmem(whole.at, whole.size, text.at, text.size) : NULL;
    return found ? (size_t)(found - whole.at) : whole.size;
}

/* Takes "-----BEGIN LABEL-----BODY-----END" off the front of `pem`; false if there is no more. */
static bool take_block(struct slice *pem, struct slice *label, struct slice *body)
{
    const struct slice begin = SLICE("-----BEGIN "), dashes = SLICE("-----"),
                       end = SLICE("-----END ");
    *pem = slice_skip(*pem, find_text(*pem, begin) + begin.size);
    *label = slice_of(pem->at, find_text(*pem, dashes));
    *pem = slice_skip(*pem, label->size + dashes.size);
    *body = slice_of(pem->at, find_text(*pem, end));
    bool is_whole = body->size < pem->size;
    *pem = slice_skip(*pem, body->size + end.size);
    return is_whole;
}

/* Base64 with white space in it. */
static bool decode(struct slice body, uint8_t *bytes, size_t *size, size_t room)
{
    uint8_t base64[PRIVATE_KEY_PEM_MAX];
    size_t count = 0;
    if (body.size > sizeof base64)
        return false;
    for (size_t i = 0; i < body.size; i++)
        if (!strchr(" \t\r\n", body.at[i]))
            base64[count++] = (uint8_t)body.at[i];
    bool is_base64 = EVP_DecodeBase64(bytes, size, room, base64, count);
    OPENSSL_cleanse(base64, count);
    return is_base64;
}

/* ---- the forms ---- */

static EVP_PKEY *of_rsa(CBS *bytes)
{
    RSA *rsa = RSA_parse_private_key(bytes);
    EVP_PKEY *key = rsa ? EVP_PKEY_new() : NULL;
    if (key && EVP_PKEY_assign_RSA(key, rsa))
        return key;
    RSA_free(rsa);
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *of_ec(CBS *bytes)
{
    EC_KEY *ec = EC_KEY_parse_private_key(bytes, NULL);
    EVP_PKEY *key = ec ? EVP_PKEY_new() : NULL;
    if (key && EVP_PKEY_assign_EC_KEY(key, ec))
        return key;
    EC_KEY_free(ec);
    EVP_PKEY_free(key);
    return NULL;
}

static const struct {
    struct slice label;
    EVP_PKEY *(*parse)(CBS *bytes);
} forms[] = {
    {{"PRIVATE KEY", 11}, EVP_parse_private_key},
    {{"RSA PRIVATE KEY", 15}, of_rsa},
    {{"EC PRIVATE KEY", 14}, of_ec},
};

static EVP_PKEY *parse_body(struct slice label, struct slice body)
{
    uint8_t bytes[PRIVATE_KEY_PEM_MAX];
    size_t size;
    CBS cbs;
    EVP_PKEY *key = NULL;
    if (!decode(body, bytes, &size, sizeof bytes))
        return NULL;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (!slice_equal(label, forms[i].label))
            continue;
        CBS_init(&cbs, bytes, size);
        key = forms[i].parse(&cbs);
        if (key && CBS_len(&cbs) > 0) {
            EVP_PKEY_free(key);
            key = NULL;
        }
    }
    OPENSSL_cleanse(bytes, size);
    return key;
}

int private_key_parse(EVP_PKEY **key, struct slice pem, char why[static PRIVATE_KEY_WHY_SIZE])
{
    const struct slice suffix = SLICE("PRIVATE KEY");
    struct slice label, body;
    while (take_block(&pem, &label, &body)) {
        if (label.size < suffix.size ||
            !slice_equal(slice_skip(label, label.size - suffix.size), suffix))
            continue; /* parameters, certificates */
        if (slice_equal(label, SLICE("ENCRYPTED PRIVATE KEY")) ||
            find_text(body, SLICE("ENCRYPTED")) < body.size)
            return refuse(why, "is encrypted: give it without a passphrase");
        *key = parse_body(label, body);
        return *key ? 0 : refuse(why, "is no private key that can be read");
    }
    return refuse(why, "must be a private key in PEM");
}
