/* Our own envelope: what is taken over and how, everything that is refused and where, and that the
 * payload's bytes are those that came. cloudevents_test.c has the other forms. */
#include "envelope.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct json *json;
static struct envelope envelope;
static char padded[8192 + JSON_PADDING];

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
    memset(&envelope, 0xee, sizeof envelope); /* nothing may be left over from before */
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(envelope, .init = open_json, .fini = close_json);

static int parse(const char *text)
{
    size_t size = strlen(text);
    cr_assert(le(sz, size + JSON_PADDING, sizeof padded));
    memset(padded, '}', sizeof padded); /* what stands behind is nobody's business */
    memcpy(padded, text, size);
    return envelope_parse(&envelope, json, slice_of(padded, size));
}

static void accept(const char *text)
{
    cr_assert(zero(int, parse(text)), "%s: %s %s", text, envelope.pointer, envelope.why);
}

#define EXPECT_SLICE(actual, expected)                                                      \
    cr_expect(slice_equal(actual, slice_str(expected)), "%.*s, not %s", SLICE_ARGS(actual), \
              expected)

Test(envelope, needs_a_type_and_a_payload_only)
{
    accept("{\"type\":\"a.b\",\"payload\":1}");
    EXPECT_SLICE(envelope.type, "a.b");
    EXPECT_SLICE(envelope.payload, "1");
    EXPECT_SLICE(envelope.content_type, "application/json");
    EXPECT_SLICE(envelope.version, "");
    EXPECT_SLICE(envelope.correlation_id, "");
    EXPECT_SLICE(envelope.channels, "");
    EXPECT_SLICE(envelope.key, "");
    cr_assert(zero(u64, envelope.time_ms));
}

Test(envelope, takes_over_every_field)
{
    accept(" {\"channels\" : [\"a\", \"b\\u0021\"], \"timestamp\":\"2026-01-31T12:00:00.25Z\","
           "\"id\":\"k-1\",\"version\":\"v2\",\"correlation_id\":\"c\\u002f1\",\"payload\":null,"
           "\"type\":\"a/b:c\"} ");
    EXPECT_SLICE(envelope.type, "a/b:c");
    EXPECT_SLICE(envelope.payload, "null");
    EXPECT_SLICE(envelope.version, "v2");
    EXPECT_SLICE(envelope.correlation_id, "c/1");
    EXPECT_SLICE(envelope.channels, "[\"a\",\"b!\"]");
    EXPECT_SLICE(envelope.key, "k-1");
    cr_assert(eq(u64, envelope.time_ms, UINT64_C(1769860800250)));
}

Test(envelope, takes_null_for_absent)
{
    accept("{\"type\":\"a\",\"payload\":1,\"id\":null,\"correlation_id\":null,\"version\":null,"
           "\"timestamp\":null,\"channels\":null}");
    EXPECT_SLICE(envelope.key, "");
    EXPECT_SLICE(envelope.channels, "");
    cr_assert(zero(u64, envelope.time_ms));
}

Test(envelope, gives_no_channels_for_an_empty_array)
{
    accept("{\"type\":\"a\",\"payload\":1,\"channels\":[]}");
    EXPECT_SLICE(envelope.channels, "");
}

Test(envelope, leaves_the_bytes_of_the_payload_as_they_came)
{
    static const char *const payloads[] = {
        "{ \"b\" : 1,\t\"a\":1.50e+02 ,\n\"a\":\"\\u0041\\/\" }",
        "[1,2 , 3]",
        "\"\\ud83d\\ude00 \xf0\x9f\x98\x80\"",
        "123456789012345678901234567890.1234567890",
        "-0.0",
        "true",
        "null",
        "{}",
        "[]",
        "\"\"",
    };
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        char text[512];
        snprintf(text, sizeof text, "{\"payload\": \r\n%s \t,\"type\":\"a\"}", payloads[i]);
        accept(text);
        EXPECT_SLICE(envelope.payload, payloads[i]);
        cr_expect(envelope.payload.at > padded && envelope.payload.at < padded + sizeof padded,
                  "it is a part of the body, not a copy");
    }
}

