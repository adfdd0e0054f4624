/* schema.h - a JSON Schema (draft 2020-12) to hold documents against.
 *
 * What is understood: type enum const; properties patternProperties required additionalProperties
 * minProperties maxProperties dependentRequired dependentSchemas; prefixItems items contains
 * minContains maxContains minItems maxItems uniqueItems; minLength maxLength pattern; minimum
 * maximum exclusiveMinimum exclusiveMaximum multipleOf; allOf anyOf oneOf not if then else; $ref to
 * "#", "#/$defs/NAME" or "#/definitions/NAME". Annotations (title, format, x-..., and so on) are
 * kept and bind nobody, as the draft has it for format too. Every other keyword is a fault of the
 * schema: one that is passed over would promise what is not checked. So nothing is ever fetched.
 *
 * Regular expressions are RE2's (base/regex.h): what only ECMA-262 has, look-around and back
 * references, is a fault.
 *
 * A schema is read from its own tree at each check; only its regular expressions are compiled. Work
 * is bounded: a check that takes more than SCHEMA_STEPS_MAX steps, or nests deeper than
 * SCHEMA_DEPTH_MAX (recursion included), ends and says so; it is a fault then, whatever the schema
 * would have said.
 *
 * Numbers are compared as whole numbers up to 64 bits, and else as doubles.
 *
 * Memory: schema_bytes(), for its tree and its expressions. A check allocates
 * nothing, but for what RE2 does.
 * Threads: a schema is immutable; many may check by it at the same time.
 */
#ifndef ENGINE_SCHEMA_H
#define ENGINE_SCHEMA_H

#include "base/json.h"
#include "faults.h"

enum {
    SCHEMA_SIZE_MAX = 64 * 1024, /* as minified text */
    SCHEMA_DEPTH_MAX = 64,
    SCHEMA_STEPS_MAX = 1000000,
    SCHEMA_PATTERN_STEP = 16, /* bytes of a text by steps of an expression, for one of these */
};

struct schema;

/* Reads `value`, which is at `pointer` of its document, and keeps a copy. 0; -EINVAL with faults;
 * -ENOMEM. */
MUST_CHECK int schema_open(struct schema **schema, struct json_value value, const char *pointer,
                           struct faults *faults);
void schema_close(struct schema *schema); /* NULL is allowed */

/* The most memory that it takes, in bytes. */
size_t schema_bytes(const struct schema *schema);

/* As it was given, minified. */
struct slice schema_text(const struct schema *schema);

/* Whether `document`, which is at `pointer`, is as the schema says; adds faults if not. */
bool schema_allows(const struct schema *schema, struct json_value document, const char *pointer,
                   struct faults *faults);

#endif
