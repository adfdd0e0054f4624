/* signature.h - Standard Webhooks signatures (symmetric, "v1"): HMAC-SHA256 over
 * id.timestamp.body, in base64.
 *
 * The key's two padded blocks (RFC 2104) are hashed once when a subscription is taken over; signing
 * copies the states, so it costs what hashing the content costs, and allocates nothing.
 */
#ifndef ENGINE_SIGNATURE_H
#define ENGINE_SIGNATURE_H

#include "base/text.h"
#include "subscription.h"

#include <openssl/sha.h>

enum { SIGNATURE_SIZE = 32, SIGNATURE_TEXT_MAX = LIMIT_SECRETS * 48 };

struct signer {
    SHA256_CTX inner, outer;
};

void signer_init(struct signer *signer, const void *key, size_t size);

/* HMAC-SHA256 over the parts, one after the other. */
void signer_sign(const struct signer *signer, const struct slice *parts, unsigned count,
                 uint8_t mac[static SIGNATURE_SIZE]);

/* The value of webhook-signature: "v1,BASE64" for each signer, separated by spaces. */
void signature_standard(const struct signer *signers, unsigned count, struct slice id,
                        uint64_t timestamp_s, struct slice body, struct text *out);

#endif
