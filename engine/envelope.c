/* envelope.c - our own envelope: {"type", "payload", "id"?, "correlation_id"?, "version"?,
 * "timestamp"?, "channels"?}.
 */
#include "envelope.h"

#include "base/text.h"
#include "base/units.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum { MEMBERS_MAX = 16 };

int envelope_refuse(struct envelope *envelope, int status, const char *pointer, const char *format,
                    ...)
{
    va_list arguments;
    envelope->status = status;
    snprintf(envelope->pointer, sizeof envelope->pointer, "%s", pointer);
    va_start(arguments, format);
    vsnprintf(envelope->why, sizeof envelope->why, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

void envelope_reset(struct envelope *envelope)
{
    envelope->version = envelope->correlation_id = envelope->channels = envelope->key = SLICE("");
    envelope->type = SLICE("");
    envelope->payload = (struct slice){NULL, 0};
    envelope->content_type = SLICE("application/json");
    envelope->time_ms = 0;
    envelope->attribute_count = 0;
    envelope->head = NULL;
    trace_context_reset(&envelope->trace);
}

void envelope_note(struct envelope *envelope, const struct json_member *member)
{
    must(envelope->attribute_count < ENVELOPE_MEMBERS_MAX);
    if (member->kind != JSON_NULL)
        envelope->attributes[envelope->attribute_count++] = member->whole;
}

bool envelope_type_is_valid(struct slice type)
{
    if (type.size == 0 || type.size > LIMIT_TYPE_SIZE)
        return false;
    unsigned segments = 1;
    for (size_t i = 0; i < type.size; i++) {
        char c = type.at[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool is_digit = c >= '0' && c <= '9';
        if (!is_letter && !is_digit && slice_find(SLICE("_-./:"), c) == 5)
            return false;
        segments += c == '.';
    }
    return segments <= LIMIT_TYPE_SEGMENTS;
}

/* Will go into a header field: no controls, and no white space at its ends. */
static bool is_plain(struct slice text)
{
    return http_is_field_value(text);
}

int envelope_string(struct envelope *envelope, const struct json_member *member, char *out,
                    size_t room, struct slice *text)
{
    char pointer[48];
    snprintf(pointer, sizeof pointer, "/%.*s", (int)(member->key.size < 40 ? member->key.size : 40),
             member->key.at);
    if (member->kind != JSON_STRING)
        return envelope_refuse(envelope, 422, pointer, "must be a string");
    long size = json_unescape(member->raw, out, room - 1);
    if (size == -ENOBUFS)
        return envelope_refuse(envelope, 422, pointer, "is longer than %zu bytes", room - 1);
    if (size <= 0)
        return envelope_refuse(envelope, 422, pointer, "must not be empty");
    *text = slice_of(out, (size_t)size);
    if (!is_plain(*text))
        return envelope_refuse(envelope, 422, pointer,
                               "has control characters, or white space at its ends");
    return 0;
}

static int take_type(struct envelope *envelope, const struct json_member *member)
{
    int rc = envelope_string(envelope, member, envelope->type_text, sizeof envelope->type_text,
                             &envelope->type);
    if (rc == 0 && !envelope_type_is_valid(envelope->type))
        rc = envelope_refuse(envelope, 422, "/type", "must be 1 to 128 of A-Z a-z 0-9 _ - . / :");
    return rc;
}

static int take_payload(struct envelope *envelope, const struct json_member *member)
{
    envelope->payload = member->raw;
    return 0;
}

static int take_id(struct envelope *envelope, const struct json_member *member)
{
    return envelope_string(envelope, member, envelope->key_text, LIMIT_NAME_SIZE + 1,
                           &envelope->key);
}

static int take_correlation(struct envelope *envelope, const struct json_member *member)
{
    return envelope_string(envelope, member, envelope->correlation_text,
                           sizeof envelope->correlation_text, &envelope->correlation_id);
}

static int take_version(struct envelope *envelope, const struct json_member *member)
{
    return envelope_string(envelope, member, envelope->version_text, sizeof envelope->version_text,
                           &envelope->version);
}

static int take_timestamp(struct envelope *envelope, const struct json_member *member)
{
    char text[64];
    struct slice time = SLICE("");
    int rc = envelope_string(envelope, member, text, sizeof text, &time);
    if (rc == 0 && units_parse_time(time, &envelope->time_ms))
        rc = envelope_refuse(envelope, 422, "/timestamp", "is not an RFC 3339 time");
    return rc;
}

struct channels {
    struct text text;
    unsigned count;
    bool is_wrong;
};

static int take_channel(void *context, struct slice raw)
{
    struct channels *channels = context;
    char name[LIMIT_NAME_SIZE + 1];
    long size = json_unescape(raw, name, sizeof name - 1);
    if (size <= 0 || ++channels->count > LIMIT_CHANNELS) {
        channels->is_wrong = true;
        return -ERANGE;
    }
    text_char(&channels->text, channels->count == 1 ? '[' : ',');
    text_json(&channels->text, slice_of(name, (size_t)size));
    return 0;
}

static int take_channels(struct envelope *envelope, const struct json_member *member,
                         struct json *json)
{
    struct channels channels = {0};
    char why[JSON_WHY_SIZE];

    text_init(&channels.text, envelope->channels_text, sizeof envelope->channels_text);
    if (member->kind != JSON_ARRAY)
        return envelope_refuse(envelope, 422, "/channels", "must be an array of strings");
    int rc = json_each(json, member->raw, take_channel, &channels, why);
    if (channels.count > 0)
        text_char(&channels.text, ']');
    if (rc < 0 || channels.is_wrong || !text_ok(&channels.text))
        return envelope_refuse(envelope, 422, "/channels",
                               "must be at most %d strings of 1 to %d bytes, %d in all",
                               LIMIT_CHANNELS, LIMIT_NAME_SIZE, ENVELOPE_CHANNELS_SIZE);
    envelope->channels = text_slice(&channels.text);
    return 0;
}

static const struct {
    const char *name;
    int (*take)(struct envelope *envelope, const struct json_member *member);
} fields[] = {
    {"type", take_type},       {"payload", take_payload},
    {"id", take_id},           {"correlation_id", take_correlation},
    {"version", take_version}, {"timestamp", take_timestamp},
    {"channels", NULL}, /* take_channels(): needs the parser again, so it comes last */
};

/* What is between them are its attributes. */
enum { FIELD_PAYLOAD = 1, FIELD_CHANNELS = sizeof fields / sizeof *fields - 1 };

static int field_of(struct slice key)
{
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (slice_equal(key, slice_str(fields[i].name)))
            return (int)i;
    return -1;
}

int envelope_parse(struct envelope *envelope, struct json *json, struct slice text)
{
    struct json_member members[MEMBERS_MAX];
    const struct json_member *channels = NULL;
    char why[JSON_WHY_SIZE];
    unsigned seen = 0;

    envelope_reset(envelope);

    int count = json_scan(json, text, members, MEMBERS_MAX, why);
    if (count == -EPROTOTYPE)
        return envelope_refuse(envelope, 422, "", "an event must be a JSON object");
    if (count < 0)
        return envelope_refuse(envelope, 400, "", "%s", why);

    for (int i = 0; i < count && i < MEMBERS_MAX; i++) {
        char pointer[48];
        snprintf(pointer, sizeof pointer, "/%.*s",
                 (int)(members[i].key.size < 40 ? members[i].key.size : 40), members[i].key.at);
        int field = field_of(members[i].key);
        if (field < 0)
            return envelope_refuse(envelope, 422, pointer, "is not a field of an event");
        if (seen & 1u << field)
            return envelope_refuse(envelope, 422, pointer, "is given twice");
        seen |= 1u << field;
        if (members[i].kind == JSON_NULL && field > FIELD_PAYLOAD)
            continue; /* null is as good as absent, but for the payload */
        if (field == FIELD_CHANNELS)
            channels = &members[i];
        else if (fields[field].take(envelope, &members[i]))
            return -EINVAL;
        else if (field > FIELD_PAYLOAD)
            envelope_note(envelope, &members[i]);
    }
    if (!(seen & 1u))
        return envelope_refuse(envelope, 422, "/type", "is required");
    if (!(seen & 2u))
        return envelope_refuse(envelope, 422, "/payload", "is required");
    return channels ? take_channels(envelope, channels, json) : 0;
}

int envelope_key_from_field(struct slice value, char *out, size_t room, size_t *size)
{
    bool is_quoted = value.size >= 2 && value.at[0] == '"';
    size_t used = 0;

    if (is_quoted) {
        if (value.at[value.size - 1] != '"')
            return -EINVAL;
        value = slice_of(value.at + 1, value.size - 2);
    }
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        if (is_quoted && c == '\\') {
            if (++i == value.size || (value.at[i] != '"' && value.at[i] != '\\'))
                return -EINVAL;
            c = value.at[i];
        } else if (is_quoted && c == '"') {
            return -EINVAL;
        }
        if (used == room || (unsigned char)c < 0x20 || c == 0x7f)
            return -EINVAL;
        out[used++] = c;
    }
    *size = used;
    return used > 0 ? 0 : -EINVAL;
}

void envelope_print_refusal(const struct envelope *envelope, const uint32_t *index,
                            struct text *text)
{
    const char *place = envelope->pointer, *space = place[0] ? " " : "";
    char pointer[96], detail[320];
    if (index) {
        snprintf(pointer, sizeof pointer, "/%u%s%s", *index,
                 place[0] == '/' || !place[0] ? "" : "/", place);
        snprintf(detail, sizeof detail, "event %u of the batch: %s%s%s", *index, place, space,
                 envelope->why);
    } else {
        snprintf(pointer, sizeof pointer, "%s", place);
        snprintf(detail, sizeof detail, "%s%s%s", place, space, envelope->why);
    }
    text_printf(text, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":",
                http_reason(envelope->status), envelope->status);
    text_json(text, slice_str(detail));
    text_put(text, SLICE(",\"errors\":[{\"pointer\":"));
    text_json(text, slice_str(pointer));
    text_put(text, SLICE(",\"detail\":"));
    text_json(text, slice_str(envelope->why));
    text_put(text, SLICE("}]}"));
}
