/* event_types.c - /api/v1/webhooks/event-types: a tenant's catalogue. A path names an event type by
 * its name, in which "/" is written %2F.
 */
#include "base/clock.h"
#include "call.h"
#include "catalogue.h"
#include "patch.h"
#include "query.h"
#include "router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOCATION_SIZE = 512,
    PARAMETER_SIZE = 4 * LIMIT_TYPE_SIZE,
};

/* The event type that the path names; else answers 404. */
static struct event_type *find(struct call *call)
{
    char parameter[PARAMETER_SIZE], name[LIMIT_TYPE_SIZE + 1];
    struct event_type *found = NULL;
    int size = snprintf(parameter, sizeof parameter, "name=%.*s",
                        (int)(call->id.size < PARAMETER_SIZE ? call->id.size : 0), call->id.at);
    if (size > 0 && (size_t)size < sizeof parameter &&
        query_get(slice_of(parameter, (size_t)size), "name", name, sizeof name) == 1)
        found = registry_event_type(call->api->parts.registry, &call->tenant, slice_str(name));
    if (found)
        return call_found(call, found->updated_ms) ? found : NULL;
    call_problem(call, 404, "no such event type");
    return NULL;
}

/* ---- reading ---- */

void event_types_get(struct call *call)
{
    const struct event_type *found = find(call);
    if (!found)
        return;
    event_type_print(found, call_text(call, EVENT_TYPE_TEXT_MAX));
    call_tag(call, found->updated_ms);
    call_reply(call, 200, SLICE(""));
}

static bool lists(const struct call *call, const void *type)
{
    return id_equal(&((const struct event_type *)type)->tenant, &call->tenant);
}

static void print(const void *type, struct text *text)
{
    event_type_print(type, text);
}

void event_types_list(struct call *call)
{
    call_list(call, &(struct listed){.shelf = &call->api->parts.registry->event_types,
                                     .prefix = "etp",
                                     .item_room = EVENT_TYPE_TEXT_MAX,
                                     .sees = lists,
                                     .print = print});
}

/* ---- changing ---- */

/* Begins the change; answers when it is done, or at once if it cannot be begun. Takes `after` over.
 */
static void change(struct call *call, const char *action, struct event_type *before,
                   struct event_type *after, struct reply *reply)
{
    const struct mutation by = call_mutation(call, action);
    int error = reply ? changes_put_event_type(call->api->parts.changes, &by, before, after,
                                               reply_send, reply)
                      : -ENOMEM;
    if (error == 0)
        return;
    event_type_free(after);
    call_not_stored(call, reply, error);
}

/* Parses a body; answers if it has faults. */
static struct event_type *parse(struct call *call, struct json_value body,
                                const struct event_type *before)
{
    struct event_type *made = NULL;
    struct faults faults;
    int error = event_type_parse(body, before, clock_wall_ms(), &made, &faults);
    if (error == -EINVAL)
        call_faults(call, &faults);
    else if (error)
        call_busy(call);
    return error ? NULL : made;
}

/* Whether there is room for it in the place of `before`; if not, answers and frees it. */
static bool has_room(struct call *call, const struct event_type *before, struct event_type *made)
{
    const struct api_parts *parts = &call->api->parts;
    struct catalogue_room room = catalogue_room(parts->registry, &call->tenant, parts->config);
    int status;
    const char *why_not = catalogue_refusal(catalogue_take(&room, before, made), &status);
    if (!why_not)
        return true;
    call_problem(call, status, why_not);
    event_type_free(made);
    return false;
}

static void print_location(const char *name, char out[static LOCATION_SIZE])
{
    struct text text;
    text_init(&text, out, LOCATION_SIZE - 1);
    text_put(&text, SLICE("Location: /api/v1/webhooks/event-types/"));
    for (; *name; name++)
        if (*name == '/')
            text_put(&text, SLICE("%2F"));
        else
            text_char(&text, *name);
    text_put(&text, SLICE("\r\n"));
    out[text.size] = '\0';
}

void event_types_create(struct call *call)
{
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    struct event_type *made = parse(call, body, NULL);
    if (!made)
        return;
    if (registry_event_type(call->api->parts.registry, &call->tenant, slice_str(made->name))) {
        call_problem(call, 409, "the tenant has an event type of this name");
        event_type_free(made);
        return;
    }
    if (!has_room(call, NULL, made))
        return;
    char location[LOCATION_SIZE];
    made->tenant = call->tenant;
    made->id = id_new(made->created_ms, &call->api->random);
    print_location(made->name, location);
    event_type_print(made, call_text(call, EVENT_TYPE_TEXT_MAX));
    call_tag(call, made->updated_ms);
    change(call, "event_type.create", NULL, made, call_reply_later(call, 201, slice_str(location)));
}

static void replace(struct call *call, struct event_type *before, struct json_value body)
{
    struct event_type *made = parse(call, body, before);
    if (!made || !has_room(call, before, made))
        return;
    event_type_print(made, call_text(call, EVENT_TYPE_TEXT_MAX));
    call_tag(call, made->updated_ms);
    change(call, "event_type.update", before, made, call_reply_later(call, 200, SLICE("")));
}

void event_types_replace(struct call *call)
{
    struct json_value body;
    struct event_type *before = find(call);
    if (before && call_has_room(call) && call_read_body(call, call->api->json, false, &body))
        replace(call, before, body);
}

void event_types_patch(struct call *call)
{
    struct json_value patch, patched;
    struct event_type *before = find(call);
    struct patch_target target = {before, EVENT_TYPE_TEXT_MAX, print, NULL};
    if (!before || !call_has_room(call) || !patch_read(call, &patch))
        return;
    if (patch_apply(call, patch, &target, &patched))
        replace(call, before, patched);
    patch_close(&target);
}

void event_types_delete(struct call *call)
{
    struct event_type *before = find(call);
    if (!before || !call_has_room(call))
        return;
    call_text(call, 0);
    change(call, "event_type.delete", before, NULL, call_reply_later(call, 204, SLICE("")));
}