/* Random JSON around random JSON: the payload comes out as it went in. */
static size_t print_random(char *out, size_t room, int depth)
{
    static const char *const atoms[] = {"0",    "-1.5E-3", "\"a\\\"]}{[\"", "true",
                                        "null", "\"\"",    "\"\\\\\"",      "{}",
                                        "[ ]",  "1e400",   "\"\\u0000\"",   "18446744073709551616"};
    static const char *const spaces[] = {"", " ", "\n", "\t \r"};
    long kind = depth < 3 ? random() % 3 : 0;
    if (kind == 0)
        return (size_t)snprintf(out, room, "%s", atoms[random() % 12]);

    size_t used = (size_t)snprintf(out, room, "%c", kind == 1 ? '[' : '{');
    long count = random() % 4;
    for (long i = 0; i < count; i++) {
        used +=
            (size_t)snprintf(out + used, room - used, "%s%s", i ? "," : "", spaces[random() % 4]);
        if (kind == 2)
            used += (size_t)snprintf(out + used, room - used, "\"k%ld\"%s:", random() % 3,
                                     spaces[random() % 4]);
        used += print_random(out + used, room - used, depth + 1);
        used += (size_t)snprintf(out + used, room - used, "%s", spaces[random() % 4]);
    }
    return used + (size_t)snprintf(out + used, room - used, "%c", kind == 1 ? ']' : '}');
}

Test(envelope, leaves_random_payloads_as_they_came)
{
    srandom(23);
    for (int i = 0; i < 3000; i++) {
        char payload[4096], text[6000];
        print_random(payload, sizeof payload, 0);
        snprintf(text, sizeof text, "{\"type\":\"a\",\"payload\":%s,\"id\":\"%d\"}", payload, i);
        accept(text);
        EXPECT_SLICE(envelope.payload, payload);
    }
}

/* ---- what is refused ---- */

static const struct refusal {
    const char *text;
    int status;
    const char *pointer, *why; /* `why`: a part of it */
} refusals[] = {
    {"", 400, "", ""},
    {"{", 400, "", ""},
    {"nonsense", 400, "", ""},
    {"{\"type\":\"a\",\"payload\":1}x", 400, "", ""},
    {"{\"type\":\"a\",\"payload\":1,}", 400, "", ""},
    {"{\"type\":\"a\",\"payload\":01}", 400, "", ""},
    {"{\"type\":\"a\",\"payload\":\"\xff\"}", 400, "", ""},
    {"[]", 422, "", "must be a JSON object"},
    {"\"a\"", 422, "", "must be a JSON object"},
    {"{}", 422, "/type", "is required"},
    {"{\"payload\":1}", 422, "/type", "is required"},
    {"{\"type\":\"a\"}", 422, "/payload", "is required"},
    {"{\"type\":\"a\",\"payload\":1,\"data\":2}", 422, "/data", "is not a field of an event"},
    {"{\"Type\":\"a\",\"payload\":1}", 422, "/Type", "is not a field of an event"},
    {"{\"type\":\"a\",\"payload\":1,\"payload\":2}", 422, "/payload", "is given twice"},
    {"{\"type\":\"a\",\"id\":null,\"id\":\"x\",\"payload\":1}", 422, "/id", "is given twice"},
    {"{\"type\":null,\"payload\":1}", 422, "/type", "must be a string"},
    {"{\"type\":1,\"payload\":1}", 422, "/type", "must be a string"},
    {"{\"type\":\"\",\"payload\":1}", 422, "/type", "must not be empty"},
    {"{\"type\":\"a b\",\"payload\":1}", 422, "/type", "must be 1 to 128 of"},
    {"{\"type\":\"a*\",\"payload\":1}", 422, "/type", "must be 1 to 128 of"},
    {"{\"type\":\"\\u00e9\",\"payload\":1}", 422, "/type", "must be 1 to 128 of"},
    {"{\"type\":\"a\",\"payload\":1,\"id\":7}", 422, "/id", "must be a string"},
    {"{\"type\":\"a\",\"payload\":1,\"id\":\"\"}", 422, "/id", "must not be empty"},
    {"{\"type\":\"a\",\"payload\":1,\"id\":\"a\\u0000b\"}", 422, "/id", "control characters"},
    {"{\"type\":\"a\",\"payload\":1,\"version\":[]}", 422, "/version", "must be a string"},
    {"{\"type\":\"a\",\"payload\":1,\"version\":\" 1\"}", 422, "/version", "white space"},
    {"{\"type\":\"a\",\"payload\":1,\"correlation_id\":\"a\\r\\nX: y\"}", 422, "/correlation_id",
     "control characters"},
    {"{\"type\":\"a\",\"payload\":1,\"correlation_id\":\"a\\u007f\"}", 422, "/correlation_id",
     "control characters"},
    {"{\"type\":\"a\",\"payload\":1,\"timestamp\":\"yesterday\"}", 422, "/timestamp", "RFC 3339"},
    {"{\"type\":\"a\",\"payload\":1,\"timestamp\":1769860800}", 422, "/timestamp",
     "must be a string"},
    {"{\"type\":\"a\",\"payload\":1,\"channels\":\"a\"}", 422, "/channels", "must be an array"},
    {"{\"type\":\"a\",\"payload\":1,\"channels\":{}}", 422, "/channels", "must be an array"},
    {"{\"type\":\"a\",\"payload\":1,\"channels\":[1]}", 422, "/channels", "at most 16 strings"},
    {"{\"type\":\"a\",\"payload\":1,\"channels\":[\"a\",\"\"]}", 422, "/channels",
     "at most 16 strings"},
    {"{\"type\":\"a\",\"payload\":1,\"channels\":[\"a\",null]}", 422, "/channels",
     "at most 16 strings"},
};

