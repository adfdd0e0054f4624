/* replays.c - /api/v1/webhooks/replays: jobs that deliver once more; and
 * /api/v1/webhooks/deliveries/redeliver, which begins one for what a filter of the list names. */
#include "base/clock.h"
#include "replay_wish.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

/* ---- fields ---- */

static void add_type(struct form *form, struct json_value value, const char *pointer)
{
    struct replay_wish *wish = form->made;
    struct slice text;
    if (!form_string(form, value, pointer, LIMIT_TYPE_SIZE, &text))
        return;
    int error = replay_add_type(&wish->replay, text);
    if (error == -EINVAL)
        faults_add(form->faults, pointer, "must be an event type, or a glob like \"a.*\" or \"*\"");
    else if (error)
        faults_add(form->faults, pointer, "there are too many");
}

static void parse_types(struct form *form, struct json_value value, const char *pointer)
{
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    while (json_kind(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        pointer_element(place, pointer, index++);
        if (index <= REPLAY_TYPES_MAX)
            add_type(form, element, place);
    }
    if (index == 0 || index > REPLAY_TYPES_MAX)
        faults_add(form->faults, pointer, "must be an array of 1 to 16 event types");
}

static void parse_status(struct form *form, struct json_value value, const char *pointer)
{
    struct replay_wish *wish = form->made;
    struct slice text;
    if (!json_string(value, &text) || !replay_filter_named(text, &wish->replay.filter))
        faults_add(form->faults, pointer,
                   "must be \"all\", \"failed\", \"dead\", \"delivered\" or \"cancelled\"");
}

static void parse_event(struct form *form, struct json_value value, const char *pointer)
{
    struct replay_wish *wish = form->made;
    struct slice text;
    if (!json_string(value, &text) || id_parse(text, "evt", &wish->replay.event))
        faults_add(form->faults, pointer, "must be the id of an event");
}

/* ---- beginning ---- */

/* Where the body is required to say something. */
static void require(const struct form *form, struct json_value body, const char *name,
                    const char *pointer)
{
    struct json_value given;
    if (!json_get(body, name, &given) || json_kind(given) == JSON_NULL)
        faults_add(form->faults, pointer, "is required");
}

static void check_times(const struct form *form)
{
    const struct replay *replay = &((const struct replay_wish *)form->made)->replay;
    if (replay->until_ms && replay->until_ms <= replay->since_ms)
        faults_add(form->faults, "/until", "must be after since");
}

void replays_create(struct call *call)
{
    static const struct form_field fields[] = {{"subscription", replay_wish_subscription},
                                               {"since", replay_wish_since},
                                               {"until", replay_wish_until},
                                               {"types", parse_types},
                                               {"status", parse_status},
                                               {"dry_run", replay_wish_dry_run}};
    struct replay_wish wish = {call, {.kind = REPLAY_WINDOW, .filter = REPLAY_ALL}};
    struct faults faults = {0};
    struct form form = {.made = &wish, .faults = &faults};
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    FORM_WALK(&form, body, "", fields);
    require(&form, body, "subscription", "/subscription");
    require(&form, body, "since", "/since");
    check_times(&form);
    if (faults.count)
        call_faults(call, &faults);
    else
        replay_wish_begin(call, &wish.replay);
}

/* To go through all events for each subscription would be more work than anybody means to ask for.
 */
static void check_scope(const struct form *form)
{
    const struct replay *replay = &((const struct replay_wish *)form->made)->replay;
    if (replay->filter != REPLAY_DEAD && id_is_zero(&replay->subscription) &&
        id_is_zero(&replay->event))
        faults_add(form->faults, "/subscription",
                   "is required, or event, unless status is \"failed\" or \"dead\"");
}

void deliveries_redeliver_all(struct call *call)
{
    static const struct form_field fields[] = {{"subscription", replay_wish_subscription},
                                               {"event", parse_event},
                                               {"type", add_type},
                                               {"status", parse_status},
                                               {"since", replay_wish_since},
                                               {"until", replay_wish_until},
                                               {"dry_run", replay_wish_dry_run}};
    struct replay_wish wish = {call, {.kind = REPLAY_REDELIVER, .filter = REPLAY_DEAD}};
    struct faults faults = {0};
    struct form form = {.made = &wish, .faults = &faults};
    struct json_value body;
    if (!call_has_room(call) || !call_read_body(call, call->api->json, false, &body))
        return;
    FORM_WALK(&form, body, "", fields);
    check_times(&form);
    check_scope(&form);
    if (faults.count)
        call_faults(call, &faults);
    else
        replay_wish_begin(call, &wish.replay);
}

/* ---- what there is ---- */

static bool sees(const struct call *call, const void *item)
{
    return id_equal(&((const struct replay_job *)item)->now.tenant, &call->tenant);
}

static void print(const void *item, struct text *text)
{
    replay_print(&((const struct replay_job *)item)->now, text);
}

void replays_list(struct call *call)
{
    call_list(call, &(struct listed){.shelf = &call->api->parts.replays->jobs,
                                     .prefix = "rpl",
                                     .item_room = REPLAY_TEXT_MAX,
                                     .sees = sees,
                                     .print = print});
}

/* The one that the path names, if it is the tenant's; else answers 404. */
static const struct replay *find(struct call *call)
{
    const struct replay *found = NULL;
    struct id id;
    if (id_parse(call->id, "rpl", &id) == 0)
        found = replays_find(call->api->parts.replays, &id);
    if (found && id_equal(&found->tenant, &call->tenant))
        return found;
    call_problem(call, 404, "no such replay (any more)");
    return NULL;
}

void replays_get(struct call *call)
{
    const struct replay *found = find(call);
    if (!found)
        return;
    replay_print(found, call_text(call, REPLAY_TEXT_MAX));
    call_reply(call, 200, SLICE(""));
}

void replays_delete(struct call *call)
{
    const struct replay *found = find(call);
    if (!found)
        return;
    call_text(call, 0);
    struct reply *reply = call_reply_later(call, 204, SLICE(""));
    if (!reply)
        return;
    bool is_running = found->status == REPLAY_RUNNING;
    const struct mutation by = call_mutation(call, is_running ? "replay.cancel" : "replay.delete");
    switch (replays_end(call->api->parts.replays, &by, &found->id, reply_send, reply)) {
    case -EINPROGRESS:
        break;
    case 0:
        reply_send(reply);
        break;
    case -EALREADY:
        reply_drop(reply);
        call_problem(call, 409, "it is being cancelled");
        break;
    default:
        reply_drop(reply);
        call_problem(call, 500, "the change could not be stored");
    }
}
