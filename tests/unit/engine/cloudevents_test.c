/* CloudEvents 1.0 in both modes: attributes taken over, the data's bytes untouched, and what is
 * refused. */
#include "envelope.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

static struct json *json;
static struct envelope envelope;
static struct http_head head;
static char padded[8192 + JSON_PADDING];

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
    memset(&envelope, 0xee, sizeof envelope);
    memset(&head, 0, sizeof head);
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(cloudevents, .init = open_json, .fini = close_json);

#define EXPECT_SLICE(actual, expected)                                                      \
    cr_expect(slice_equal(actual, slice_str(expected)), "%.*s, not %s", SLICE_ARGS(actual), \
              expected)

static int parse(const char *text)
{
    size_t size = strlen(text);
    cr_assert(le(sz, size + JSON_PADDING, sizeof padded));
    memset(padded, '}', sizeof padded);
    memcpy(padded, text, size);
    return envelope_parse_cloudevent(&envelope, json, slice_of(padded, size));
}

/* For tables: a constant expression. */
#define SLICE_OF(literal)              \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define NEEDED "\"specversion\":\"1.0\",\"type\":\"a.b\",\"source\":\"/s\",\"id\":\"7\""

static void accept(const char *text)
{
    cr_assert(zero(int, parse(text)), "%s: %s %s", text, envelope.pointer, envelope.why);
}

/* ---- structured mode ---- */

Test(cloudevents, takes_the_required_attributes)
{
    accept("{" NEEDED "}");
    EXPECT_SLICE(envelope.type, "a.b");
    EXPECT_SLICE(envelope.payload, "");
    EXPECT_SLICE(envelope.content_type, "application/json");
    EXPECT_SLICE(envelope.version, "");
    EXPECT_SLICE(envelope.correlation_id, "");
    EXPECT_SLICE(envelope.channels, "");
    cr_assert(zero(u64, envelope.time_ms));
    EXPECT_SLICE(envelope.trace.parent, "");
    EXPECT_SLICE(envelope.trace.state, "");
}

Test(cloudevents, leaves_the_bytes_of_the_data_as_they_came)
{
    accept("{" NEEDED ",\"data\" :  { \"b\":1.0, \"a\" : \"\\u0041\" } }");
    EXPECT_SLICE(envelope.payload, "{ \"b\":1.0, \"a\" : \"\\u0041\" }");
    accept("{\"data\":\"text\"," NEEDED ",\"datacontenttype\":\"text/plain\"}");
    EXPECT_SLICE(envelope.payload, "\"text\"");
    EXPECT_SLICE(envelope.content_type, "text/plain");
}

Test(cloudevents, decodes_data_in_base64)
{
    static const struct {
        const char *base64;
        struct slice bytes;
    } vectors[] = {
        {"", SLICE_OF("")},
        {"Zg==", SLICE_OF("f")},
        {"Zm8=", SLICE_OF("fo")},
        {"Zm9v", SLICE_OF("foo")},
        {"Zm9vYg==", SLICE_OF("foob")},
        {"Zm9vYmE=", SLICE_OF("fooba")},
        {"Zm9vYmFy", SLICE_OF("foobar")},
        {"AP/+", SLICE_OF("\0\xff\xfe")},
        {"AP\\/+", SLICE_OF("\0\xff\xfe")},
        {"\\u0041A==", SLICE_OF("\0")},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char text[256];
        snprintf(text, sizeof text, "{\"data_base64\":\"%s\"," NEEDED "}", vectors[i].base64);
        accept(text);
        cr_expect(slice_equal(envelope.payload, vectors[i].bytes), "%s", vectors[i].base64);
        EXPECT_SLICE(envelope.type, "a.b");
    }
}

