/* deliveries.c - /api/v1/webhooks/deliveries: how deliveries stand, and their attempts. */
#include "deliveries.h"
#include "query.h"
#include "registry.h"
#include "router.h"
#include "store/history.h"
#include "subscriptions.h"
#include "vault.h"

#include <errno.h>

enum {
    DELIVERY_TEXT_MAX = 32 * 1024,
    TYPE_SIZE = LIMIT_TYPE_SIZE + 1,
    STATUS_SIZE = 16,
    ATTEMPT_TEXTS_MAX = 1024 + 2 * LIMIT_HEADERS_CAPTURE + LIMIT_RESPONSE_CAPTURE,
};

/* ---- printing ---- */

static void put_id(struct text *text, const char *key, const char *prefix, const struct id *id)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "\"%s\":\"%s\",", key, id_print(id, prefix, digits).at);
}

static void put_time(struct text *text, const char *key, uint64_t wall_ms)
{
    text_printf(text, "\"%s\":", key);
    if (!wall_ms) {
        text_put(text, SLICE("null,"));
        return;
    }
    text_char(text, '"');
    text_time(text, wall_ms);
    text_put(text, SLICE("\","));
}

static void put_optional(struct text *text, const char *key, struct slice value)
{
    text_printf(text, "\"%s\":", key);
    if (value.size)
        text_json(text, value);
    else
        text_put(text, SLICE("null"));
}

/* Takes the next "Name: value\n" off `headers`. */
static bool next_header(struct slice *headers, struct slice *name, struct slice *value)
{
    if (headers->size == 0)
        return false;
    struct slice line = slice_of(headers->at, slice_find(*headers, '\n'));
    *headers = slice_skip(*headers, line.size + 1);
    *name = slice_of(line.at, slice_find(line, ':'));
    *value = slice_skip(line, name->size + 2);
    return true;
}

static bool has_header(struct slice headers, struct slice wanted)
{
    struct slice name, value;
    while (next_header(&headers, &name, &value))
        if (slice_equal_nocase(name, wanted))
            return true;
    return false;
}

/* The value; if others with the name follow, an array of all of them. */
static void put_values(struct text *text, struct slice rest, struct slice wanted,
                       struct slice value)
{
    struct slice name;
    bool is_array = has_header(rest, wanted);
    if (is_array)
        text_char(text, '[');
    text_json(text, value);
    while (next_header(&rest, &name, &value)) {
        if (!slice_equal_nocase(name, wanted))
            continue;
        text_char(text, ',');
        text_json(text, value);
    }
    if (is_array)
        text_char(text, ']');
}

/* An object: of headers with one name, the first has an array of all their values. */
static void put_headers(struct text *text, const char *key, struct slice headers)
{
    struct slice name, value, rest = headers;
    const char *comma = "";
    if (headers.size == 0)
        return;
    text_printf(text, ",\"%s\":{", key);
    while (next_header(&rest, &name, &value)) {
        if (has_header(slice_of(headers.at, (size_t)(name.at - headers.at)), name))
            continue;
        text_put(text, slice_str(comma));
        text_json(text, name);
        text_char(text, ':');
        put_values(text, rest, name, value);
        comma = ",";
    }
    text_char(text, '}');
}

static void put_timings(struct text *text, const struct attempt_record *attempt)
{
    text_printf(text,
                ",\"timings\":{\"dns_us\":%u,\"connect_us\":%u,\"tls_us\":%u,"
                "\"first_byte_us\":%u},\"connection_reused\":%s",
                attempt->dns_us, attempt->connect_us, attempt->tls_us, attempt->first_byte_us,
                attempt->reused ? "true" : "false");
}

/* Opens what is sealed, into `room`. What does not open is not shown. */
static struct attempt_record open_attempt(const struct call *call,
                                          const struct attempt_record *attempt,
                                          char room[static ATTEMPT_TEXTS_MAX])
{
    struct attempt_record open = *attempt;
    const uint8_t *key = vault_log_key(call->api->parts.changes->vault, &attempt->tenant);
    if (attempt_record_open_size(attempt) <= ATTEMPT_TEXTS_MAX &&
        attempt_record_open(&open, key, room) == 0)
        return open;
    open.address = open.error = open.request_headers = SLICE("");
    open.response_headers = open.response_body = SLICE("");
    return open;
}

