/* cloudevents.c - CloudEvents 1.0: structured mode (JSON format) and binary mode (HTTP
 * protocol binding).
 *
 * Kept: type, time, the data's bytes, datacontenttype, and source + id, which by the specification
 * name an event uniquely and so make it idempotent; of the extensions, that for distributed
 * tracing. All others are allowed and not kept; filters see them (metadata.h).
 */
#include "envelope.h"

#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <stdio.h>

struct attributes {
    struct slice specversion, id, source, type, time, content_type;
    char specversion_text[16], id_text[LIMIT_NAME_SIZE + 1], source_text[LIMIT_NAME_SIZE + 1],
        time_text[64];
};

/* The key: source, NUL, id. Neither can hold a NUL, so no other pair has it. */
static void make_key(struct envelope *envelope, const struct attributes *attributes)
{
    struct text key;
    text_init(&key, envelope->key_text, sizeof envelope->key_text);
    text_put(&key, attributes->source);
    text_char(&key, '\0');
    text_put(&key, attributes->id);
    must(text_ok(&key));
    envelope->key = text_slice(&key);
}

/* Fills in what both modes share. `prefix` is how attributes are named in a refusal. */
static int accept_attributes(struct envelope *envelope, const struct attributes *attributes,
                             const char *prefix)
{
    char pointer[48];
    const struct {
        const char *name;
        struct slice value;
    } required[] = {{"specversion", attributes->specversion},
                    {"id", attributes->id},
                    {"source", attributes->source},
                    {"type", attributes->type}};

    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        snprintf(pointer, sizeof pointer, "%s%s", prefix, required[i].name);
        if (required[i].value.size == 0)
            return envelope_refuse(envelope, 422, pointer, "is required");
    }
    snprintf(pointer, sizeof pointer, "%sspecversion", prefix);
    if (!slice_equal(attributes->specversion, SLICE("1.0")))
        return envelope_refuse(envelope, 422, pointer, "must be 1.0");
    snprintf(pointer, sizeof pointer, "%stype", prefix);
    if (!envelope_type_is_valid(attributes->type))
        return envelope_refuse(envelope, 422, pointer, "must be 1 to 128 of A-Z a-z 0-9 _ - . / :");
    snprintf(pointer, sizeof pointer, "%stime", prefix);
    if (attributes->time.size > 0 && units_parse_time(attributes->time, &envelope->time_ms))
        return envelope_refuse(envelope, 422, pointer, "is not an RFC 3339 time");
    envelope->type = attributes->type;
    if (attributes->content_type.size > 0)
        envelope->content_type = attributes->content_type;
    make_key(envelope, attributes);
    trace_context_settle(&envelope->trace);
    return 0;
}

/* The value of a base64 digit (RFC 4648 section 4), or -1. */
static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes where it stands: what comes out is never ahead of what goes in. Returns the size, or -1.
 */
static long decode_base64(char *at, size_t size)
{
    size_t out = 0;
    unsigned padding = 0;
    if (size % 4 != 0)
        return -1;
    if (size > 0)
        padding = at[size - 1] != '=' ? 0 : at[size - 2] != '=' ? 1 : 2;
    for (size_t i = 0; i < size; i += 4) {
        unsigned kept = i + 4 == size ? 4 - padding : 4;
        uint32_t group = 0;
        for (unsigned k = 0; k < 4; k++) {
            int digit = k < kept ? digit_of(at[i + k]) : 0;
            if (digit < 0)
                return -1;
            group = group << 6 | (uint32_t)digit;
        }
        for (unsigned k = 0; k + 1 < kept; k++)
            at[out++] = (char)(group >> (16 - 8 * k));
    }
    return (long)out;
}

/* JSON format, section 3.1.1: the data is what the base64 stands for. The text is the caller's
 * receive buffer, which may be written to and is not read again. */
