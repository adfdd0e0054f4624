/* signer.h - a signing key, made ready once so that each signature costs what hashing its content
 * costs, and no memory.
 *
 * HMAC-SHA256 (RFC 2104): the key's two padded blocks are hashed beforehand, and only the states
 * are kept. Ed25519 (RFC 8032): the seed and its public key. Which of the two it is, knows whoever
 * made it.
 */
#ifndef ENGINE_SIGNER_H
#define ENGINE_SIGNER_H

#include "base/slice.h"

#include <stdint.h>

enum { SIGNER_HMAC_SIZE = 32, SIGNER_ED25519_SIZE = 64, SIGNER_SIZE_MAX = 64 };

struct signer {
    union {
        struct {
            uint32_t inner[8], outer[8];
        } hmac;
        uint8_t ed25519[64];
    };
};

/* Where the parts of a content are put together for Ed25519, which reads it twice. It grows to the
 * longest content that there was (an event has at most event_bytes_max), and is nobody's while
 * nothing is being signed: one for each thread. */
struct signer_scratch {
    char *at;
    size_t room;
};

void signer_scratch_close(struct signer_scratch *scratch);

void signer_init_hmac(struct signer *signer, const void *key, size_t size);
void signer_init_ed25519(struct signer *signer, const uint8_t key[static 64]);

/* Sign the parts, one after the other. */
void signer_hmac(const struct signer *signer, const struct slice *parts, unsigned count,
                 uint8_t signature[static SIGNER_HMAC_SIZE]);

/* Out of memory, when the scratch has to grow, stops the process. */
void signer_ed25519(const struct signer *signer, const struct slice *parts, unsigned count,
                    struct signer_scratch *scratch, uint8_t signature[static SIGNER_ED25519_SIZE]);

#endif