static void put_attempt(const struct call *call, struct text *text,
                        const struct attempt_record *stored)
{
    char room[ATTEMPT_TEXTS_MAX];
    const struct attempt_record open = open_attempt(call, stored, room), *attempt = &open;
    const char *outcome = attempt_outcome_name(attempt->outcome);
    text_printf(text, "{\"number\":%u,", attempt->number);
    put_time(text, "at", attempt->at_ms);
    text_printf(text,
                "\"duration_ms\":%u,\"outcome\":\"%s\",\"http_status\":", attempt->duration_ms,
                outcome ? outcome : "none");
    if (attempt->http_status)
        text_u64(text, attempt->http_status);
    else
        text_put(text, SLICE("null"));
    text_char(text, ',');
    put_optional(text, "error", attempt->error);
    put_timings(text, attempt);
    put_headers(text, "request_headers", attempt->request_headers);
    put_headers(text, "response_headers", attempt->response_headers);
    if (attempt->response_body.size) {
        text_put(text, SLICE(",\"response_body\":"));
        text_json(text, attempt->response_body);
    }
    text_printf(text, ",\"truncated\":%s,",
                attempt->body_truncated || attempt->headers_truncated ? "true" : "false");
    put_optional(text, "remote_address", attempt->address);
    text_char(text, '}');
}

/* How it stands, as people see it: the store does not know that nobody will go on with the
 * deliveries of a subscription that was deleted. */
static enum delivery_status standing(const struct call *call, const struct delivery_view *delivery)
{
    bool is_open = delivery->status == DELIVERY_PENDING || delivery->status == DELIVERY_RETRYING;
    if (is_open && !registry_subscription(call->api->parts.registry, &delivery->subscription))
        return DELIVERY_CANCELLED;
    return delivery->status;
}

static void put_delivery(const struct call *call, struct text *text,
                         const struct delivery_view *delivery)
{
    enum delivery_status standing_now = standing(call, delivery);
    const char *status = delivery_status_name(standing_now);
    text_char(text, '{');
    put_id(text, "id", "dlv", &delivery->delivery);
    put_id(text, "event_id", "evt", &delivery->event);
    put_id(text, "subscription_id", "sub", &delivery->subscription);
    text_put(text, SLICE("\"event_type\":"));
    text_json(text, delivery->event_type);
    text_printf(text, ",\"status\":\"%s\",\"attempt_count\":%u,", status ? status : "unknown",
                delivery->attempt_count);
    put_time(text, "created_at", delivery->created_ms);
    put_time(text, "next_attempt_at",
             standing_now == DELIVERY_RETRYING ? delivery->next_attempt_ms : 0);
    text_put(text, SLICE("\"last_attempt\":"));
    if (delivery->has_last)
        put_attempt(call, text, &delivery->last);
    else
        text_put(text, SLICE("null"));
    text_char(text, '}');
}

/* ---- the list ---- */

struct listing {
    struct call *call;
    struct text *text;
    struct id last;
    unsigned count, wanted; /* statuses, 1 << each; 0: all */
};

static int list_one(void *context, const struct delivery_view *delivery)
{
    struct listing *listing = context;
    if (listing->text->size > PAGE_BYTES_MAX)
        return -ENOBUFS;
    listing->last = delivery->delivery;
    if (listing->wanted && !(listing->wanted & 1u << standing(listing->call, delivery)))
        return 0;
    call_reserve(listing->call, DELIVERY_TEXT_MAX);
    if (listing->count++)
        text_char(listing->text, ',');
    put_delivery(listing->call, listing->text, delivery);
    return 0;
}

static bool read_status(struct call *call, unsigned *statuses)
{
    static const struct {
        const char *name;
        unsigned bits;
    } names[] = {
        {"pending", 1u << DELIVERY_PENDING},
        {"retrying", 1u << DELIVERY_RETRYING},
        {"delivered", 1u << DELIVERY_DELIVERED},
        {"dead", 1u << DELIVERY_DEAD},
        {"cancelled", 1u << DELIVERY_CANCELLED},
        {"failed", 1u << DELIVERY_RETRYING | 1u << DELIVERY_DEAD},
    };
    char status[STATUS_SIZE];
    int given = query_get(call->request->query, "status", status, sizeof status);
    if (given == 0)
        return true;
    for (size_t i = 0; given > 0 && i < sizeof names / sizeof names[0]; i++) {
        if (slice_equal(slice_str(status), slice_str(names[i].name))) {
            *statuses = names[i].bits;
            return true;
        }
    }
    call_problem(call, 422,
                 "query parameter status must be pending, retrying, delivered, dead, cancelled or "
                 "failed");
    return false;
}

struct question {
    struct history_filter filter;
    struct page page;
    struct id subscription, event;
    unsigned wanted; /* statuses, 1 << each; 0: all */
    char type[TYPE_SIZE];
};

/* Of the call's tenant, and not deleted. */
static bool owns(void *context, const struct id *id)
{
    const struct call *call = context;
    const struct subscription *subscription = registry_subscription(call->api->parts.registry, id);
    return subscription && id_equal(&subscription->tenant, &call->tenant);
}

static bool read_question(struct call *call, const char *const *parameters,
                          struct question *question)
{
    struct history_filter *filter = &question->filter;
    bool has_subscription, has_event;