static int take_base64(struct envelope *envelope, const struct json_member *member)
{
    if (envelope->payload.at)
        return envelope_refuse(envelope, 422, "/data_base64", "there is data already");
    if (member->kind != JSON_STRING)
        return envelope_refuse(envelope, 422, "/data_base64", "must be a string");
    char *text = (char *)(uintptr_t)member->raw.at + 1;
    long size = json_unescape(member->raw, text, member->raw.size - 1);
    if (size >= 0)
        size = decode_base64(text, (size_t)size);
    if (size < 0)
        return envelope_refuse(envelope, 422, "/data_base64", "is not base64");
    envelope->payload = slice_of(text, (size_t)size);
    return 0;
}

/* The extension for distributed tracing is no reason to refuse an event. What cannot be decoded is
 * taken as it stands, which is no trace. */
static void hear_trace(struct envelope *envelope, enum trace_field field,
                       const struct json_member *member)
{
    char text[LIMIT_TRACE_STATE_SIZE];
    long size = member->kind == JSON_STRING ? json_unescape(member->raw, text, sizeof text) : -1;
    if (member->kind != JSON_NULL)
        trace_context_hear(&envelope->trace, field,
                           size < 0 ? member->raw : slice_of(text, (size_t)size));
}

/* One member of structured mode. */
static int take_member(struct envelope *envelope, struct attributes *attributes,
                       const struct json_member *member)
{
    const struct {
        const char *name;
        struct slice *value;
        char *text;
        size_t room;
    } known[] = {
        {"specversion", &attributes->specversion, attributes->specversion_text,
         sizeof attributes->specversion_text},
        {"id", &attributes->id, attributes->id_text, sizeof attributes->id_text},
        {"source", &attributes->source, attributes->source_text, sizeof attributes->source_text},
        {"type", &attributes->type, envelope->type_text, sizeof envelope->type_text},
        {"time", &attributes->time, attributes->time_text, sizeof attributes->time_text},
        {"datacontenttype", &attributes->content_type, envelope->content_type_text,
         sizeof envelope->content_type_text},
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!slice_equal(member->key, slice_str(known[i].name)))
            continue;
        if (known[i].value->size > 0)
            return envelope_refuse(envelope, 422, "", "\"%s\" is given twice", known[i].name);
        if (known[i].value != &attributes->type)
            envelope_note(envelope, member);
        return member->kind == JSON_NULL ? 0
                                         : envelope_string(envelope, member, known[i].text,
                                                           known[i].room, known[i].value);
    }
    if (slice_equal(member->key, SLICE("data_base64")))
        return take_base64(envelope, member);
    if (slice_equal(member->key, SLICE("data"))) {
        if (envelope->payload.at)
            return envelope_refuse(envelope, 422, "/data", "is given twice, or beside data_base64");
        envelope->payload = member->raw;
        return 0;
    }
    envelope_note(envelope, member);
    enum trace_field field = trace_field_of(member->key);
    if (field != TRACE_NEITHER)
        hear_trace(envelope, field, member);
    return 0;
}

