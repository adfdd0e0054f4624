/* schema_patterns.h - the regular expressions of a schema, each compiled once. For schema.c and
 * schema_check.c; see schema.h.
 *
 * An expression is found by where it stands in the schema's tree. Expressions of the same text are
 * one. Owned by the schema, and like it immutable once it has been read.
 */
#ifndef ENGINE_SCHEMA_PATTERNS_H
#define ENGINE_SCHEMA_PATTERNS_H

#include "base/json.h"
#include "base/regex.h"

enum { SCHEMA_PATTERNS_MAX = 32 }; /* of different text */

struct schema_patterns {
    unsigned count, use_count, use_room;
    struct {
        struct slice text; /* borrowed from the schema's tree */
        struct regex *regex;
    } list[SCHEMA_PATTERNS_MAX];
    struct schema_pattern_use *uses; /* by place */
};

/* `text` stands at `place`, which is behind all that were added before. 0; -EINVAL with `why`;
 * -ENOMEM. */
MUST_CHECK int schema_patterns_add(struct schema_patterns *patterns, struct json_value place,
                                   struct slice text, char why[static REGEX_WHY_SIZE]);

/* That which was added for this place; NULL: none was. */
const struct regex *schema_patterns_at(const struct schema_patterns *patterns,
                                       struct json_value place);

void schema_patterns_close(struct schema_patterns *patterns); /* a zeroed one is allowed */

#endif
