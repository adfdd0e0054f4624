/* schema_check.h - a document held against a schema, both as trees. For schema.c; see schema.h.
 */
#ifndef ENGINE_SCHEMA_CHECK_H
#define ENGINE_SCHEMA_CHECK_H

#include "base/json.h"
#include "faults.h"
#include "schema_patterns.h"

/* A schema as it is checked by. */
struct schema_tree {
    struct json_value root;
    struct schema_patterns patterns; /* those of the tree */
};

/* Whether `document`, which is at `pointer`, is as the schema says; adds faults if not. Keywords
 * whose value is not what it has to be say nothing. */
bool schema_check(const struct schema_tree *schema, struct json_value document, const char *pointer,
                  struct faults *faults);

#endif
