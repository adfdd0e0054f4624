/* draft_headers.c - the fields of a subscription that name headers. What frames a request, belongs
 * to one hop or is set by this engine cannot be configured. Control's thread.
 */
#include "base/text.h"
#include "draft.h"
#include "net/http_parse.h"
#include "trace_context.h"

static bool is_listed(struct slice name, const char *const *list)
{
    for (; *list; list++) {
        struct slice entry = slice_str(*list);
        bool is_prefix = entry.at[entry.size - 1] == '*';
        entry.size -= is_prefix;
        struct slice start = slice_of(name.at, name.size < entry.size ? name.size : entry.size);
        if (slice_equal_nocase(is_prefix ? start : name, entry))
            return true;
    }
    return false;
}

/* Fields that frame the request or belong to one hop (RFC 9110 sections 7.6.1, 8.6, 7.2). */
static const char *const framing[] = {"host",   "content-length", "transfer-encoding", "connection",
                                      "te",     "keep-alive",     "trailer",           "upgrade",
                                      "expect", "proxy-*",        "content-encoding",  NULL};
/* Fields of ours. */
static const char *const ours[] = {"webhook-*",        "x-webhook-*",      "x-correlation-id",
                                   "x-hub-signature*", "stripe-signature", "x-pt-signature",
                                   "traceparent",      "tracestate",       NULL};

const char *draft_refuse_signature_header(struct slice name)
{
    static const char *const taken[] = {
        "webhook-id",        "webhook-timestamp", "x-webhook-event",     "x-webhook-version",
        "x-webhook-attempt", "x-correlation-id",  "x-webhook-timestamp", "content-type",
        "user-agent",        "traceparent",       "tracestate",          NULL};
    if (!http_is_token(name) || name.size > LIMIT_SIGNATURE_HEADER_SIZE)
        return "must be the name of a header, of at most 128 bytes";
    if (is_listed(name, framing) || is_listed(name, taken))
        return "is a header with another meaning";
    return NULL;
}

const char *draft_refuse_auth_header(struct slice name)
{
    static const char *const taken[] = {"content-type", "user-agent", NULL};
    if (!http_is_token(name))
        return "must be the name of a header";
    if (is_listed(name, framing) || is_listed(name, ours) || is_listed(name, taken))
        return "is a header that may not be set";
    return NULL;
}

bool draft_has_header(struct slice headers, struct slice name)
{
    while (headers.size) {
        if (slice_equal_nocase(slice_of(headers.at, slice_find(headers, ':')), name))
            return true;
        headers = slice_skip(headers, slice_find(headers, '\n') + 1);
    }
    return false;
}

/* What could be set once, and is in `meta` since: the engine's own is sent in its stead. */
static bool is_outdated(const struct draft *draft, struct slice name)
{
    return draft->vault && trace_field_of(name) != TRACE_NEITHER;
}

static void parse_header(struct draft *draft, struct slice name, struct json_value value,
                         const char *pointer, struct text *headers)
{
    struct slice text;
    if (!json_string(value, &text) || !http_is_field_value(text))
        faults_add(draft->faults, pointer, "must be a string that can be sent as a header's value");
    else if (!http_is_token(name))
        faults_add(draft->faults, pointer, "is not the name of a header");
    else if (is_listed(name, framing) || is_listed(name, ours))
        faults_add(draft->faults, pointer, "is a header that may not be set");
    else if (draft_has_header(text_slice(headers), name))
        faults_add(draft->faults, pointer, "is given twice");
    else {
        draft->made->sets_content_type |= slice_equal_nocase(name, SLICE("content-type"));
        text_put(headers, name);
        text_put(headers, SLICE(": "));
        text_put(headers, text);
        text_put(headers, SLICE("\r\n"));
    }
}

void draft_parse_headers(struct draft *draft, struct json_value value, const char *pointer)
{
    char buffer[LIMIT_SUBSCRIPTION_HEADERS_SIZE];
    struct text headers;
    struct slice name;
    struct json_value member;
    uint64_t cursor = 0;
    unsigned count = 0;

    if (json_kind(value) != JSON_OBJECT) {
        faults_add(draft->faults, pointer, "must be an object");
        return;
    }
    text_init(&headers, buffer, sizeof buffer);
    while (json_next(value, &cursor, &name, &member)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, pointer, name);
        if (is_outdated(draft, name))
            continue;
        parse_header(draft, name, member, place, &headers);
        count++;
    }
    if (count > LIMIT_SUBSCRIPTION_HEADERS || !text_ok(&headers))
        faults_add(draft->faults, pointer, "must be at most %d, of %d bytes together",
                   LIMIT_SUBSCRIPTION_HEADERS, LIMIT_SUBSCRIPTION_HEADERS_SIZE);
    draft_keep(draft, &draft->made->headers, text_slice(&headers));
}
