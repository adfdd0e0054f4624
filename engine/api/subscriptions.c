/* subscriptions.c - /api/v1/webhooks/subscriptions.
 *
 * A change is answered when every shard uses it: its answer is made up at once and kept with the
 * change (changes.h).
 */
#include "subscriptions.h"
#include "auth.h"
#include "base/clock.h"
#include "patch.h"
#include "reach.h"
#include "router.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOCATION_SIZE = 128 };

struct subscription *subscriptions_named(const struct call *call, struct slice text)
{
    const struct registry *registry = call->api->parts.registry;
    char uid[LIMIT_NAME_SIZE + 1];
    struct subscription *found = NULL;
    struct id id;
    if (id_parse(text, "sub", &id) == 0) {
        found = registry_subscription(registry, &id);
    } else if (text.size < sizeof uid) {
        snprintf(uid, sizeof uid, "%.*s", SLICE_ARGS(text));
        found = registry_subscription_with_uid(registry, &call->tenant, uid);
    }
    return found && id_equal(&found->tenant, &call->tenant) ? found : NULL;
}

struct subscription *subscriptions_find(struct call *call)
{
    struct subscription *found = subscriptions_named(call, call->id);
    if (found)
        return call_found(call, found->updated_ms) ? found : NULL;
    call_problem(call, 404, "no such subscription");
    return NULL;
}

bool subscriptions_query(struct call *call, struct id *id, bool *has)
{
    char text[LIMIT_NAME_SIZE + 1];
    if (!call_query_text(call, "subscription", text, sizeof text, has))
        return false;
    if (!*has || id_parse(slice_str(text), "sub", id) == 0)
        return true;
    const struct subscription *found = subscriptions_named(call, slice_str(text));
    if (found)
        *id = found->id;
    else
        call_problem(call, 422, "query parameter subscription must be a subscription's id or uid");
    return found != NULL;
}

static void reply_with(struct call *call, const struct subscription *subscription)
{
    subscription_print(subscription, SUBSCRIPTION_PUBLIC, call_text(call, SUBSCRIPTION_TEXT_MAX));
    call_tag(call, subscription->updated_ms);
    call_reply(call, 200, SLICE(""));
}

/* ---- reading ---- */

void subscriptions_get(struct call *call)
{
    const struct subscription *found = subscriptions_find(call);
    if (found)
        reply_with(call, found);
}

struct filter {
    char uid[LIMIT_NAME_SIZE + 1];
    bool has_uid, has_status;
    enum subscription_status status;
};

static bool lists(const struct call *call, const void *item)
{
    const struct filter *filter = call->filter;
    const struct subscription *subscription = item;
    return id_equal(&subscription->tenant, &call->tenant) &&
           (!filter->has_status || subscription->status == filter->status) &&
           (!filter->has_uid || (subscription->uid && strcmp(subscription->uid, filter->uid) == 0));
}

static bool read_status(struct call *call, struct filter *filter)
{
    char name[16];
    if (!call_query_text(call, "status", name, sizeof name, &filter->has_status))
        return false;
    for (filter->status = SUBSCRIPTION_ACTIVE; filter->status <= SUBSCRIPTION_DISABLED;
         filter->status++)
        if (!filter->has_status || strcmp(name, subscription_status_name(filter->status)) == 0)
            return true;
    call_problem(call, 422, "query parameter status must be active, paused or disabled");
    return false;
}

static void print(const void *subscription, struct text *text)
{
    subscription_print(subscription, SUBSCRIPTION_PUBLIC, text);
}

void subscriptions_list(struct call *call)
{
    static const char *const parameters[] = {"status", "uid", NULL};
    struct filter filter = {0};
    if (!read_status(call, &filter) ||
        !call_query_text(call, "uid", filter.uid, sizeof filter.uid, &filter.has_uid))
        return;
    call_list(call, &(struct listed){.shelf = &call->api->parts.registry->subscriptions,
                                     .parameters = parameters,
                                     .filter = &filter,
                                     .prefix = "sub",
                                     .item_room = SUBSCRIPTION_TEXT_MAX,
                                     .sees = lists,
                                     .print = print});
}

/* ---- changing ---- */

void subscriptions_change(struct call *call, const char *action, struct subscription *before,
                          struct subscription *after, struct reply *reply)
{
    const struct mutation by = call_mutation(call, action);
    int error = reply
                    ? changes_begin(call->api->parts.changes, &by, before, after, reply_send, reply)
                    : -ENOMEM;
    if (error == 0)
        return;
    subscription_free(after);
    call_not_stored(call, reply, error);
}

/* No other subscription of the tenant may have the uid. */
static bool uid_is_free(struct call *call, const struct subscription *made)
{
    const struct subscription *holder =
        made->uid
            ? registry_subscription_with_uid(call->api->parts.registry, &call->tenant, made->uid)
            : NULL;
    if (!holder || id_equal(&holder->id, &made->id))
        return true;
    call_problem(call, 409, "another subscription has this uid");
    return false;
}