Test(cloudevents, passes_over_extensions_and_nulls)
{
    accept("{" NEEDED ",\"traceparents\":\"00-1\",\"mine\":{\"deep\":[1]},\"time\":null,"
           "\"subject\":\"x\",\"dataschema\":\"http://x\"}");
    EXPECT_SLICE(envelope.type, "a.b");
    cr_assert(zero(u64, envelope.time_ms));
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

Test(cloudevents, takes_the_attributes_of_a_trace)
{
    accept("{\"tracestate\":\"a=1,b=\\u0032\",\"traceparent\":\"" PARENT "\"," NEEDED "}");
    EXPECT_SLICE(envelope.trace.parent, PARENT);
    EXPECT_SLICE(envelope.trace.state, "a=1,b=2");
    accept("{" NEEDED "}");
    EXPECT_SLICE(envelope.trace.parent, "");
    EXPECT_SLICE(envelope.trace.state, "");
}

/* Whatever it is, it is no reason to refuse the event. */
Test(cloudevents, passes_over_what_is_no_trace)
{
    static const char *const parents[] = {"\"00-1\"",
                                          "\"\"",
                                          "7",
                                          "null",
                                          "[\"" PARENT "\"]",
                                          "true",
                                          "{\"a\":\"" PARENT "\"}",
                                          "\"" PARENT "\\u0000\"",
                                          "\"" PARENT "\",\"traceparent\":\"" PARENT "\""};
    static const char *const states[] = {"7",         "null",        "\"\"",         "\"a\"",
                                         "[\"a=1\"]", "{\"a=1\":1}", "\"a=\\u0000\""};
    char text[1024];
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        snprintf(text, sizeof text, "{" NEEDED ",\"tracestate\":\"a=1\",\"traceparent\":%s}",
                 parents[i]);
        accept(text);
        EXPECT_SLICE(envelope.trace.parent, "");
        EXPECT_SLICE(envelope.trace.state, "");
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        snprintf(text, sizeof text, "{" NEEDED ",\"traceparent\":\"" PARENT "\",\"tracestate\":%s}",
                 states[i]);
        accept(text);
        EXPECT_SLICE(envelope.trace.parent, PARENT);
        EXPECT_SLICE(envelope.trace.state, "");
    }
}

Test(cloudevents, drops_the_state_of_a_trace_that_is_too_long)
{
    char text[2048], many[1024];
    memset(many, ',', sizeof many);
    for (int size = LIMIT_TRACE_STATE_SIZE - 1; size <= LIMIT_TRACE_STATE_SIZE + 1; size++) {
        snprintf(text, sizeof text,
                 "{" NEEDED ",\"traceparent\":\"" PARENT "\",\"tracestate\":\"a=1%.*s\"}", size - 3,
                 many);
        accept(text);
        EXPECT_SLICE(envelope.trace.parent, PARENT);
        cr_expect(
            eq(sz, envelope.trace.state.size, size <= LIMIT_TRACE_STATE_SIZE ? (size_t)size : 0));
    }
}

Test(cloudevents, reads_the_time)
{
    accept("{" NEEDED ",\"time\":\"2026-01-31T13:00:00+01:00\"}");
    cr_assert(eq(u64, envelope.time_ms, UINT64_C(1769860800000)));
}

Test(cloudevents, has_a_key_of_source_and_id)
{
    accept("{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"ab\",\"id\":\"c\"}");
    cr_assert(slice_equal(envelope.key, SLICE("ab\0c")));
    accept("{\"specversion\":\"1.0\",\"type\":\"t\",\"source\":\"a\",\"id\":\"bc\"}");
    cr_assert(slice_equal(envelope.key, SLICE("a\0bc")));
}

static const struct {
    const char *text;
    int status;
    const char *pointer, *why;
} refusals[] = {
    {"{", 400, "", ""},
    {"[]", 422, "", "must be a JSON object"},
    {"{}", 422, "/specversion", "is required"},
    {"{\"specversion\":\"1.0\"}", 422, "/id", "is required"},
    {"{\"specversion\":\"1.0\",\"id\":\"1\"}", 422, "/source", "is required"},
    {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\"}", 422, "/type", "is required"},
    {"{\"specversion\":\"1.0\",\"id\":null,\"source\":\"s\",\"type\":\"t\"}", 422, "/id",
     "is required"},
    {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", 422, "/specversion",
     "must be 1.0"},
    {"{\"specversion\":1.0,\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", 422, "/specversion",
     "must be a string"},
    {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t t\"}", 422, "/type",
     "must be 1 to 128 of"},
    {"{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", 422, "/id",
     "must not be empty"},
    {"{\"specversion\":\"1.0\",\"id\":\"a\\nb\",\"source\":\"s\",\"type\":\"t\"}", 422, "/id",
     "control characters"},
    {"{" NEEDED ",\"type\":\"again\"}", 422, "", "\"type\" is given twice"},
    {"{" NEEDED ",\"data\":1,\"data\":2}", 422, "/data", "is given twice"},
    {"{" NEEDED ",\"data\":1,\"data_base64\":\"AAAA\"}", 422, "/data_base64", "data already"},
    {"{" NEEDED ",\"data_base64\":\"AAAA\",\"data\":null}", 422, "/data", "beside data_base64"},
    {"{" NEEDED ",\"data_base64\":\"\",\"data_base64\":\"\"}", 422, "/data_base64", "data already"},
    {"{" NEEDED ",\"data_base64\":[]}", 422, "/data_base64", "must be a string"},
    {"{" NEEDED ",\"data_base64\":\"A\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"data_base64\":\"AA==AAAA\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"data_base64\":\"A===\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"data_base64\":\"====\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"data_base64\":\"AA-_\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"data_base64\":\"AAA\\n\"}", 422, "/data_base64", "is not base64"},
    {"{" NEEDED ",\"time\":\"noon\"}", 422, "/time", "RFC 3339"},
    {"{" NEEDED ",\"datacontenttype\":\"text/plain\\r\\nX: y\"}", 422, "/datacontenttype",
     "control characters"},
};