    *question =
        (struct question){.filter = {.tenant = &call->tenant, .owns = owns, .context = call}};
    if (!call_page(call, "dlv", parameters, &question->page) ||
        !read_status(call, &question->wanted) ||
        !subscriptions_query(call, &question->subscription, &has_subscription) ||
        !call_query_id(call, "event", "evt", &question->event, &has_event) ||
        !call_query_time(call, "since", &filter->since_ms) ||
        !call_query_time(call, "until", &filter->until_ms))
        return false;
    filter->statuses = question->wanted;
    if (question->wanted & 1u << DELIVERY_CANCELLED) /* see standing() */
        filter->statuses |= 1u << DELIVERY_PENDING | 1u << DELIVERY_RETRYING;
    filter->subscription = has_subscription ? &question->subscription : NULL;
    filter->event = has_event ? &question->event : NULL;
    if (query_get(call->request->query, "type", question->type, sizeof question->type) < 0) {
        call_problem(call, 422, "query parameter type must be an event type");
        return false;
    }
    filter->type = slice_str(question->type);
    return true;
}

static void list(struct call *call, const struct question *question)
{
    const struct api_parts *parts = &call->api->parts;
    const struct page *page = &question->page;
    struct listing listing = {
        .call = call, .text = call_text(call, DELIVERY_TEXT_MAX), .wanted = question->wanted};
    struct history_page shown = {.before = page->has_cursor ? &page->cursor : NULL,
                                 .limit = page->limit};
    text_put(listing.text, SLICE("{\"data\":["));
    int error = history_deliveries(parts->db, parts->crew->shards, &question->filter, &shown,
                                   list_one, &listing);
    if (error == -ENOBUFS) { /* the page is full */
        shown.more = true;
        shown.last = listing.last;
    } else if (error) {
        call_problem(call, 500, "the deliveries could not be read");
        return;
    }
    page_end(listing.text, shown.more, "dlv", &shown.last);
    call_reply(call, 200, SLICE(""));
}

void deliveries_list(struct call *call)
{
    static const char *const parameters[] = {"status", "subscription", "event", "type",
                                             "since",  "until",        NULL};
    struct question question;
    if (read_question(call, parameters, &question))
        list(call, &question);
}

void dead_letters_list(struct call *call)
{
    static const char *const parameters[] = {"subscription", "event", "type",
                                             "since",        "until", NULL};
    struct question question;
    if (!read_question(call, parameters, &question))
        return;
    question.wanted = question.filter.statuses = 1u << DELIVERY_DEAD;
    list(call, &question);
}

/* ---- one ---- */

struct finding {
    const struct call *call;
    struct text *text;
};

static int print_one(void *context, const struct delivery_view *delivery)
{
    struct finding *finding = context;
    if (!id_equal(&delivery->tenant, &finding->call->tenant))
        return -ENOENT;
    put_delivery(finding->call, finding->text, delivery);
    return 0;
}

bool deliveries_print(struct call *call, const struct id *id)
{
    const struct api_parts *parts = &call->api->parts;
    struct finding finding = {.call = call, .text = call_text(call, DELIVERY_TEXT_MAX)};
    int error = history_delivery(parts->db, parts->crew->shards, id, print_one, &finding);
    if (error == 0)
        return true;
    if (error == -ENOENT)
        call_problem(call, 404, "no such delivery (any more)");
    else
        call_problem(call, 500, "the delivery could not be read");
    return false;
}

/* The delivery that the path names. */
static bool find(struct call *call, struct id *id)
{
    if (id_parse(call->id, "dlv", id) == 0)
        return deliveries_print(call, id);
    call_problem(call, 404, "no such delivery (any more)");
    return false;
}

void deliveries_get(struct call *call)
{
    struct id id;
    if (find(call, &id))
        call_reply(call, 200, SLICE(""));
}

static int list_attempt(void *context, const struct attempt_record *attempt)
{
    struct listing *listing = context;
    call_reserve(listing->call, DELIVERY_TEXT_MAX);
    if (listing->count++)
        text_char(listing->text, ',');
    put_attempt(listing->call, listing->text, attempt);
    return 0;
}

void deliveries_attempts(struct call *call)
{
    const struct api_parts *parts = &call->api->parts;
    struct id id;
    if (!find(call, &id))
        return;

    struct listing listing = {.call = call, .text = call_text(call, DELIVERY_TEXT_MAX)};
    text_put(listing.text, SLICE("{\"data\":["));
    int error = history_attempts(parts->db, parts->crew->shards, &id, list_attempt, &listing);
    if (error) {
        call_problem(call, error == -ENOENT ? 404 : 500, "the attempts could not be read");
        return;
    }
    page_end(listing.text, false, "dlv", NULL);
    call_reply(call, 200, SLICE(""));
}