/* Parses a body; answers if it has faults. */
static struct subscription *parse(struct call *call, struct json_value body,
                                  const struct subscription *before)
{
    const struct api_parts *parts = &call->api->parts;
    struct subscription *made = NULL;
    struct faults faults;
    int error = subscription_parse(body, before, &made, &faults);
    if (error == 0) {
        const struct reach reach = {parts->config, registry_tenant(parts->registry, &call->tenant),
                                    made};
        reach_check(&reach, &faults);
        if (faults.count == 0)
            return made;
        subscription_free(made);
        error = -EINVAL;
    }
    if (error == -EINVAL)
        call_faults(call, &faults);
    else
        call_busy(call);
    return NULL;
}

void subscriptions_create(struct call *call)
{
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    struct subscription *made = parse(call, body, NULL);
    if (!made)
        return;

    made->tenant = call->tenant;
    made->created_ms = made->updated_ms = clock_wall_ms();
    made->id = id_new(made->created_ms, &call->api->random);
    if (!uid_is_free(call, made)) {
        subscription_free(made);
        return;
    }
    char digits[ID_TEXT_SIZE], location[LOCATION_SIZE];
    snprintf(location, sizeof location, "Location: /api/v1/webhooks/subscriptions/%s\r\n",
             id_print(&made->id, "sub", digits).at);
    call_tag(call, made->updated_ms);
    subscription_print(made, SUBSCRIPTION_WITH_SECRET, call_text(call, SUBSCRIPTION_TEXT_MAX));
    subscriptions_change(call, "subscription.create", NULL, made,
                         call_reply_later(call, 201, slice_str(location)));
}

/* Puts what `body` says in the place of `before`. */
static void replace(struct call *call, struct subscription *before, struct json_value body)
{
    struct subscription *made = parse(call, body, before);
    if (!made)
        return;
    if (!uid_is_free(call, made)) {
        subscription_free(made);
        return;
    }
    subscription_touch(made, before, clock_wall_ms());
    call_tag(call, made->updated_ms);
    subscription_print(made, SUBSCRIPTION_PUBLIC, call_text(call, SUBSCRIPTION_TEXT_MAX));
    subscriptions_change(call, "subscription.update", before, made,
                         call_reply_later(call, 200, SLICE("")));
}

void subscriptions_replace(struct call *call)
{
    struct json_value body;
    struct subscription *before = subscriptions_find(call);
    if (before && call_has_room(call) && call_read_body(call, call->api->json, false, &body))
        replace(call, before, body);
}

/* The members of another type are of no use: all of "auth" is replaced. */
static bool changes_auth_type(const struct subscription *before, struct json_value patch)
{
    struct json_value auth, type;
    struct slice name;
    return before->auth && json_get(patch, "auth", &auth) && json_get(auth, "type", &type) &&
           json_string(type, &name) &&
           !slice_equal(name, slice_str(auth_type_name(before->auth->type)));
}

static void print_whole(const void *subscription, struct text *text)
{
    subscription_print(subscription, SUBSCRIPTION_WHOLE, text);
}

void subscriptions_patch(struct call *call)
{
    struct json_value patch, patched;
    struct subscription *before = subscriptions_find(call);
    if (!before || !call_has_room(call) || !patch_read(call, &patch))
        return;

    struct subscription shown = *before;
    struct patch_target target = {&shown, SUBSCRIPTION_TEXT_MAX, print_whole, NULL};
    if (changes_auth_type(before, patch))
        shown.auth = NULL;
    if (patch_apply(call, patch, &target, &patched))
        replace(call, before, patched);
    patch_close(&target);
}

void subscriptions_delete(struct call *call)
{
    struct subscription *before = subscriptions_find(call);
    if (!before || !call_has_room(call))
        return;
    call_text(call, 0);
    subscriptions_change(call, "subscription.delete", before, NULL,
                         call_reply_later(call, 204, SLICE("")));
}

/* ---- pausing and resuming ---- */

/* Once more is not wrong. */
static void set_status(struct call *call, const char *action, enum subscription_status status)
{
    struct subscription *before = subscriptions_find(call);
    if (!before || !call_has_room(call))
        return;
    if (before->status == status) {
        reply_with(call, before);
        return;
    }
    struct subscription *after = subscription_copy(before);
    if (!after) {
        call_busy(call);
        return;
    }
    after->status = status;
    after->disabled_reason = DISABLED_BY_USER;
    subscription_touch(after, before, clock_wall_ms());
    call_tag(call, after->updated_ms);
    subscription_print(after, SUBSCRIPTION_PUBLIC, call_text(call, SUBSCRIPTION_TEXT_MAX));
    subscriptions_change(call, action, before, after, call_reply_later(call, 200, SLICE("")));
}

void subscriptions_pause(struct call *call)
{
    set_status(call, "subscription.pause", SUBSCRIPTION_PAUSED);
}

void subscriptions_resume(struct call *call)
{
    set_status(call, "subscription.resume", SUBSCRIPTION_ACTIVE);
}
