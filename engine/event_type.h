/* event_type.h - an event type in a tenant's catalogue: what events of the type mean, and for each
 * version of them a JSON Schema that their payloads have to be as. An immutable object like a
 * subscription (subscription.h), made and freed by control.
 *
 * Its name is its key; the id gives it a place in lists, which are newest first.
 */
#ifndef ENGINE_EVENT_TYPE_H
#define ENGINE_EVENT_TYPE_H

#include "base/id.h"
#include "limits.h"
#include "schema.h"

enum {
    EVENT_TYPES_MAX = 1000, /* of a tenant */
    EVENT_TYPE_VERSIONS_MAX = 16,
    EVENT_TYPE_VERSION_SIZE = 64,
    EVENT_TYPE_EXAMPLES_SIZE = 16 * 1024, /* of a version */
    EVENT_TYPE_SIZE_MAX = 192 * 1024,     /* schemas and examples together */
    EVENT_TYPE_TEXT_MAX = 224 * 1024,     /* the most that event_type_print() prints */
};

struct event_type_version {
    char name[EVENT_TYPE_VERSION_SIZE];
    struct schema *schema; /* NULL: none */
    char *examples;        /* a JSON array; NULL: [] */
    uint64_t created_ms;
};

struct event_type {
    struct id id, tenant;
    uint64_t created_ms, updated_ms, deprecated_ms;                   /* 0: it is not deprecated */
    char name[LIMIT_TYPE_SIZE + 1], replaced_by[LIMIT_TYPE_SIZE + 1]; /* "": by none */
    char *description, *metadata;                                     /* NULL: "" and {} */
    unsigned version_count;
    struct event_type_version versions[EVENT_TYPE_VERSIONS_MAX]; /* oldest first, as given */
};

/* A whole one from an API body: a new one, or one that takes the place of `before` and keeps its id
 * and name. Absent or null gets the default. `now_ms` is the time of what begins now. 0; -EINVAL
 * with faults; -ENOMEM. The caller sets id and tenant of a new one. */
MUST_CHECK int event_type_parse(struct json_value body, const struct event_type *before,
                                uint64_t now_ms, struct event_type **made, struct faults *faults);

void event_type_print(const struct event_type *type, struct text *text);

/* As it is kept, and from that. */
void event_type_print_stored(const struct event_type *type, struct text *text);
MUST_CHECK int event_type_parse_stored(struct json_value document, struct event_type **made,
                                       struct faults *faults);

/* As the API shows it: {"version":...}. */
void event_type_print_version(const struct event_type_version *version, struct text *text);

/* The most memory that it takes. */
size_t event_type_bytes(const struct event_type *type);

/* Whether they say the same, whenever they were made. */
bool event_type_equal(const struct event_type *a, const struct event_type *b);

void event_type_free(struct event_type *type); /* NULL is allowed */

/* The version of that name; the last if `name` is empty; NULL: there is none. */
const struct event_type_version *event_type_version(const struct event_type *type,
                                                    struct slice name);

#endif
