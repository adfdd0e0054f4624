/* schema_bundle.h - a schema of an OpenAPI document made into one that stands alone.
 *
 * The schemas under "#/components/schemas/NAME" that it refers to, and those that they refer to,
 * come along as "#/$defs/NAME"; all else is printed as it is. Whether the result can be checked by
 * is schema.h's to say. What `$defs` of its own a schema has are left out: no reference within an
 * OpenAPI document leads to them.
 */
#ifndef ENGINE_SCHEMA_BUNDLE_H
#define ENGINE_SCHEMA_BUNDLE_H

#include "base/text.h"
#include "openapi_document.h"

enum { SCHEMA_BUNDLE_MAX = 256 }; /* schemas that come along */

/* Where those are, and where they go. */
#define SCHEMA_BUNDLE_FROM "/components/schemas/"
#define SCHEMA_BUNDLE_TO   "/$defs/"

/* Prints `schema`, notes references that cannot be followed. */
void schema_bundle_print(struct openapi_document *document, const struct openapi_part *schema,
                         struct text *text, struct faults *faults);

#endif
