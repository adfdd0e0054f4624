/* keyring.h - access keys: how they are made and hashed, and as documents.
 *
 * A key's text, "gk_" and 52 base32 digits of 32 random bytes, is shown once and kept
 * nowhere: what is stored and compared is its SHA-256. (A slow hash would add nothing: the
 * text cannot be guessed.)
 */
#ifndef ENGINE_KEYRING_H
#define ENGINE_KEYRING_H

#include "base/json.h"
#include "base/text.h"
#include "subscription.h"

enum {
    KEY_TEXT_SIZE = 64, /* of a made key, with its NUL */
    KEY_TEXT_MIN = 16,  /* of a key that is given */
    KEY_TEXT_MAX = 256,
    KEY_HASH_SIZE = 32,
    KEY_DOCUMENT_MAX = 1024, /* the most that key_print() and key_print_stored() print */
};

/* Makes the text of a new key. */
struct slice key_make(char out[static KEY_TEXT_SIZE]);

/* May a text serve as a key? 16 to 256 visible ASCII characters. */
bool key_is_text(struct slice text);
void key_hash(struct slice text, uint8_t hash[static KEY_HASH_SIZE]);

/* The text of "Authorization: Bearer TEXT"; empty if the value is something else. */
struct slice key_of_authorization(struct slice value);

/* "admin", "manage", "ingest", "read" in a JSON array. */
void scopes_print(unsigned scopes, struct text *text);

/* As it is shown: without the hash. `shown` is the key's text for the one who makes it, or NULL. */
void key_print(const struct access_key *key, const char *shown, struct text *text);

/* What an API body asks for: name and scopes. 0, or -EINVAL with faults. */
struct faults;
MUST_CHECK int key_parse(struct json_value body, struct access_key *key, struct faults *faults);

/* The document in `meta`. 0, or -EINVAL: not such a document. */
void key_print_stored(const struct access_key *key, struct text *text);
MUST_CHECK int key_parse_stored(struct json_value document, struct access_key *key);

#endif