static void expect_refusal(const struct refusal *refusal)
{
    cr_expect(eq(int, parse(refusal->text), -EINVAL), "%s", refusal->text);
    cr_expect(eq(int, envelope.status, refusal->status), "%s", refusal->text);
    cr_expect_str_eq(envelope.pointer, refusal->pointer, "%s: %s", refusal->text, envelope.pointer);
    cr_expect(strstr(envelope.why, refusal->why) != NULL, "%s: %s", refusal->text, envelope.why);
    cr_expect(envelope.why[0] != '\0', "%s", refusal->text);
}

Test(envelope, says_where_and_why_it_refuses)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        expect_refusal(&refusals[i]);
}

static const char *with(const char *field, char byte, size_t size)
{
    static char text[2048];
    char value[1024];
    memset(value, byte, size);
    value[size] = '\0';
    snprintf(text, sizeof text, "{%s\"payload\":1,\"%s\":\"%s\"}",
             strcmp(field, "type") == 0 ? "" : "\"type\":\"a\",", field, value);
    return text;
}

Test(envelope, bounds_every_text)
{
    static const struct {
        const char *field, *pointer;
        size_t max;
    } bounds[] = {{"type", "/type", LIMIT_TYPE_SIZE},
                  {"id", "/id", LIMIT_NAME_SIZE},
                  {"version", "/version", LIMIT_NAME_SIZE},
                  {"correlation_id", "/correlation_id", LIMIT_NAME_SIZE}};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        accept(with(bounds[i].field, 'x', bounds[i].max));
        struct refusal refusal = {with(bounds[i].field, 'x', bounds[i].max + 1), 422,
                                  bounds[i].pointer, "is longer than"};
        expect_refusal(&refusal);
    }
}

Test(envelope, bounds_the_channels)
{
    char text[2048] = "{\"type\":\"a\",\"payload\":1,\"channels\":[\"x\"";
    for (int i = 1; i < LIMIT_CHANNELS; i++)
        strncat(text, ",\"x\"", sizeof text - strlen(text) - 1);
    size_t size = strlen(text);
    strncat(text, "]}", sizeof text - size - 1);
    accept(text);
    cr_assert(eq(sz, envelope.channels.size, 4 * LIMIT_CHANNELS + 1));

    strncpy(text + size, ",\"x\"]}", sizeof text - size);
    expect_refusal(&(struct refusal){text, 422, "/channels", "at most 16 strings"});
}

