/* What filters see as metadata of an event, in each of the forms that it may come in. */
#include "metadata.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE = 8 * 1024, PRINTED_SIZE = 64 * 1024 };

static struct json *json;
static struct envelope envelope;
static struct http_head head;
static char padded[TEXT_SIZE + JSON_PADDING], printed[PRINTED_SIZE];

static void open_json(void)
{
    cr_assert(zero(int, json_open(&json)));
    memset(&envelope, 0xee, sizeof envelope);
}

static void close_json(void)
{
    json_close(json);
}

TestSuite(metadata, .init = open_json, .fini = close_json);

/* In the room that it says it needs, and not a byte more. */
static const char *print(void)
{
    size_t room = metadata_room(&envelope);
    struct text text;
    char *buffer = malloc(room);
    cr_assert(buffer != NULL);
    cr_assert(lt(sz, room, sizeof printed));
    text_init(&text, buffer, room);
    metadata_print(&envelope, &text);
    cr_assert(text_ok(&text));
    snprintf(printed, sizeof printed, "%.*s", SLICE_ARGS(text_slice(&text)));
    free(buffer);
    return printed;
}

static struct slice pad(const char *text)
{
    size_t size = strlen(text);
    cr_assert(lt(sz, size, TEXT_SIZE));
    memcpy(padded, text, size);
    return slice_of(padded, size);
}

static const char *of_own(const char *text)
{
    cr_assert(zero(int, envelope_parse(&envelope, json, pad(text))), "%s", envelope.why);
    return print();
}

static const char *of_cloudevent(const char *text)
{
    cr_assert(zero(int, envelope_parse_cloudevent(&envelope, json, pad(text))), "%s", envelope.why);
    return print();
}

static void add_field(const char *name, struct slice value)
{
    head.headers[head.header_count++] = (struct http_header){slice_str(name), value};
}

static void add_required_fields(void)
{
    head.header_count = 0;
    add_field("Host", SLICE("grapnel"));
    add_field("ce-specversion", SLICE("1.0"));
    add_field("CE-Type", SLICE("a.b"));
    add_field("ce-source", SLICE("/s"));
    add_field("ce-id", SLICE("7"));
}

#define REQUIRED_FIELDS "\"specversion\":\"1.0\",\"source\":\"/s\",\"id\":\"7\""

static const char *of_fields(void)
{
    cr_assert(zero(int, envelope_from_headers(&envelope, &head, SLICE("{}"))), "%s", envelope.why);
    return print();
}

Test(metadata, is_what_our_own_envelope_says_beside_type_channels_and_payload)
{
    cr_expect_str_eq(
        of_own(
            "{\"type\":\"a\", \"id\" : \"\\u0041\",\"payload\":{\"id\":1},\"channels\":[\"c\"],"
            "\"version\":\"2\",\"timestamp\":\"2026-01-31T12:00:00Z\",\"correlation_id\":\"k\"}"),
        "{\"id\" : \"\\u0041\",\"version\":\"2\",\"timestamp\":\"2026-01-31T12:00:00Z\","
        "\"correlation_id\":\"k\"}");
}

Test(metadata, is_an_object_without_members_if_nothing_is_said)
{
    cr_expect_str_eq(of_own("{\"type\":\"a\",\"payload\":1}"), "{}");
    cr_expect_str_eq(of_own("{\"type\":\"a\",\"payload\":1,\"id\":null,\"version\":null}"), "{}");
}

Test(metadata, is_all_of_a_CloudEvent_but_its_type_and_its_data)
{
    cr_expect_str_eq(
        of_cloudevent("{\"specversion\":\"1.0\",\"type\":\"a.b\",\"source\":\"/s\",\"id\":\"7\","
                      "\"time\":\"2026-01-31T12:00:00Z\",\"subject\":\"x\",\"data\":{\"a\":1},"
                      "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:d\"}"),
        "{" REQUIRED_FIELDS ",\"time\":\"2026-01-31T12:00:00Z\",\"subject\":\"x\","
        "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:d\"}");
}

