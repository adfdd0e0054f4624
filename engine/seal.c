/* seal.c - see seal.h. No state; any thread. */
#include "seal.h"

#include "base/random.h"

#include <errno.h>
#include <openssl/aead.h>
#include <openssl/base64.h>
#include <openssl/mem.h>

enum {
    NONCE_SIZE = 24,
    TAG_SIZE = 16,
    BOX_MAX = NONCE_SIZE + SEAL_PLAIN_MAX + TAG_SIZE,
    BASE64_MAX = (BOX_MAX + 2) / 3 * 4,
};

static const struct slice version = {"v1:", 3};

static void begin(EVP_AEAD_CTX *context, const uint8_t *key)
{
    must(EVP_AEAD_CTX_init(context, EVP_aead_xchacha20_poly1305(), key, SEAL_KEY_SIZE, TAG_SIZE,
                           NULL));
}

void seal_put(const uint8_t key[static SEAL_KEY_SIZE], struct slice name, struct slice place,
              struct slice plain, struct text *out)
{
    uint8_t box[BOX_MAX], base64[BASE64_MAX + 1];
    size_t size;
    EVP_AEAD_CTX context;

    must(plain.size <= SEAL_PLAIN_MAX);
    random_secret(box, NONCE_SIZE);
    begin(&context, key);
    must(EVP_AEAD_CTX_seal(&context, box + NONCE_SIZE, &size, sizeof box - NONCE_SIZE, box,
                           NONCE_SIZE, (const uint8_t *)plain.at, plain.size,
                           (const uint8_t *)place.at, place.size));
    EVP_AEAD_CTX_cleanup(&context);
    text_put(out, version);
    text_put(out, name);
    text_char(out, ':');
    text_put(out, slice_of(base64, EVP_EncodeBlock(base64, box, NONCE_SIZE + size)));
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
    uint8_t bytes[BASE64_MAX], plain[SEAL_PLAIN_MAX];
    size_t size, plain_size;
    EVP_AEAD_CTX context;

    if (!EVP_DecodeBase64(bytes, &size, sizeof bytes, (const uint8_t *)box.at, box.size) ||
        size < NONCE_SIZE + TAG_SIZE || size > BOX_MAX)
        return -EBADMSG;
    begin(&context, key);
    int is_open = EVP_AEAD_CTX_open(&context, plain, &plain_size, sizeof plain, bytes, NONCE_SIZE,
                                    bytes + NONCE_SIZE, size - NONCE_SIZE,
                                    (const uint8_t *)place.at, place.size);
    EVP_AEAD_CTX_cleanup(&context);
    if (!is_open)
        return -EBADMSG;
    text_put(out, slice_of(plain, plain_size));
    OPENSSL_cleanse(plain, plain_size);
    return text_ok(out) ? 0 : -ENOBUFS;
}
