/* tag.h - entity tags (RFC 9110 section 8.8.3): which state of a resource an answer shows.
 *
 * A resource's revision is the moment of its last change, which is later than that of the one
 * before; so its tag is strong.
 */
#ifndef API_TAG_H
#define API_TAG_H

#include "base/slice.h"

#include <stdint.h>

enum { TAG_SIZE = 24 };

/* With its quotes, and a NUL. */
struct slice tag_print(uint64_t revision, char out[static TAG_SIZE]);

/* Is it "*", or does it list the tag? `weakly`: also as a weak one, as If-None-Match compares;
 * If-Match does not. */
bool tag_is_in(struct slice field, struct slice tag, bool weakly);

#endif
