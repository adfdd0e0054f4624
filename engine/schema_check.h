/* schema_check.h - a document held against a schema, both as trees. For schema.c; see schema.h.
 */
#ifndef ENGINE_SCHEMA_CHECK_H
#define ENGINE_SCHEMA_CHECK_H

#include "base/json.h"
#include "faults.h"

/* Whether `document`, which is at `pointer`, is as the schema says; adds faults if not. Keywords
 * whose value is not what it has to be say nothing. */
bool schema_check(struct json_value schema, struct json_value document, const char *pointer,
                  struct faults *faults);

/* A set of bits for the name of a type; 0: it is none. */
unsigned schema_type_of(struct slice name);

/* What "#", "#/$defs/NAME" or "#/definitions/NAME" names. */
bool schema_follow(struct json_value root, struct slice reference, struct json_value *found);

#endif
