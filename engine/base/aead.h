/* aead.h - authenticated encryption, XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): the door to
 * BoringSSL's.
 *
 * A key may seal any number of messages, each with a nonce of its own: 24 random bytes never
 * repeat. No state; any thread; no allocation.
 */
#ifndef BASE_AEAD_H
#define BASE_AEAD_H

#include "base/must.h"
#include "base/random.h"
#include "base/slice.h"

enum { AEAD_KEY_SIZE = 32, AEAD_NONCE_SIZE = 24, AEAD_TAG_SIZE = 16 };

/* What a message is sealed and opened by. */
struct aead_terms {
    const uint8_t *key, *nonce; /* AEAD_KEY_SIZE and AEAD_NONCE_SIZE bytes */
    struct slice bound;         /* what has to be the same at opening, and is not in the message */
};

/* Writes plain.size + AEAD_TAG_SIZE bytes to `box`, which may be where `plain` is. */
void aead_seal(const struct aead_terms *terms, struct slice plain, char *box);

/* Writes box.size - AEAD_TAG_SIZE bytes to `plain`, which may be where `box` is. 0, or -EBADMSG: it
 * was changed, or sealed by other terms; what `plain` holds then means nothing. */
MUST_CHECK int aead_open(const struct aead_terms *terms, struct slice box, char *plain);

/* Nonces that are not used twice: random at the beginning, then counted, with room for the number
 * of a part (0..255) of a message in the last byte. One thread. */
struct aead_nonces {
    uint8_t next[AEAD_NONCE_SIZE];
};
void aead_nonces_init(struct aead_nonces *nonces);
void aead_nonces_take(struct aead_nonces *nonces, uint8_t nonce[static AEAD_NONCE_SIZE]);

#endif
