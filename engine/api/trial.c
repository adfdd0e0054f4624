/* trial.c - /api/v1/webhooks/subscriptions/{id}/test: an event of its own for one subscription,
 * whatever types and channels that asks for; stored, signed and delivered like any other. */
#include "form.h"
#include "payload.h"
#include "router.h"
#include "subscriptions.h"

#include <stdlib.h>

#define DEFAULT_TYPE    "grapnel.test"
#define DEFAULT_PAYLOAD "{\"message\":\"This is a test of your webhook.\"}"

struct trial {
    struct slice type;
    struct json_value payload;
    bool has_payload;
};

static void parse_type(struct form *form, struct json_value value, const char *pointer)
{
    struct trial *trial = form->made;
    form_string(form, value, pointer, LIMIT_TYPE_SIZE,
                &trial->type); /* its letters: by the shard */
}

static void parse_payload(struct form *form, struct json_value value, const char *pointer)
{
    struct trial *trial = form->made;
    (void)pointer;
    trial->payload = value;
    trial->has_payload = form != NULL;
}

/* The body may be absent. False: it has been answered. */
static bool read_trial(struct call *call, struct trial *trial)
{
    static const struct form_field fields[] = {{"type", parse_type}, {"payload", parse_payload}};
    struct faults faults = {0};
    struct form form = {.made = trial, .faults = &faults};
    struct json_value body;
    *trial = (struct trial){.type = SLICE(DEFAULT_TYPE)};
    if (call->request->body.size == 0)
        return true;
    if (!call_read_body(call, call->api->json, false, &body))
        return false;
    FORM_WALK(&form, body, "", fields);
    if (faults.count)
        call_faults(call, &faults);
    return faults.count == 0;
}

/* The event as a producer would write it, into the call's text. */
static bool print_event(struct call *call, const struct trial *trial)
{
    struct text *text = call_text(call, 2 * call->request->body.size + 1024);
    text_put(text, SLICE("{\"type\":"));
    text_json(text, trial->type);
    text_put(text, SLICE(",\"payload\":"));
    if (trial->has_payload)
        json_put(trial->payload, text);
    else
        text_put(text, SLICE(DEFAULT_PAYLOAD));
    text_char(text, '}');
    return text_ok(text);
}

void subscriptions_test(struct call *call)
{
    const struct subscription *found = subscriptions_find(call);
    struct trial trial;
    if (!found || !call_has_room(call))
        return;
    if (found->status != SUBSCRIPTION_ACTIVE) {
        call_problem(call, 409, "the subscription is paused or disabled");
        return;
    }
    if (!read_trial(call, &trial))
        return;
    if (!print_event(call, &trial)) {
        call_busy(call);
        return;
    }
    struct http_head head = {.method = SLICE("POST"), .header_count = 1};
    head.headers[0] = (struct http_header){SLICE("Content-Type"), SLICE("application/json")};
    const struct http_request request = {.head = &head,
                                         .path = SLICE("/api/v1/webhooks/events"),
                                         .body = text_slice(&call->api->answer)};
    call_publish(call, &request, &found->id);
}
