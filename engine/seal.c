/* seal.c - see seal.h. No state; any thread. */
#include "seal.h"

#include "base/aead.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/mem.h>

enum {
    BOX_MAX = AEAD_NONCE_SIZE + SEAL_PLAIN_MAX + AEAD_TAG_SIZE,
    BASE64_MAX = (BOX_MAX + 2) / 3 * 4,
};

static const struct slice version = {"v1:", 3};

void seal_put(const uint8_t key[static SEAL_KEY_SIZE], struct slice name, struct slice place,
              struct slice plain, struct text *out)
{
    uint8_t box[BOX_MAX], base64[BASE64_MAX + 1];
    must(plain.size <= SEAL_PLAIN_MAX);
    random_secret(box, AEAD_NONCE_SIZE);
    aead_seal(&(struct aead_terms){key, box, place}, plain, (char *)box + AEAD_NONCE_SIZE);
    text_put(out, version);
    text_put(out, name);
    text_char(out, ':');
    size_t size = AEAD_NONCE_SIZE + plain.size + AEAD_TAG_SIZE;
    text_put(out, slice_of(base64, EVP_EncodeBlock(base64, box, size)));
}

bool seal_parse(struct slice sealed, struct slice *name, struct slice *box)
{
    struct slice rest = slice_skip(sealed, version.size);
    size_t colon = slice_find(rest, ':');
    if (!slice_starts_with(sealed, version) || colon == rest.size)
        return false;
    *name = slice_of(rest.at, colon);
    *box = slice_skip(rest, colon + 1);
    return true;
}

int seal_open(const uint8_t key[static SEAL_KEY_SIZE], struct slice place, struct slice box,
              struct text *out)
{
    uint8_t bytes[BASE64_MAX];
    char plain[SEAL_PLAIN_MAX];
    size_t size;

    if (!EVP_DecodeBase64(bytes, &size, sizeof bytes, (const uint8_t *)box.at, box.size) ||
        size < AEAD_NONCE_SIZE + AEAD_TAG_SIZE || size > BOX_MAX)
        return -EBADMSG;
    const struct slice rest = slice_of(bytes + AEAD_NONCE_SIZE, size - AEAD_NONCE_SIZE);
    int error = aead_open(&(struct aead_terms){key, bytes, place}, rest, plain);
    if (error)
        return error;
    size_t plain_size = rest.size - AEAD_TAG_SIZE;
    text_put(out, slice_of(plain, plain_size));
    OPENSSL_cleanse(plain, plain_size);
    return text_ok(out) ? 0 : -ENOBUFS;
}
