/* secret.h - signing secrets: the text that a receiver is given, and the key in it.
 *
 *   standard  "whsec_" and base64 of 24 to 64 bytes: these are the key
 *   ed25519   "whsk_" and base64 of 32 bytes (the seed) or 64 (the seed and its public key)
 *   others    any text of 1 to 128 bytes: these are the key, a "whsec_" in front included
 *
 * A subscription keeps the texts, since they are what its receiver has.
 */
#ifndef ENGINE_SECRET_H
#define ENGINE_SECRET_H

#include "base/must.h"
#include "subscription.h"

struct signer;

enum { SECRET_TEXT_SIZE = LIMIT_SECRET_SIZE + 1, SECRET_WHY_SIZE = 96 };

/* Checks the text, and makes its key ready. 0, or -EINVAL and `why`. */
MUST_CHECK int secret_parse(enum signature_scheme scheme, struct slice text, struct signer *signer,
                            char why[static SECRET_WHY_SIZE]);

/* The text of a new one, with a NUL. Of other schemes than ed25519 it fits them all. */
void secret_make(enum signature_scheme scheme, char out[static SECRET_TEXT_SIZE]);

/* What verifies the signatures of a secret of ed25519: "whpk_" and base64, with a NUL. */
void secret_public_key(struct slice text, char out[static SECRET_TEXT_SIZE]);

/* Does it sign at this wall time? */
bool secret_is_live(const struct secret *secret, uint64_t at_ms);

/* Frees the text of one and leaves no copy of it. NULL is allowed. */
void secret_erase(char *text);

#endif
