/* openapi_document.h - an OpenAPI 3.1 document, read for the webhooks that it describes.
 *
 * Of a webhook counts its `post` operation, or else its `put` or `patch`: what it is for, whether
 * it is deprecated, and the JSON in its request's body. References within the document are
 * followed, to any place of it where they stand for a path item, a body or an example; to
 * "#/components/schemas/NAME" where they stand for a schema (schema_bundle.h). Nothing is fetched.
 *
 * Borrows the document's tree. Work is bounded: what references name is looked for again and again,
 * but all that is done with a document takes at most OPENAPI_STEPS_MAX steps. When none is left,
 * nothing more is found: whoever uses it has to ask whether `steps` is 0.
 */
#ifndef ENGINE_OPENAPI_DOCUMENT_H
#define ENGINE_OPENAPI_DOCUMENT_H

#include "base/json.h"
#include "faults.h"

enum {
    OPENAPI_STEPS_MAX = 20000000,
    OPENAPI_EXAMPLES_MAX = 16, /* of a webhook */
};

struct openapi_document {
    struct json_value root, webhooks;
    uint64_t steps; /* that are left */
};

/* A value of the document, and where it is. */
struct openapi_part {
    bool is_there;
    struct json_value value;
    char pointer[FAULT_POINTER_SIZE];
};

struct openapi_webhook {
    struct slice name;
    char pointer[FAULT_POINTER_SIZE];
    struct openapi_part description, deprecated, schema;
    unsigned example_count;
    struct openapi_part examples[OPENAPI_EXAMPLES_MAX];
};

/* False: it is none, or describes no webhooks, which is noted. */
MUST_CHECK bool openapi_document_read(struct openapi_document *document, struct json_value root,
                                      struct faults *faults);

/* The next webhook; false at the end. `cursor` starts at 0. What is wrong with it is noted, and
 * then what is in `webhook` is of no use. */
bool openapi_document_next(struct openapi_document *document, uint64_t *cursor,
                           struct openapi_webhook *webhook, struct faults *faults);

/* json_next(), for a step. */
bool openapi_document_step(struct openapi_document *document, struct json_value container,
                           uint64_t *cursor, struct slice *key, struct json_value *value);

/* What "#/a/b" names. */
MUST_CHECK bool openapi_document_follow(struct openapi_document *document, struct slice reference,
                                        struct json_value *found);

#endif