/* Five of the longest are more than there is room for. */
Test(envelope, bounds_the_channels_together)
{
    char text[2048] = "{\"type\":\"a\",\"payload\":1,\"channels\":[";
    char name[LIMIT_NAME_SIZE + 1];
    memset(name, 'x', LIMIT_NAME_SIZE);
    name[LIMIT_NAME_SIZE] = '\0';
    for (int i = 0; i < 4; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%s\"%s\"", i ? "," : "", name);
    }
    strncat(text, "]}", sizeof text - strlen(text) - 1);
    expect_refusal(&(struct refusal){text, 422, "/channels", "1024 in all"});
}

Test(envelope, bounds_the_members)
{
    char text[2048] = "{\"type\":\"a\",\"payload\":1";
    for (int i = 0; i < 60; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, ",\"x%d\":1", i);
    }
    strncat(text, "}", sizeof text - strlen(text) - 1);
    expect_refusal(&(struct refusal){text, 422, "/x0", "is not a field"});
}

/* ---- types ---- */

Test(envelope, knows_a_valid_type)
{
    char longest[LIMIT_TYPE_SIZE + 2];
    memset(longest, 'a', sizeof longest);
    cr_assert(envelope_type_is_valid(SLICE("Az09_-./:")));
    cr_assert(envelope_type_is_valid(SLICE("a")));
    cr_assert(envelope_type_is_valid(slice_of(longest, LIMIT_TYPE_SIZE)));
    cr_assert(not(envelope_type_is_valid(slice_of(longest, LIMIT_TYPE_SIZE + 1))));
    cr_assert(not(envelope_type_is_valid(SLICE(""))));
    for (int c = 0; c < 256; c++) {
        char type[] = {'a', (char)c};
        bool is_fine = c != 0 && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                        "0123456789_-./:",
                                        c);
        cr_assert(eq(int, envelope_type_is_valid(slice_of(type, 2)), is_fine), "byte %d", c);
    }
}

Test(envelope, bounds_the_segments_of_a_type)
{
    char dots[LIMIT_TYPE_SEGMENTS];
    memset(dots, '.', sizeof dots);
    cr_assert(envelope_type_is_valid(slice_of(dots, LIMIT_TYPE_SEGMENTS - 1)));
    cr_assert(not(envelope_type_is_valid(slice_of(dots, LIMIT_TYPE_SEGMENTS))));
}

/* ---- Idempotency-Key ---- */

static void expect_key(const char *field, const char *key)
{
    char out[16];
    size_t size = 0;
    int rc = envelope_key_from_field(slice_str(field), out, sizeof out, &size);
    cr_expect(eq(int, rc, key ? 0 : -EINVAL), "%s", field);
    if (rc == 0 && key)
        cr_expect(slice_equal(slice_of(out, size), slice_str(key)), "%s: %.*s", field, (int)size,
                  out);
}

Test(envelope, reads_a_key_quoted_or_bare)
{
    expect_key("abc", "abc");
    expect_key("\"abc\"", "abc");
    expect_key("\"a\\\"b\\\\c\"", "a\"b\\c");
    expect_key("a b", "a b");
    expect_key("a\\b", "a\\b");
    expect_key("1234567890123456", "1234567890123456");
    expect_key("\"1234567890123456\"", "1234567890123456");
}

Test(envelope, refuses_what_is_no_key)
{
    expect_key("", NULL);
    expect_key("\"\"", NULL);
    expect_key("\"a", NULL);
    expect_key("\"a\"b\"", NULL);
    expect_key("\"a\\x\"", NULL);
    expect_key("\"a\\\"", NULL);
    expect_key("\"a\" ; q=1", NULL);
    expect_key("a\tb", NULL);
    expect_key("a\x7f", NULL);
    expect_key("12345678901234567", NULL);
}
