/* conformity.c - see conformity.h. */
#include "conformity.h"

#include <errno.h>
#include <stdio.h>

static void add(struct faults *faults, const struct conformity_wish *wish, const char *member,
                const char *detail)
{
    char place[FAULT_POINTER_SIZE];
    snprintf(place, sizeof place, "%s%s", wish->base, member);
    faults_add(faults, place, "%s", detail);
}

static void check_payload(const struct schema *schema, struct json *json,
                          const struct conformity_wish *wish, struct faults *faults)
{
    char why[JSON_WHY_SIZE], place[FAULT_POINTER_SIZE];
    struct json_value payload;
    int error = json_read(json, wish->envelope->payload, &payload, why);
    if (error) {
        add(faults, wish, wish->member,
            error == -ENOMEM ? "cannot be checked: out of memory"
                             : "must be JSON, since the event type has a schema");
        return;
    }
    snprintf(place, sizeof place, "%s%s", wish->base, wish->member);
    (void)schema_allows(schema, payload, place, faults);
}

enum conformity conformity_check(const struct directory *directory, struct json *json,
                                 const struct conformity_wish *wish, struct faults *faults)
{
    const struct envelope *envelope = wish->envelope;
    const struct event_type *type = directory_event_type(directory, wish->tenant, envelope->type);
    faults->count = 0;
    if (!type) {
        add(faults, wish, "/type", "is not in the catalogue of event types");
        return CONFORMITY_NONE;
    }
    const struct event_type_version *version = event_type_version(type, envelope->version);
    if (!version && type->version_count > 0)
        add(faults, wish, "/version", "is not a version of this event type");
    else if (version && version->schema)
        check_payload(version->schema, json, wish, faults);
    if (faults->count > 0)
        return CONFORMITY_NONE;
    return type->deprecated_ms ? CONFORMITY_DEPRECATED : CONFORMITY_FULL;
}
