/* aead.c - see aead.h. */
#include "base/aead.h"

#include <errno.h>
#include <openssl/aead.h>
#include <string.h>

/* The context holds the key itself, and nothing that was allocated. */
static void begin(EVP_AEAD_CTX *context, const uint8_t *key)
{
    must(EVP_AEAD_CTX_init(context, EVP_aead_xchacha20_poly1305(), key, AEAD_KEY_SIZE,
                           AEAD_TAG_SIZE, NULL));
}

void aead_seal(const struct aead_terms *terms, struct slice plain, char *box)
{
    EVP_AEAD_CTX context;
    size_t tag_size;
    begin(&context, terms->key);
    must(EVP_AEAD_CTX_seal_scatter(&context, (uint8_t *)box, (uint8_t *)box + plain.size, &tag_size,
                                   AEAD_TAG_SIZE, terms->nonce, AEAD_NONCE_SIZE,
                                   (const uint8_t *)plain.at, plain.size, NULL, 0,
                                   (const uint8_t *)terms->bound.at, terms->bound.size));
    must(tag_size == AEAD_TAG_SIZE);
    EVP_AEAD_CTX_cleanup(&context);
}

int aead_open(const struct aead_terms *terms, struct slice box, char *plain)
{
    EVP_AEAD_CTX context;
    if (box.size < AEAD_TAG_SIZE)
        return -EBADMSG;
    size_t size = box.size - AEAD_TAG_SIZE;
    begin(&context, terms->key);
    int is_open = EVP_AEAD_CTX_open_gather(&context, (uint8_t *)plain, terms->nonce,
                                           AEAD_NONCE_SIZE, (const uint8_t *)box.at, size,
                                           (const uint8_t *)box.at + size, AEAD_TAG_SIZE,
                                           (const uint8_t *)terms->bound.at, terms->bound.size);
    EVP_AEAD_CTX_cleanup(&context);
    return is_open ? 0 : -EBADMSG;
}

void aead_nonces_init(struct aead_nonces *nonces)
{
    random_secret(nonces->next, sizeof nonces->next);
}

/* The bytes before the last are one number, which is counted from its end. */
void aead_nonces_take(struct aead_nonces *nonces, uint8_t nonce[static AEAD_NONCE_SIZE])
{
    memcpy(nonce, nonces->next, AEAD_NONCE_SIZE);
    nonce[AEAD_NONCE_SIZE - 1] = 0;
    for (size_t i = AEAD_NONCE_SIZE - 1; i-- > 0;)
        if (++nonces->next[i] != 0)
            break;
}