Test(cloudevents, says_where_and_why_it_refuses)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        cr_expect(eq(int, parse(refusals[i].text), -EINVAL), "%s", refusals[i].text);
        cr_expect(eq(int, envelope.status, refusals[i].status), "%s", refusals[i].text);
        cr_expect_str_eq(envelope.pointer, refusals[i].pointer, "%s: %s", refusals[i].text,
                         envelope.pointer);
        cr_expect(strstr(envelope.why, refusals[i].why) != NULL, "%s: %s", refusals[i].text,
                  envelope.why);
    }
}

Test(cloudevents, bounds_the_attributes)
{
    char text[4096] = "{" NEEDED;
    for (int i = 0; i < 60; i++) {
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, ",\"x%d\":1", i);
    }
    size_t size = strlen(text);
    strncat(text, "}", sizeof text - size - 1);
    accept(text);

    strncpy(text + size, ",\"one\":1}", sizeof text - size);
    cr_assert(eq(int, parse(text), -EINVAL));
    cr_assert(strstr(envelope.why, "more than 64") != NULL);
}

/* ---- binary mode ---- */

static void add(const char *name, const char *value)
{
    head.headers[head.header_count++] = (struct http_header){slice_str(name), slice_str(value)};
}

static void add_needed(void)
{
    add("Host", "x");
    add("ce-specversion", "1.0");
    add("CE-Type", "a.b");
    add("ce-source", "/s");
    add("ce-id", "7");
}

static int take(struct slice body)
{
    return envelope_from_headers(&envelope, &head, body);
}

static void expect_refusal(const char *pointer, const char *why)
{
    cr_assert(eq(int, take(SLICE("x")), -EINVAL));
    cr_expect(eq(int, envelope.status, 422));
    cr_expect_str_eq(envelope.pointer, pointer);
    cr_expect(strstr(envelope.why, why) != NULL, "%s", envelope.why);
}

Test(cloudevents, takes_the_body_as_the_data_in_binary_mode)
{
    static const char bytes[] = "\0\1\xff{\"";
    struct slice body = slice_of(bytes, sizeof bytes - 1);
    add_needed();
    add("Content-Type", "image/png; a=\"b\"");
    add("ce-time", "2026-01-31T12:00:00Z");
    add("ce-subject", "not kept");
    cr_assert(zero(int, take(body)), "%s", envelope.why);

    EXPECT_SLICE(envelope.type, "a.b");
    EXPECT_SLICE(envelope.content_type, "image/png; a=\"b\"");
    cr_assert(envelope.payload.at == body.at && envelope.payload.size == body.size);
    cr_assert(slice_equal(envelope.key, SLICE("/s\0"
                                              "7")));
    cr_assert(eq(u64, envelope.time_ms, UINT64_C(1769860800000)));
}

Test(cloudevents, calls_data_without_a_content_type_octets)
{
    add_needed();
    cr_assert(zero(int, take(SLICE(""))));
    EXPECT_SLICE(envelope.content_type, "application/octet-stream");
    EXPECT_SLICE(envelope.payload, "");
}

Test(cloudevents, decodes_percent_signs_in_fields)
{
    add("ce-specversion", "1.0");
    add("ce-type", "a%2Eb");
    add("ce-source", "%E2%82%ac%20");
    add("ce-id", "100%25");
    cr_assert(zero(int, take(SLICE("x"))), "%s %s", envelope.pointer, envelope.why);
    EXPECT_SLICE(envelope.type, "a.b");
    cr_assert(slice_equal(envelope.key, SLICE("\xe2\x82\xac \0"
                                              "100%")));
}

Test(cloudevents, takes_the_fields_of_a_trace)
{
    add_needed();
    add("CE-Traceparent", PARENT);
    add("ce-tracestate", "a=%22x%20%25%22");
    add("ce-traceparents", "00-1");
    add("t", "x");
    add("traceparent", "not the event's own");
    cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
    EXPECT_SLICE(envelope.trace.parent, PARENT);
    EXPECT_SLICE(envelope.trace.state, "a=\"x %\"");
}

