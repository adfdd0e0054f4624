/* tenants.c - /api/v1/tenants. An admin key sees and changes all; another key sees its own tenant,
 * and of the others not whether there are any.
 */
#include "base/clock.h"
#include "call.h"
#include "observer.h"
#include "patch.h"
#include "removal.h"
#include "replays.h"
#include "router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOCATION_SIZE = 128 };

static bool sees(const struct call *call, const struct tenant *tenant)
{
    return (call->key->scopes & SCOPE_ADMIN) || id_equal(&tenant->id, &call->tenant);
}

static uint64_t revision(const struct tenant *tenant)
{
    return tenant->updated_ms ? tenant->updated_ms : id_time_ms(&tenant->id);
}

/* The tenant that the path names, by id, name or uid; else answers 404. */
static struct tenant *find(struct call *call)
{
    struct tenant *found = registry_find_tenant(call->api->parts.registry, call->id);
    if (found && sees(call, found))
        return call_found(call, revision(found)) ? found : NULL;
    call_problem(call, 404, "no such tenant");
    return NULL;
}

/* ---- reading ---- */

void tenants_get(struct call *call)
{
    const struct tenant *found = find(call);
    if (!found)
        return;
    call_tag(call, revision(found));
    tenant_print(found, call_text(call, TENANT_TEXT_MAX));
    call_reply(call, 200, SLICE(""));
}

struct filter {
    char uid[TENANT_UID_SIZE], name[TENANT_NAME_SIZE];
    bool has_uid, has_name;
};

static bool lists(const struct call *call, const void *item)
{
    const struct filter *filter = call->filter;
    const struct tenant *tenant = item;
    return sees(call, tenant) &&
           (!filter->has_uid || slice_equal(slice_str(tenant->uid), slice_str(filter->uid))) &&
           (!filter->has_name || slice_equal(slice_str(tenant->name), slice_str(filter->name)));
}

static void print(const void *tenant, struct text *text)
{
    tenant_print(tenant, text);
}

void tenants_list(struct call *call)
{
    static const char *const parameters[] = {"uid", "name", NULL};
    struct filter filter = {0};
    if (!call_query_text(call, "uid", filter.uid, sizeof filter.uid, &filter.has_uid) ||
        !call_query_text(call, "name", filter.name, sizeof filter.name, &filter.has_name))
        return;
    call_list(call, &(struct listed){.shelf = &call->api->parts.registry->tenants,
                                     .parameters = parameters,
                                     .filter = &filter,
                                     .prefix = "ten",
                                     .item_room = TENANT_TEXT_MAX,
                                     .sees = lists,
                                     .print = print});
}

/* ---- changing ---- */

/* Begins the change; answers when it is done, or at once if it cannot be begun. Takes `after` over.
 */
static void change(struct call *call, struct tenant *before, struct tenant *after,
                   struct reply *reply)
{
    const struct mutation by = call_mutation(call, before ? "tenant.update" : "tenant.create");
    int error =
        reply ? changes_put_tenant(call->api->parts.changes, &by, before, after, reply_send, reply)
              : -ENOMEM;
    if (error == 0)
        return;
    tenant_free(after);
    call_not_stored(call, reply, error);
}

/* A tenant is found by its name and by its uid, so neither may be another's; else answers. */
static bool is_free(struct call *call, const char *name, const struct tenant *before)
{
    const struct tenant *holder = registry_tenant_named(call->api->parts.registry, slice_str(name));
    if (!holder || holder == before)
        return true;
    call_problem(call, 409,
                 slice_equal(slice_str(holder->name), slice_str(name))
                     ? "another tenant has this name"
                     : "another tenant has this uid");
    return false;
}

/* Parses a body; answers if it has faults, or if another tenant has the name or the uid. */
static struct tenant *parse(struct call *call, struct json_value body, const struct tenant *before)
{
    struct tenant *made = NULL;
    struct faults faults;
    int error = tenant_parse(body, before, &made, &faults);
    if (error == -EINVAL)
        call_faults(call, &faults);
    else if (error)
        call_busy(call);
    if (error)
        return NULL;
    if (is_free(call, made->name, before) && (!made->uid[0] || is_free(call, made->uid, before)))
        return made;
    tenant_free(made);
    return NULL;
}

void tenants_create(struct call *call)
{
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    struct tenant *made = parse(call, body, NULL);
    if (!made)
        return;

    char digits[ID_TEXT_SIZE], location[LOCATION_SIZE];
    made->id = id_new(clock_wall_ms(), &call->api->random);
    snprintf(location, sizeof location, "Location: /api/v1/tenants/%s\r\n",
             id_print(&made->id, "ten", digits).at);
    call_tag(call, revision(made));
    tenant_print(made, call_text(call, TENANT_TEXT_MAX));
    change(call, NULL, made, call_reply_later(call, 201, slice_str(location)));
}

static void replace(struct call *call, struct tenant *before, struct json_value body)
{
    struct tenant *made = parse(call, body, before);
    if (!made)
        return;
    tenant_touch(made, before, clock_wall_ms());
    call_tag(call, revision(made));
    tenant_print(made, call_text(call, TENANT_TEXT_MAX));
    change(call, before, made, call_reply_later(call, 200, SLICE("")));
}

void tenants_replace(struct call *call)
{
    struct json_value body;
    struct tenant *before = find(call);
    if (before && call_has_room(call) && call_read_body(call, call->api->json, false, &body))
        replace(call, before, body);
}

void tenants_patch(struct call *call)
{
    struct json_value patch, patched;
    struct tenant *before = find(call);
    struct patch_target target = {before, TENANT_TEXT_MAX, print, NULL};
    if (!before || !call_has_room(call) || !patch_read(call, &patch))
        return;
    if (patch_apply(call, patch, &target, &patched))
        replace(call, before, patched);
    patch_close(&target);
}

/* Who deletes the tenant that an admin key acts for would delete that key without a word. */
static bool has_admin_key(const struct registry *registry, const struct tenant *tenant)
{
    const struct shelf *shelf = &registry->keys;
    for (size_t i = 0; i < shelf->count; i++) {
        const struct access_key *key = shelf->items[i];
        if ((key->scopes & SCOPE_ADMIN) && id_equal(&key->tenant, &tenant->id))
            return true;
    }
    return false;
}

void tenants_delete(struct call *call)
{
    struct tenant *before = find(call);
    if (!before || !call_has_room(call))
        return;
    if (has_admin_key(call->api->parts.registry, before)) {
        call_problem(call, 409, "an admin key belongs to this tenant: delete the key first");
        return;
    }
    call_text(call, 0);
    struct reply *reply = call_reply_later(call, 204, SLICE(""));
    const struct mutation by = call_mutation(call, "tenant.delete");
    int error =
        reply ? removal_begin(call->api->parts.changes, &by, before, reply_send, reply) : -ENOMEM;
    if (error) {
        call_not_stored(call, reply, error);
        return;
    }
    replays_erase(call->api->parts.replays);
    observer_sweep(call->api->parts.observer);
}