Test(metadata, has_extensions_as_what_they_are_and_none_that_is_null)
{
    cr_expect_str_eq(of_cloudevent("{\"specversion\":\"1.0\",\"type\":\"a.b\",\"source\":\"/s\","
                                   "\"id\":\"7\",\"n\":-5,\"flag\":true,\"none\":null,"
                                   "\"time\":null,\"channels\":\"c\",\"payload\":\"p\"}"),
                     "{" REQUIRED_FIELDS
                     ",\"n\":-5,\"flag\":true,\"channels\":\"c\",\"payload\":\"p\"}");
}

Test(metadata, is_there_though_data_in_base64_was_decoded_in_the_text)
{
    cr_expect_str_eq(of_cloudevent("{\"specversion\":\"1.0\",\"type\":\"a.b\",\"source\":\"/s\","
                                   "\"id\":\"7\",\"data_base64\":\"IiJ9IiJ9\",\"region\":\"eu\"}"),
                     "{" REQUIRED_FIELDS ",\"region\":\"eu\"}");
    cr_expect(slice_equal(envelope.payload, SLICE("\"\"}\"\"}")));
}

Test(metadata, outlives_the_parser_s_next_text)
{
    char why[JSON_WHY_SIZE];
    char other[64 + JSON_PADDING] = "{\"zzzz\":\"yyyyyyyyyyyyyyyyyyyyyyy\"}";
    of_cloudevent("{" REQUIRED_FIELDS ",\"type\":\"a.b\",\"t\\u0061g\":\"\\u0041\"}");
    cr_assert(eq(int, json_scan(json, slice_str(other), NULL, 0, why), 1));
    cr_expect_str_eq(print(), "{" REQUIRED_FIELDS ",\"t\\u0061g\":\"\\u0041\"}");
}

Test(metadata, is_of_the_fields_in_binary_mode_in_lower_case_and_decoded)
{
    add_required_fields();
    add_field("Ce-TenantRegion", SLICE("M%C3%BCnchen \"\\%20"));
    add_field("ce-traceparent", SLICE("00-x"));
    add_field("content-type", SLICE("text/plain"));
    add_field("ce-", SLICE("nameless"));
    add_field("cex", SLICE("other"));
    cr_expect_str_eq(of_fields(), "{\"datacontenttype\":\"text/plain\"," REQUIRED_FIELDS
                                  ",\"tenantregion\":\"M\xc3\xbcnchen \\\"\\\\ \","
                                  "\"traceparent\":\"00-x\"}");
}

Test(metadata, takes_a_field_that_cannot_be_decoded_as_it_stands)
{
    add_required_fields();
    add_field("ce-a", SLICE("x%00y"));
    add_field("ce-b", SLICE("50%"));
    add_field("ce-c", SLICE("\xff"));
    cr_expect_str_eq(of_fields(),
                     "{" REQUIRED_FIELDS ",\"a\":\"x%00y\",\"b\":\"50%\",\"c\":\"\xef\xbf\xbd\"}");
}

Test(metadata, of_fields_has_room_for_the_worst_that_a_head_can_hold)
{
    static char value[HTTP_HEAD_MAX];
    memset(value, 0xff, sizeof value);
    add_required_fields();
    size_t rest = sizeof value - 2 * sizeof "ce-specversion: 1.0\r\n" * head.header_count;
    add_field("ce-x", slice_of(value, rest));
    cr_expect(lt(sz, 3 * rest, strlen(of_fields())));
    for (size_t i = 0; i + 3 <= rest; i += 3)
        memcpy(value + i, "%01", 3);
    cr_expect(lt(sz, 2 * rest - 9, strlen(of_fields())));
}

Test(metadata, of_one_event_is_not_that_of_the_one_before)
{
    add_required_fields();
    of_fields();
    cr_expect_str_eq(of_own("{\"type\":\"a\",\"payload\":1,\"id\":\"x\"}"), "{\"id\":\"x\"}");
    cr_expect_str_eq(of_own("{\"type\":\"a\",\"payload\":1}"), "{}");
}