Test(cloudevents, passes_over_fields_of_what_is_no_trace)
{
    static const char *const parents[] = {"", "00-1", "%00", PARENT "%00", PARENT "," PARENT};
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++) {
        head.header_count = 0;
        add_needed();
        add("ce-traceparent", parents[i]);
        add("ce-tracestate", "a=1");
        cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
        EXPECT_SLICE(envelope.trace.parent, "");
        EXPECT_SLICE(envelope.trace.state, "");
    }
    char many[1024];
    memset(many, ',', sizeof many);
    memcpy(many, "a=1", 3);
    many[600] = '\0';
    head.header_count = 0;
    add_needed();
    add("ce-traceparent", PARENT);
    add("ce-tracestate", many);
    cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
    EXPECT_SLICE(envelope.trace.parent, PARENT);
    EXPECT_SLICE(envelope.trace.state, "");
    add("ce-traceparent", PARENT);
    cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
    EXPECT_SLICE(envelope.trace.parent, "");
}

Test(cloudevents, leaves_a_percent_sign_that_is_no_escape)
{
    static const char *const odd[] = {"%", "a%", "a%4", "%zz", "%4g", "%+4", "% 4", "%-1", "%0x"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        head.header_count = 0;
        add("ce-specversion", "1.0");
        add("ce-type", "a");
        add("ce-source", "s");
        add("ce-id", odd[i]);
        cr_assert(zero(int, take(SLICE("x"))), "%s: %s", odd[i], envelope.why);
        char key[32];
        int size = snprintf(key, sizeof key, "s%c%s", '\0', odd[i]);
        cr_expect(slice_equal(envelope.key, slice_of(key, (size_t)size)), "%s became %.*s", odd[i],
                  (int)envelope.key.size - 2, envelope.key.at + 2);
    }
}

Test(cloudevents, decodes_an_escape_at_the_very_end)
{
    add("ce-specversion", "1.0");
    add("ce-type", "a%41");
    add("ce-source", "s");
    add("ce-id", "1");
    cr_assert(zero(int, take(SLICE("x"))));
    EXPECT_SLICE(envelope.type, "aA");
}

Test(cloudevents, needs_every_attribute_in_binary_mode)
{
    static const char *const names[] = {"ce-specversion", "ce-id", "ce-source", "ce-type"};
    for (size_t missing = 0; missing < 4; missing++) {
        head.header_count = 0;
        for (size_t i = 0; i < 4; i++)
            if (i != missing)
                add(names[i], i == 0 ? "1.0" : "x");
        expect_refusal(names[missing], "is required");
    }
}

Test(cloudevents, refuses_a_field_that_is_given_twice)
{
    add_needed();
    add("Ce-Id", "8");
    expect_refusal("ce-id", "is given twice");
}

Test(cloudevents, refuses_another_version_a_bad_type_and_a_bad_time)
{
    add_needed();
    head.headers[1].value = SLICE("2.0");
    expect_refusal("ce-specversion", "must be 1.0");
    head.headers[1].value = SLICE("1.0");
    head.headers[2].value = SLICE("a b");
    expect_refusal("ce-type", "must be 1 to 128 of");
    head.headers[2].value = SLICE("a");
    add("ce-time", "noon");
    expect_refusal("ce-time", "RFC 3339");
}

Test(cloudevents, refuses_a_nul_and_what_is_too_long)
{
    char longest[LIMIT_NAME_SIZE + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    add_needed();
    head.headers[4].value = SLICE("a%00b");
    expect_refusal("", "has a NUL");
    head.headers[4].value = slice_str(longest);
    expect_refusal("", "is longer than 256 bytes");
    head.headers[4].value = slice_of(longest, LIMIT_NAME_SIZE);
    cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
    cr_assert(eq(sz, envelope.key.size, 2 + 1 + LIMIT_NAME_SIZE));
}

Test(cloudevents, bounds_the_content_type)
{
    char longest[LIMIT_CONTENT_TYPE_SIZE + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    add_needed();
    add("Content-Type", longest);
    expect_refusal("content-type", "is longer than 256 bytes");
    head.headers[5].value = slice_of(longest, LIMIT_CONTENT_TYPE_SIZE);
    cr_assert(zero(int, take(SLICE("x"))), "%s", envelope.why);
    cr_assert(eq(sz, envelope.content_type.size, LIMIT_CONTENT_TYPE_SIZE));
}
