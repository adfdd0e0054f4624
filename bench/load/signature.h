/* signature.h - checks the signature of a delivery (Standard Webhooks: HMAC-SHA256 over
 * "id.timestamp.body").
 *
 * Written apart from the engine's own signing on purpose: a measurement that used the engine's code
 * to check the engine would agree with its mistakes. The key's two hash states are kept, so a check
 * costs the hash of the message and two blocks.
 */
#ifndef LOAD_SIGNATURE_H
#define LOAD_SIGNATURE_H

#include "base/must.h"
#include "base/slice.h"

#include <openssl/sha.h>
#include <stdbool.h>

struct signature_key {
    SHA256_CTX inner, outer;
};

/* "whsec_" and base64 of 24 to 64 bytes. 0, or -EINVAL. */
MUST_CHECK int signature_key_parse(struct slice secret, struct signature_key *key);

struct signature_message {
    struct slice id, timestamp, body;
};

enum { SIGNATURE_TEXT_SIZE = 48 }; /* "v1," and 44 letters, and a NUL */

/* "v1,BASE64". */
void signature_print(const struct signature_key *key, const struct signature_message *message,
                     char out[static SIGNATURE_TEXT_SIZE]);

/* True if one of the signatures in `header` (separated by spaces) is the right one. */
bool signature_matches(const struct signature_key *key, const struct signature_message *message,
                       struct slice header);

#endif
