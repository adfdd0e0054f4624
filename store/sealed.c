/* sealed.c - see sealed.h. */
#include "store/sealed.h"

#include <string.h>

static void part_nonce(uint8_t out[static AEAD_NONCE_SIZE], const void *nonce,
                       enum sealed_part part)
{
    memcpy(out, nonce, AEAD_NONCE_SIZE);
    out[AEAD_NONCE_SIZE - 1] = (uint8_t)part;
}

static void close_part(char *at, size_t size, enum sealed_part part, struct slice bound,
                       const struct sealing *by, const uint8_t *nonce)
{
    uint8_t own[AEAD_NONCE_SIZE];
    part_nonce(own, nonce, part);
    aead_seal(&(struct aead_terms){by->key, own, bound}, slice_of(at, size), at);
}

void sealed_close(char *record, const struct sealed_sizes *sizes, struct slice bound,
                  const struct sealing *by)
{
    char *plain = record + sizes->clear;
    char *labels = plain + AEAD_NONCE_SIZE, *content = labels + sizes->labels + AEAD_TAG_SIZE;
    uint8_t nonce[AEAD_NONCE_SIZE];

    memmove(content, plain + sizes->labels, sizes->content);
    memmove(labels, plain, sizes->labels);
    aead_nonces_take(by->nonces, nonce);
    memcpy(plain, nonce, sizeof nonce);
    close_part(labels, sizes->labels, SEALED_LABELS, bound, by, nonce);
    close_part(content, sizes->content, SEALED_CONTENT, bound, by, nonce);
}

struct sealed sealed_parts(const char *record, const struct sealed_sizes *sizes)
{
    const char *nonce = record + sizes->clear, *labels = nonce + AEAD_NONCE_SIZE;
    size_t size = sizes->labels + AEAD_TAG_SIZE;
    return (struct sealed){
        .nonce = nonce,
        .boxes = {[SEALED_LABELS] = slice_of(labels, size),
                  [SEALED_CONTENT] = slice_of(labels + size, sizes->content + AEAD_TAG_SIZE)},
    };
}

int sealed_open(const struct sealed *sealed, enum sealed_part part, struct slice bound,
                const uint8_t *key, char *room)
{
    uint8_t nonce[AEAD_NONCE_SIZE];
    part_nonce(nonce, sealed->nonce, part);
    return aead_open(&(struct aead_terms){key, nonce, bound}, sealed->boxes[part], room);
}
