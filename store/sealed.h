/* sealed.h - the texts of a record, encrypted by the log key of the tenant whose they are: when the
 * tenant is deleted its key goes, and what blocks hold of it cannot be read any more.
 *
 *   plain    clear part | labels | content
 *   sealed   clear part | nonce, 24 bytes | labels | tag, 16 | content | tag, 16
 *
 * Numbers, ids and the type of an event stay clear: they are what the engine works by. The labels
 * describe (addresses, names of fields, whatever identifies); the content is what may be taken out
 * later (expunge.h) and may be large. Each is opened by itself. Bound to the record's ids, so they
 * do not open in another record's place.
 */
#ifndef STORE_SEALED_H
#define STORE_SEALED_H

#include "base/aead.h"

enum { SEALED_OVERHEAD = AEAD_NONCE_SIZE + 2 * AEAD_TAG_SIZE };
enum sealed_part { SEALED_LABELS, SEALED_CONTENT };

/* By what records are sealed. */
struct sealing {
    const uint8_t *key; /* AEAD_KEY_SIZE bytes */
    struct aead_nonces *nonces;
};

/* The sizes of a plain record's parts. */
struct sealed_sizes {
    size_t clear, labels, content;
};

/* In a sealed record. nonce NULL: it is plain. */
struct sealed {
    const char *nonce;
    struct slice boxes[2];
};

/* Seals a plain record in its place, which has room for SEALED_OVERHEAD bytes more. */
void sealed_close(char *record, const struct sealed_sizes *sizes, struct slice bound,
                  const struct sealing *by);

/* Where the parts of a sealed record are, which has the size that these make. */
struct sealed sealed_parts(const char *record, const struct sealed_sizes *sizes);

/* Writes a part's plain text to `room`, which may be where its box is. 0, or -EBADMSG: it is not
 * what was sealed, or not by this key. */
MUST_CHECK int sealed_open(const struct sealed *sealed, enum sealed_part part, struct slice bound,
                           const uint8_t *key, char *room);

/* The size of a part's plain text. */
static inline size_t sealed_size(const struct sealed *sealed, enum sealed_part part)
{
    return sealed->boxes[part].size - AEAD_TAG_SIZE;
}

#endif
