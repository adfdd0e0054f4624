/* schema_keywords.h - the words of JSON Schema that schemas may have here (schema.h), and what
 * stands behind each.
 *
 * Plain functions, no state.
 */
#ifndef ENGINE_SCHEMA_KEYWORDS_H
#define ENGINE_SCHEMA_KEYWORDS_H

#include "base/json.h"

/* What a keyword's value has to be. */
enum keyword_shape {
    NO_KEYWORD,
    ANYTHING, /* an annotation, or a value that is compared */
    SUBSCHEMA,
    SCHEMA_LIST,
    SCHEMA_MAP,
    TYPES,
    VALUES, /* an array that is not empty */
    NAMES,
    NAMES_MAP,
    WHOLE, /* not negative */
    NUMBER,
    POSITIVE,
    FLAG,
    REFERENCE,
    PATTERN,
    PATTERN_MAP, /* of schemas by expressions */
};

/* Those that begin with "x-" are annotations. */
enum keyword_shape schema_keyword(struct slice name);

/* Types of values, as a set of bits. */
enum {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_NUMBER = 4,
    TYPE_STRING = 8,
    TYPE_ARRAY = 16,
    TYPE_OBJECT = 32,
    TYPE_INTEGER = 64,
};

/* 0: the name is that of no type. */
unsigned schema_type_of(struct slice name);

/* What "#", "#/$defs/NAME" or "#/definitions/NAME" names. */
bool schema_follow(struct json_value root, struct slice reference, struct json_value *found);

#endif
