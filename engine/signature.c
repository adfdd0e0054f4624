#include "signature.h"

#include <openssl/base64.h>

void signer_init(struct signer *signer, const void *key, size_t size)
{
    uint8_t block[SHA256_CBLOCK] = {0};
    uint8_t pad[SHA256_CBLOCK];

    if (size > sizeof block)
        SHA256(key, size, block);
    else
        memcpy(block, key, size);

    for (size_t i = 0; i < sizeof block; i++)
        pad[i] = block[i] ^ 0x36;
    SHA256_Init(&signer->inner);
    SHA256_Update(&signer->inner, pad, sizeof pad);

    for (size_t i = 0; i < sizeof block; i++)
        pad[i] = block[i] ^ 0x5c;
    SHA256_Init(&signer->outer);
    SHA256_Update(&signer->outer, pad, sizeof pad);
}

void signer_sign(const struct signer *signer, const struct slice *parts, unsigned count,
                 uint8_t mac[static SIGNATURE_SIZE])
{
    SHA256_CTX context = signer->inner;
    for (unsigned i = 0; i < count; i++)
        SHA256_Update(&context, parts[i].at, parts[i].size);
    SHA256_Final(mac, &context);

    context = signer->outer;
    SHA256_Update(&context, mac, SIGNATURE_SIZE);
    SHA256_Final(mac, &context);
}

void signature_standard(const struct signer *signers, unsigned count, struct slice id,
                        uint64_t timestamp_s, struct slice body, struct text *out)
{
    char number[24];
    struct text timestamp;
    text_init(&timestamp, number, sizeof number);
    text_u64(&timestamp, timestamp_s);

    const struct slice parts[] = {id, SLICE("."), text_slice(&timestamp), SLICE("."), body};
    for (unsigned i = 0; i < count; i++) {
        uint8_t mac[SIGNATURE_SIZE];
        uint8_t base64[48];
        signer_sign(&signers[i], parts, sizeof parts / sizeof *parts, mac);
        size_t size = EVP_EncodeBlock(base64, mac, sizeof mac);
        text_put(out, i ? SLICE(" v1,") : SLICE("v1,"));
        text_put(out, slice_of(base64, size));
    }
}
