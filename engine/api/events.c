/* events.c - /api/v1/webhooks/events: what was accepted, newest first, and one with its payload.
 */
#include "call.h"
#include "payload.h"
#include "query.h"
#include "router.h"
#include "store/history.h"

#include "vault.h"

#include <errno.h>
#include <openssl/base64.h>
#include <stdlib.h>

enum { EVENT_TEXT_MAX = 32 * 1024 /* without the payload */, TYPE_SIZE = LIMIT_TYPE_SIZE + 1 };

/* A member with a string, or null where there is none, and a comma. */
static void put_optional(struct text *text, const char *key, struct slice value)
{
    text_printf(text, "\"%s\":", key);
    if (value.size)
        text_json(text, value);
    else
        text_put(text, SLICE("null"));
    text_char(text, ',');
}

static const uint8_t *log_key(const struct call *call, const struct event_record *event)
{
    return vault_log_key(call->api->parts.changes->vault, &event->tenant);
}

/* Opens what is sealed beside the payload, into `room`. What does not open is not shown. */
static struct event_record open_labels(const struct call *call, const struct event_record *event,
                                       char room[static EVENT_TEXT_MAX])
{
    struct event_record open = *event;
    if (!event->sealed.nonce)
        return open;
    if (sealed_size(&event->sealed, SEALED_LABELS) <= EVENT_TEXT_MAX &&
        event_record_open_labels(&open, log_key(call, event), room) == 0)
        return open;
    open.correlation_id = open.content_type = open.channels = SLICE("");
    open.trace_parent = open.trace_state = SLICE("");
    return open;
}

/* Up to its last member; the caller goes on. */
static void put_event(struct text *text, const struct event_record *event)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "{\"id\":\"%s\",\"type\":", id_print(&event->event, "evt", digits).at);
    text_json(text, event->type);
    text_char(text, ',');
    put_optional(text, "version", event->version);
    put_optional(text, "correlation_id", event->correlation_id);
    text_put(text, SLICE("\"channels\":"));
    text_put(text, event->channels.size ? event->channels : SLICE("[]"));
    text_char(text, ',');
    put_optional(text, "content_type", event->content_type);
    put_optional(text, "traceparent", event->trace_parent);
    put_optional(text, "tracestate", event->trace_state);
    text_put(text, SLICE("\"timestamp\":\""));
    text_time(text, event->time_ms ? event->time_ms : id_time_ms(&event->event));
    text_printf(text, "\",\"payload_bytes\":%zu,\"deliveries\":%u,\"created_at\":\"",
                event->payload.size, event->subscription_count);
    text_time(text, id_time_ms(&event->event));
    text_char(text, '"');
}

/* ---- the list ---- */

struct listing {
    struct call *call;
    struct text *text;
    struct id last;
    unsigned count;
};

static int list_one(void *context, const struct event_record *event)
{
    struct listing *listing = context;
    if (listing->text->size > PAGE_BYTES_MAX)
        return -ENOBUFS;
    call_reserve(listing->call, EVENT_TEXT_MAX);
    if (listing->count++)
        text_char(listing->text, ',');
    char room[EVENT_TEXT_MAX];
    const struct event_record open = open_labels(listing->call, event, room);
    put_event(listing->text, &open);
    text_char(listing->text, '}');
    listing->last = event->event;
    return 0;
}

void events_list(struct call *call)
{
    static const char *const parameters[] = {"type", "since", "until", NULL};
    struct history_filter filter = {.tenant = &call->tenant};
    char type[TYPE_SIZE];
    struct page page;

    if (!call_page(call, "evt", parameters, &page) ||
        !call_query_time(call, "since", &filter.since_ms) ||
        !call_query_time(call, "until", &filter.until_ms))
        return;
    int given = query_get(call->request->query, "type", type, sizeof type);
    if (given < 0) {
        call_problem(call, 422, "query parameter type must be an event type");
        return;
    }
    filter.type = given ? slice_str(type) : SLICE("");

    struct listing listing = {.call = call, .text = call_text(call, EVENT_TEXT_MAX)};
    struct history_page shown = {.before = page.has_cursor ? &page.cursor : NULL,
                                 .limit = page.limit};
    text_put(listing.text, SLICE("{\"data\":["));
    int error = history_events(call->api->parts.db, &filter, &shown, list_one, &listing);
    if (error == -ENOBUFS) { /* the page is full */
        shown.more = true;
        shown.last = listing.last;
    } else if (error) {
        call_problem(call, 500, "the events could not be read");
        return;
    }
    page_end(listing.text, shown.more, "evt", &shown.last);
    call_reply(call, 200, SLICE(""));
}

/* ---- one ---- */

/* What a producer calls JSON need not be any: embedding it unchecked would break the answer. */
static bool is_json(struct json *json, struct slice payload)
{
    struct json_value root;
    char why[JSON_WHY_SIZE];
    char *padded = malloc(payload.size + JSON_PADDING);
    if (!padded)
        return false;
    memcpy(padded, payload.at, payload.size);
    memset(padded + payload.size, 0, JSON_PADDING);
    int error = json_read(json, slice_of(padded, payload.size), &root, why);
    free(padded);
    return error == 0;
}

static void put_base64(struct text *text, struct slice bytes)
{
    size_t size;
    if (!EVP_EncodedLength(&size, bytes.size) || size > text->room - text->size) {
        text->cut = true;
        return;
    }
    text->size +=
        EVP_EncodeBlock((uint8_t *)text->at + text->size, (const uint8_t *)bytes.at, bytes.size);
}

static void put_plain_payload(struct call *call, struct text *text, struct slice content_type,
                              struct slice payload)
{
    if (payload.size && payload_says_json(content_type) && is_json(call->api->json, payload)) {
        text_put(text, SLICE(",\"payload\":"));
        text_put(text, payload);
        text_char(text, '}');
    } else {
        text_put(text, SLICE(",\"payload_base64\":\""));
        put_base64(text, payload);
        text_put(text, SLICE("\"}"));
    }
}

/* The last member. 0, or as event_record_open_payload(); -ENOMEM. */
static int put_payload(struct call *call, struct text *text, struct event_record *event)
{
    if (event->expunged) {
        text_put(text, SLICE(",\"payload\":null}"));
        return 0;
    }
    char *room = malloc(event->payload.size + 1);
    if (!room)
        return -ENOMEM;
    int error = event_record_open_payload(event, log_key(call, event), room);
    if (!error)
        put_plain_payload(call, text, event->content_type, event->payload);
    free(room);
    return error;
}

void events_get(struct call *call)
{
    struct api *api = call->api;
    struct event_record event;
    struct id id;
    int error =
        id_parse(call->id, "evt", &id) ? -ENOENT : event_reader_get(api->events, &id, &event);
    if (error == -ENOENT || (!error && !id_equal(&event.tenant, &call->tenant))) {
        call_problem(call, 404, "no such event (any more)");
        return;
    }
    if (error) {
        call_problem(call, 500, "the event could not be read");
        return;
    }
    struct text *text = call_text(call, EVENT_TEXT_MAX + 2 * event.payload.size);
    char room[EVENT_TEXT_MAX];
    event = open_labels(call, &event, room);
    put_event(text, &event);
    error = put_payload(call, text, &event);
    if (error == -ENOMEM)
        call_busy(call);
    else if (error)
        call_problem(call, 500, "the event could not be read");
    else
        call_reply(call, 200, SLICE(""));
}
