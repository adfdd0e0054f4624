/* signature.c - HMAC (RFC 2104) with its padded keys hashed ahead. */
#include "bench/load/signature.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/mem.h>

enum { SECRET_BYTES_MIN = 24, SECRET_BYTES_MAX = 64 };

static void hash_pad(SHA256_CTX *hash, const uint8_t *secret, size_t size, uint8_t pad)
{
    uint8_t block[SHA256_CBLOCK] = {0};
    memcpy(block, secret, size);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] ^= pad;
    SHA256_Init(hash);
    SHA256_Update(hash, block, sizeof block);
    OPENSSL_cleanse(block, sizeof block);
}

int signature_key_parse(struct slice secret, struct signature_key *key)
{
    const struct slice prefix = SLICE("whsec_");
    if (!slice_starts_with(secret, prefix))
        return -EINVAL;
    struct slice text = slice_skip(secret, prefix.size);

    uint8_t bytes[96];
    size_t size;
    if (!EVP_DecodeBase64(bytes, &size, sizeof bytes, (const uint8_t *)text.at, text.size) ||
        size < SECRET_BYTES_MIN || size > SECRET_BYTES_MAX)
        return -EINVAL;
    hash_pad(&key->inner, bytes, size, 0x36);
    hash_pad(&key->outer, bytes, size, 0x5c);
    OPENSSL_cleanse(bytes, sizeof bytes);
    return 0;
}

void signature_print(const struct signature_key *key, const struct signature_message *message,
                     char out[static SIGNATURE_TEXT_SIZE])
{
    uint8_t digest[SHA256_DIGEST_LENGTH];
    SHA256_CTX hash = key->inner;
    SHA256_Update(&hash, message->id.at, message->id.size);
    SHA256_Update(&hash, ".", 1);
    SHA256_Update(&hash, message->timestamp.at, message->timestamp.size);
    SHA256_Update(&hash, ".", 1);
    SHA256_Update(&hash, message->body.at, message->body.size);
    SHA256_Final(digest, &hash);

    hash = key->outer;
    SHA256_Update(&hash, digest, sizeof digest);
    SHA256_Final(digest, &hash);

    static const char version[] = {'v', '1', ','};
    memcpy(out, version, sizeof version);
    EVP_EncodeBlock((uint8_t *)out + sizeof version, digest, sizeof digest);
}

bool signature_matches(const struct signature_key *key, const struct signature_message *message,
                       struct slice header)
{
    char right[SIGNATURE_TEXT_SIZE];
    signature_print(key, message, right);
    while (header.size > 0) {
        size_t end = slice_find(header, ' ');
        if (slice_equal(slice_of(header.at, end), slice_str(right)))
            return true;
        header = slice_skip(header, end + 1);
    }
    return false;
}
