/* replay_wish.c - see replay_wish.h. */
#include "replay_wish.h"

#include "base/clock.h"
#include "base/units.h"
#include "subscriptions.h"

#include <errno.h>
#include <stdio.h>

enum { LOCATION_SIZE = 128 };

/* ---- fields ---- */

void replay_wish_subscription(struct form *form, struct json_value value, const char *pointer)
{
    struct replay_wish *wish = form->made;
    struct slice text;
    if (!form_string(form, value, pointer, LIMIT_NAME_SIZE, &text))
        return;
    const struct subscription *found = subscriptions_named(wish->call, text);
    if (found)
        wish->replay.subscription = found->id;
    else
        faults_add(form->faults, pointer, "there is no such subscription");
}

static void read_time(struct form *form, struct json_value value, const char *pointer,
                      uint64_t *wall_ms)
{
    struct slice text;
    if (!json_string(value, &text) || units_parse_time(text, wall_ms))
        faults_add(form->faults, pointer, "must be a time like 2026-01-31T12:00:00Z");
}

void replay_wish_since(struct form *form, struct json_value value, const char *pointer)
{
    read_time(form, value, pointer, &((struct replay_wish *)form->made)->replay.since_ms);
}

void replay_wish_until(struct form *form, struct json_value value, const char *pointer)
{
    read_time(form, value, pointer, &((struct replay_wish *)form->made)->replay.until_ms);
}

void replay_wish_dry_run(struct form *form, struct json_value value, const char *pointer)
{
    form_bool(form, value, pointer, &((struct replay_wish *)form->made)->replay.is_dry);
}

/* ---- beginning ---- */

static bool may_begin(struct call *call, const struct replay *replay)
{
    const struct subscription *subscription =
        registry_subscription(call->api->parts.registry, &replay->subscription);
    bool sends = replay->kind != REPLAY_DISCARD && !replay->is_dry;
    if (!sends || !subscription || subscription->status == SUBSCRIPTION_ACTIVE)
        return true;
    call_problem(call, 409, "the subscription is paused or disabled");
    return false;
}

void replay_wish_begin(struct call *call, struct replay *replay)
{
    char digits[ID_TEXT_SIZE], location[LOCATION_SIZE];
    uint64_t now_ms = clock_wall_ms();
    if (!may_begin(call, replay))
        return;
    replay->id = id_new(now_ms, &call->api->random);
    replay->tenant = call->tenant;
    replay->created_ms = replay->updated_ms = now_ms;
    if (replay->until_ms == 0 || replay->until_ms > now_ms)
        replay->until_ms = now_ms; /* what comes from now on is not meant */
    snprintf(location, sizeof location, "Location: /api/v1/webhooks/replays/%s\r\n",
             id_print(&replay->id, "rpl", digits).at);
    replay_print(replay, call_text(call, REPLAY_TEXT_MAX));
    struct reply *reply = call_reply_later(call, 202, slice_str(location));
    if (!reply)
        return;
    const struct mutation by = call_mutation(call, "replay.create");
    int error = replays_begin(call->api->parts.replays, &by, replay);
    if (error)
        reply_drop(reply);
    switch (error) {
    case 0:
        reply_send(reply);
        break;
    case -EBUSY:
        http_server_problem(call->api->server, call->ticket, 429,
                            "as many replays as may be are running", SLICE("Retry-After: 10\r\n"));
        break;
    case -ENOMEM:
        call_busy(call);
        break;
    default:
        call_problem(call, 500, "the replay could not be stored");
    }
}
