/* signer.c - see signer.h. */
#include "signer.h"

#include "base/must.h"

#include <openssl/curve25519.h>
#include <openssl/sha.h>
#include <stdlib.h>

enum { SCRATCH_MIN = 4096 };

/* The state of SHA-256 after the one block that `key` makes with `pad`. */
static void hash_block(uint32_t state[static 8], const uint8_t key[static SHA256_CBLOCK],
                       uint8_t pad)
{
    SHA256_CTX context;
    uint8_t block[SHA256_CBLOCK];
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(&context);
    SHA256_Transform(&context, block);
    memcpy(state, context.h, sizeof context.h);
    explicit_bzero(block, sizeof block);
}

void signer_init_hmac(struct signer *signer, const void *key, size_t size)
{
    uint8_t block[SHA256_CBLOCK] = {0};
    if (size > sizeof block)
        SHA256(key, size, block);
    else
        memcpy(block, key, size);
    hash_block(signer->hmac.inner, block, 0x36);
    hash_block(signer->hmac.outer, block, 0x5c);
    explicit_bzero(block, sizeof block);
}

void signer_init_ed25519(struct signer *signer, const uint8_t key[static 64])
{
    memcpy(signer->ed25519, key, sizeof signer->ed25519);
}

/* Goes on from where hash_block() ended. */
static void resume(SHA256_CTX *context, const uint32_t state[static 8])
{
    SHA256_Init(context);
    memcpy(context->h, state, sizeof context->h);
    context->Nl = 8 * SHA256_CBLOCK; /* bits so far */
}

void signer_hmac(const struct signer *signer, const struct slice *parts, unsigned count,
                 uint8_t signature[static SIGNER_HMAC_SIZE])
{
    SHA256_CTX context;
    resume(&context, signer->hmac.inner);
    for (unsigned i = 0; i < count; i++)
        SHA256_Update(&context, parts[i].at, parts[i].size);
    SHA256_Final(signature, &context);

    resume(&context, signer->hmac.outer);
    SHA256_Update(&context, signature, SIGNER_HMAC_SIZE);
    SHA256_Final(signature, &context);
}

static void reserve(struct signer_scratch *scratch, size_t size)
{
    if (scratch->room >= size)
        return;
    size_t room = scratch->room ? scratch->room : SCRATCH_MIN;
    while (room < size)
        room *= 2;
    free(scratch->at); /* what was in it is of no use any more */
    scratch->at = malloc(room);
    must(scratch->at);
    scratch->room = room;
}

void signer_ed25519(const struct signer *signer, const struct slice *parts, unsigned count,
                    struct signer_scratch *scratch, uint8_t signature[static SIGNER_ED25519_SIZE])
{
    size_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += parts[i].size;
    reserve(scratch, size);
    size = 0;
    for (unsigned i = 0; i < count; i++) {
        if (parts[i].size)
            memcpy(scratch->at + size, parts[i].at, parts[i].size);
        size += parts[i].size;
    }
    must(ED25519_sign(signature, (const uint8_t *)scratch->at, size, signer->ed25519));
}

void signer_scratch_close(struct signer_scratch *scratch)
{
    free(scratch->at);
    *scratch = (struct signer_scratch){0};
}
