/* secret_key.h - the key that all others hang on: it wraps the data keys (vault.h), and is kept
 * outside the database.
 *
 * 32 bytes as 64 hex digits or as base64. Several may be given, apart by white space or commas: the
 * first is the current one, the others are for reading what was wrapped before. In a file a line
 * that begins with '#' is a comment.
 */
#ifndef ENGINE_SECRET_KEY_H
#define ENGINE_SECRET_KEY_H

#include "seal.h"

enum { SECRET_KEYS_MAX = 8, SECRET_KEY_NAME_SIZE = 17, SECRET_KEY_WHY_SIZE = 256 };

struct secret_key {
    uint8_t bytes[SEAL_KEY_SIZE];
    char name[SECRET_KEY_NAME_SIZE]; /* 16 hex digits that tell nothing of it */
};

struct secret_keys {
    struct secret_key list[SECRET_KEYS_MAX]; /* the current one first */
    unsigned count;
};

/* Reads them: from `file`, or if it is "" from GRAPNEL_SECRET_KEY, or if that is not set from
 * DATA/secret.key. 0; -ENOENT if there is none of the three; else -errno and `why`. */
MUST_CHECK int secret_keys_read(struct secret_keys *keys, const char *file, const char *data,
                                char why[static SECRET_KEY_WHY_SIZE]);

/* Reads keys from a text. */
MUST_CHECK int secret_keys_parse(struct secret_keys *keys, struct slice text,
                                 char why[static SECRET_KEY_WHY_SIZE]);

/* Makes one, in DATA/secret.key. */
MUST_CHECK int secret_keys_make(struct secret_keys *keys, const char *data,
                                char why[static SECRET_KEY_WHY_SIZE]);

/* NULL: it is not among them. */
const struct secret_key *secret_key_named(const struct secret_keys *keys, struct slice name);

/* Wipes them. */
void secret_keys_close(struct secret_keys *keys);

#endif