int envelope_parse_cloudevent(struct envelope *envelope, struct json *json, struct slice text)
{
    struct json_member members[ENVELOPE_MEMBERS_MAX];
    struct attributes attributes = {0};
    char why[JSON_WHY_SIZE];

    envelope_reset(envelope);
    int count = json_scan(json, text, members, ENVELOPE_MEMBERS_MAX, why);
    if (count == -EPROTOTYPE)
        return envelope_refuse(envelope, 422, "", "an event must be a JSON object");
    if (count < 0)
        return envelope_refuse(envelope, 400, "", "%s", why);
    if (count > ENVELOPE_MEMBERS_MAX)
        return envelope_refuse(envelope, 422, "", "has more than %d attributes",
                               ENVELOPE_MEMBERS_MAX);
    for (int i = 0; i < count; i++)
        if (take_member(envelope, &attributes, &members[i]))
            return -EINVAL;
    return accept_attributes(envelope, &attributes, "/");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The byte that `text` begins with as %XX, or -1: then the sign stands for itself. */
static int escaped_byte(struct slice text)
{
    if (text.size < 3 || text.at[0] != '%')
        return -1;
    int high = hex_digit(text.at[1]);
    int low = hex_digit(text.at[2]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

long envelope_decode_field(struct slice value, char *out, size_t room)
{
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        int byte = escaped_byte(slice_skip(value, i));
        if (byte >= 0) {
            c = (char)byte;
            i += 2;
        }
        if (size == room || c == '\0')
            return -1;
        out[size++] = c;
    }
    return (long)size;
}

struct slice envelope_attribute_of(struct slice field)
{
    struct slice prefix = SLICE("ce-");
    size_t size = field.size < prefix.size ? field.size : prefix.size;
    return slice_equal_nocase(slice_of(field.at, size), prefix) ? slice_skip(field, size)
                                                                : SLICE("");
}

static int decode_field(struct envelope *envelope, const struct http_header *header, char *out,
                        size_t room, struct slice *text)
{
    char name[48];
    long size = envelope_decode_field(header->value, out, room - 1);
    snprintf(name, sizeof name, "%.*s", (int)(header->name.size < 40 ? header->name.size : 40),
             header->name.at);
    if (size < 0)
        return envelope_refuse(envelope, 422, "", "field %s is longer than %zu bytes, or has a NUL",
                               name, room - 1);
    *text = slice_of(out, (size_t)size);
    return 0;
}

static void hear_trace_field(struct envelope *envelope, const struct http_header *header)
{
    char text[LIMIT_TRACE_STATE_SIZE];
    enum trace_field field = trace_field_of(envelope_attribute_of(header->name));
    if (field == TRACE_NEITHER)
        return;
    long size = envelope_decode_field(header->value, text, sizeof text);
    trace_context_hear(&envelope->trace, field,
                       size < 0 ? header->value : slice_of(text, (size_t)size));
}

int envelope_from_headers(struct envelope *envelope, const struct http_head *head,
                          struct slice body)
{
    struct attributes attributes = {0};
    const struct {
        const char *name;
        struct slice *value;
        char *text;
        size_t room;
    } known[] = {
        {"ce-specversion", &attributes.specversion, attributes.specversion_text,
         sizeof attributes.specversion_text},
        {"ce-id", &attributes.id, attributes.id_text, sizeof attributes.id_text},
        {"ce-source", &attributes.source, attributes.source_text, sizeof attributes.source_text},
        {"ce-type", &attributes.type, envelope->type_text, sizeof envelope->type_text},
        {"ce-time", &attributes.time, attributes.time_text, sizeof attributes.time_text},
    };

    envelope_reset(envelope);
    envelope->content_type = SLICE("application/octet-stream");
    envelope->head = head;
    for (unsigned i = 0; i < head->header_count; i++) {
        const struct http_header *header = &head->headers[i];
        for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
            if (!slice_equal_nocase(header->name, slice_str(known[k].name)))
                continue;
            if (known[k].value->size > 0)
                return envelope_refuse(envelope, 422, known[k].name, "is given twice");
            if (decode_field(envelope, header, known[k].text, known[k].room, known[k].value))
                return -EINVAL;
        }
        hear_trace_field(envelope, header);
    }
    const struct http_header *content_type = http_find(head, "content-type");
    if (content_type) {
        struct text text;
        text_init(&text, envelope->content_type_text, LIMIT_CONTENT_TYPE_SIZE);
        text_put(&text, content_type->value);
        if (!text_ok(&text))
            return envelope_refuse(envelope, 422, "content-type", "is longer than %d bytes",
                                   LIMIT_CONTENT_TYPE_SIZE);
        attributes.content_type = text_slice(&text);
    }
    envelope->payload = body;
    return accept_attributes(envelope, &attributes, "ce-");
}
