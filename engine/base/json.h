/* json.h - the door to simdjson (RFC 8259). The only C++ of the engine is behind it.
 *
 * Two ways in. json_scan() checks a whole text and gives the top-level members with their raw
 * bytes, for envelopes whose payload has to pass through untouched. json_read() gives a tree to
 * walk, for configuration and API bodies. Both check that all of the text is valid JSON and valid
 * UTF-8.
 *
 * Texts must be followed by JSON_PADDING readable bytes (any content). Values nest at most 1024
 * deep; an escape of half a surrogate pair is malformed. Numbers may have any size in raw bytes; in
 * the tree, whole numbers over 64 bits become doubles, and what no double can hold is -EINVAL.
 *
 * Ownership: a parser owns its tapes; raw slices borrow from the caller's text; strings returned by
 *   json_string() and the like borrow from the parser until its next read.
 * Threads: none; a parser belongs to one thread.
 * Memory: a parser allocates when it meets a text larger than any before. json_reserve() does so
 * ahead.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JSON_PADDING = 64,
    JSON_WHY_SIZE = 96,
};

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

MUST_CHECK int json_open(struct json **json);
void json_close(struct json *json);

/* Makes ready for texts of up to `size` bytes, so that none of them allocates. 0, or -ENOMEM. */
MUST_CHECK int json_reserve(struct json *json, size_t size);

/* ---- raw ---- */

struct json_member {
    struct slice key;   /* unescaped; borrows from the parser until its next call */
    struct slice raw;   /* the value's exact bytes in the text, no white space around */
    struct slice whole; /* and those from its key on */
    enum json_kind kind;
};

/* Checks all of `text`, then finds the members of the top-level object, in order. Returns how many
 * there are (only the first `max` are stored; more than `max` is not an error), or -EINVAL with
 * `why` (malformed JSON, and where), -EPROTOTYPE if it is valid but not an object, -ENOMEM. Members
 * with equal keys are all listed. */
MUST_CHECK int json_scan(struct json *json, struct slice text, struct json_member *members, int max,
                         char why[JSON_WHY_SIZE]);

/* Checks all of `text`, a top-level array, and gives the raw bytes of its elements one at a time to
 * `each`, which returns 0 to go on or an error to stop with. `each` may use another parser on what
 * it gets: it is followed by the rest of the text, hence by padding. Results as json_scan();
 * -EPROTOTYPE if it is not an array, and `each`'s own error. */
MUST_CHECK int json_each(struct json *json, struct slice text,
                         int (*each)(void *context, struct slice raw), void *context,
                         char why[JSON_WHY_SIZE]);

/* Unescapes the raw bytes of a JSON string (with its quotes, as json_scan() gave them) into `out`,
 * which may be where the string itself stands. Returns the size, -ENOBUFS if there is no room,
 * -EINVAL if it is not a string. */
MUST_CHECK long json_unescape(struct slice raw, char *out, size_t room);

/* ---- tree ---- */

/* A place in the tree of the last json_read(). Copy freely. */
struct json_value {
    const void *document;
    uint64_t place;
};

/* Parses `text`. 0, -EINVAL with `why`, or -ENOMEM. */
MUST_CHECK int json_read(struct json *json, struct slice text, struct json_value *root,
                         char why[JSON_WHY_SIZE]);

enum json_kind json_kind(struct json_value value);

/* Each is true if the value is of that kind and in range. */
bool json_bool(struct json_value value, bool *result);
bool json_u64(struct json_value value, uint64_t *result); /* a whole number >= 0, also 1e3 */
bool json_i64(struct json_value value, int64_t *result);  /* written as one */
bool json_double(struct json_value value, double *result);
bool json_string(struct json_value value, struct slice *result);

/* The member `key` of an object; false if absent or not an object. With equal keys, the first. */
bool json_get(struct json_value object, const char *key, struct json_value *result);

/* Walks an array's elements or an object's members: `cursor` starts at 0. `key` may be NULL. */
bool json_next(struct json_value container, uint64_t *cursor, struct slice *key,
               struct json_value *result);

/* Prints the value as minified JSON. Returns its size, or -ENOBUFS. */
MUST_CHECK long json_print(struct json_value value, char *out, size_t room);

/* The same, added to a text. */
struct text;
void json_put(struct json_value value, struct text *text);

#ifdef __cplusplus
}
#endif

#endif
