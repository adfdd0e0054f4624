/* json_text.h - JSON text byte by byte (RFC 8259): says where a malformed text goes wrong, which
 * simdjson does not. Slow and exact; for texts that were refused.
 */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/slice.h"

enum { JSON_DEPTH_MAX = 1024 }; /* as simdjson counts: only an empty one may be this deep */

struct json_fault {
    const char *what; /* "expected a value" */
    size_t offset;
};

/* True if `text` is not one JSON value in valid UTF-8, with the first thing that is wrong. Escapes
 * of half a surrogate pair, and nesting deeper than JSON_DEPTH_MAX, count as wrong. */
bool json_find_fault(struct slice text, struct json_fault *fault);

#endif
