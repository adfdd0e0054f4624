/* dead_letters.c - /api/v1/webhooks/dead-letters: deliveries whose schedule is over. All that a
 * filter names are sent once more, or given up, by a job (replays.h); one is given up at once.
 * Their list is in deliveries.c. */
#include "replay_wish.h"
#include "router.h"
#include "subscriptions.h"

void dead_letters_requeue(struct call *call)
{
    static const struct form_field fields[] = {{"subscription", replay_wish_subscription},
                                               {"since", replay_wish_since},
                                               {"until", replay_wish_until},
                                               {"dry_run", replay_wish_dry_run}};
    struct replay_wish wish = {call, {.kind = REPLAY_REQUEUE, .filter = REPLAY_DEAD}};
    struct faults faults = {0};
    struct form form = {.made = &wish, .faults = &faults};
    struct json_value body;
    if (!call_has_room(call))
        return;
    if (call->request->body.size > 0) {
        if (!call_read_body(call, call->api->json, false, &body))
            return;
        FORM_WALK(&form, body, "", fields);
    }
    if (faults.count)
        call_faults(call, &faults);
    else
        replay_wish_begin(call, &wish.replay);
}

void dead_letters_delete_all(struct call *call)
{
    static const char *const parameters[] = {"subscription", "since", "until", NULL};
    struct replay replay = {.kind = REPLAY_DISCARD, .filter = REPLAY_DEAD};
    struct page page;
    bool has_subscription;
    if (!call_has_room(call) || !call_page(call, "dlv", parameters, &page) ||
        !subscriptions_query(call, &replay.subscription, &has_subscription) ||
        !call_query_time(call, "since", &replay.since_ms) ||
        !call_query_time(call, "until", &replay.until_ms))
        return;
    const struct subscription *subscription =
        has_subscription ? registry_subscription(call->api->parts.registry, &replay.subscription)
                         : NULL;
    if (has_subscription && (!subscription || !id_equal(&subscription->tenant, &call->tenant)))
        call_problem(call, 422, "query parameter subscription is of no subscription");
    else
        replay_wish_begin(call, &replay);
}
