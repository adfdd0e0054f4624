/* envelope.h - what a producer says about one event, in any of the accepted forms: checked, its
 * payload untouched.
 *
 * Forms: our own JSON envelope, and CloudEvents 1.0 in structured mode (JSON) and in binary mode
 * (headers).
 */
#ifndef ENGINE_ENVELOPE_H
#define ENGINE_ENVELOPE_H

#include "base/json.h"
#include "limits.h"
#include "net/http_parse.h"
#include "trace_context.h"

enum {
    ENVELOPE_CHANNELS_SIZE = 1024,
    ENVELOPE_KEY_SIZE = 2 * LIMIT_NAME_SIZE + 2,
    ENVELOPE_MEMBERS_MAX = 64,
};

/* Slices borrow from the body, or from the buffers below. */
struct envelope {
    struct slice type, version, correlation_id, content_type, payload;
    struct slice channels;      /* a JSON array, or empty */
    struct slice key;           /* what makes it idempotent, or empty */
    uint64_t time_ms;           /* when it happened, as the producer says; 0: not said */
    struct trace_context trace; /* its own: of a CloudEvent's attributes */

    /* Its attributes (metadata.h): members of its JSON, name and value as they came; and in binary
     * mode, else NULL, the fields that they are among. */
    struct slice attributes[ENVELOPE_MEMBERS_MAX];
    unsigned attribute_count;
    const struct http_head *head;

    /* why it was refused */
    int status;       /* 400 malformed, 422 not acceptable */
    char pointer[64]; /* JSON pointer within the event, "" for the whole */
    char why[160];

    char type_text[LIMIT_TYPE_SIZE + 1], version_text[LIMIT_NAME_SIZE + 1];
    char correlation_text[LIMIT_NAME_SIZE + 1], content_type_text[LIMIT_CONTENT_TYPE_SIZE + 1];
    char channels_text[ENVELOPE_CHANNELS_SIZE];
    char key_text[ENVELOPE_KEY_SIZE];
};

/* `text` is one JSON object, with JSON_PADDING readable bytes behind it. 0, or -EINVAL with status,
 * pointer and why. */
MUST_CHECK int envelope_parse(struct envelope *envelope, struct json *json, struct slice text);
MUST_CHECK int envelope_parse_cloudevent(struct envelope *envelope, struct json *json,
                                         struct slice text);

/* Binary mode: attributes in ce-* fields, `body` is the data. */
MUST_CHECK int envelope_from_headers(struct envelope *envelope, const struct http_head *head,
                                     struct slice body);

/* A ce-* field's value, which is percent-encoded UTF-8 (HTTP protocol binding, section 3.1.3.2),
 * into `out`. Its size, or -1: it has a NUL or is longer than `room`. */
MUST_CHECK long envelope_decode_field(struct slice value, char *out, size_t room);

/* The attribute that a field of the request is by its name, in its letters; empty: it is none. */
struct slice envelope_attribute_of(struct slice field);

/* The value of an Idempotency-Key field: a quoted string (RFC 8941) or bare. 0, or -EINVAL. */
MUST_CHECK int envelope_key_from_field(struct slice value, char *out, size_t room, size_t *size);

bool envelope_type_is_valid(struct slice type);

/* As it is before anything is known: no data, JSON. */
void envelope_reset(struct envelope *envelope);

/* For the two that fill an envelope in: one more attribute, unless it is null, which is none. */
void envelope_note(struct envelope *envelope, const struct json_member *member);

/* Likewise: says what is wrong. Always returns -EINVAL. */
MUST_CHECK int envelope_refuse(struct envelope *envelope, int status, const char *pointer,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The answer to a request with an event that was refused (RFC 9457), with "errors" that says where.
 * `index`: of the event in its batch; NULL: it is alone. */
struct text;
void envelope_print_refusal(const struct envelope *envelope, const uint32_t *index,
                            struct text *text);

/* Unescapes a JSON string of 1 to `room` - 1 bytes without controls into `out`. 0, or refused. */
MUST_CHECK int envelope_string(struct envelope *envelope, const struct json_member *member,
                               char *out, size_t room, struct slice *text);

#endif
