/* seal.h - a secret as text that only its key opens, and only in its place: XChaCha20-Poly1305.
 *
 *   v1:NAME:base64(nonce, 24 bytes | ciphertext | tag, 16 bytes)
 *
 * NAME tells which key it takes. The place (what object, which field) is associated data: a sealed
 * text that was moved to another place does not open. Nonces are random, which 24 bytes allow.
 */
#ifndef ENGINE_SEAL_H
#define ENGINE_SEAL_H

#include "base/aead.h"
#include "base/text.h"

enum {
    SEAL_KEY_SIZE = AEAD_KEY_SIZE,
    SEAL_PLAIN_MAX = 16 * 1024,
    SEAL_OVERHEAD = 128, /* sealed text beyond 4/3 of the plain one, with a name of 40 at most */
};

/* Prints the sealed text; `plain` has at most SEAL_PLAIN_MAX bytes. Does not fit: out->cut. */
void seal_put(const uint8_t key[static SEAL_KEY_SIZE], struct slice name, struct slice place,
              struct slice plain, struct text *out);

/* Is it a sealed text? Then `name` and the `box` behind it are slices of it. */
bool seal_parse(struct slice sealed, struct slice *name, struct slice *box);

/* Prints what is in the box. 0, -EBADMSG (it was changed, moved, or is another key's), -ENOBUFS. */
MUST_CHECK int seal_open(const uint8_t key[static SEAL_KEY_SIZE], struct slice place,
                         struct slice box, struct text *out);

#endif
