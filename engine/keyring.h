/* keyring.h - the texts of access keys: how they are made, recognised and hashed.
 *
 * A key's text, "gk_" and 52 base32 digits of 32 random bytes, is shown once and kept
 * nowhere: what is stored and compared is its SHA-256. (A slow hash would add nothing: the
 * text cannot be guessed.)
 */
#ifndef ENGINE_KEYRING_H
#define ENGINE_KEYRING_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum {
    KEY_TEXT_SIZE = 64, /* of a made key, with its NUL */
    KEY_TEXT_MIN = 16,  /* of a key that is given */
    KEY_TEXT_MAX = 256,
    KEY_HASH_SIZE = 32,
};

/* Makes the text of a new key. */
struct slice key_make(char out[static KEY_TEXT_SIZE]);

/* May a text serve as a key? 16 to 256 visible ASCII characters. */
bool key_is_text(struct slice text);
void key_hash(struct slice text, uint8_t hash[static KEY_HASH_SIZE]);

/* The text of "Authorization: Bearer TEXT"; empty if the value is something else. */
struct slice key_of_authorization(struct slice value);

#endif
