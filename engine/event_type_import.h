/* event_type_import.h - event types made of the webhooks in an OpenAPI document.
 *
 * What the document says takes the place of what was there: the description, whether it is
 * deprecated, and of one version the schema and the examples. The rest stays: other versions,
 * metadata, and what it is replaced by.
 *
 * Control's thread.
 */
#ifndef ENGINE_EVENT_TYPE_IMPORT_H
#define ENGINE_EVENT_TYPE_IMPORT_H

#include "event_type.h"
#include "openapi_document.h"

enum { EVENT_TYPE_IMPORT_MAX = 8 * 1024 * 1024 }; /* bytes of all that one import makes */

struct event_type_import {
    struct json *json;    /* for texts of our own, not that which has the document */
    struct slice version; /* which one the document describes; empty: the last, or else "1" */
    uint64_t now_ms;
    size_t bytes; /* that have been made */
    struct openapi_document document;
    char *schema, *body; /* room for texts */
};

/* `json`, `version` and `now_ms` are set. 0; -EINVAL with faults; -ENOMEM. */
MUST_CHECK int event_type_import_open(struct event_type_import *import, struct json_value document,
                                      struct faults *faults);
void event_type_import_close(struct event_type_import *import); /* a zeroed one is allowed */

/* What becomes of `before` (NULL: it is new) by a webhook. 0; -EINVAL with faults, whose pointers
 * are into the document; -ENOMEM. The caller sets id and tenant of a new one. */
MUST_CHECK int event_type_import_make(struct event_type_import *import,
                                      const struct openapi_webhook *webhook,
                                      const struct event_type *before, struct event_type **made,
                                      struct faults *faults);

#endif
