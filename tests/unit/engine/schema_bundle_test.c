/* Schemas of an OpenAPI document, made to stand alone. */
#include "schema_bundle.h"

#include "schema.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE = 128 * 1024 };

static struct json *json;
static struct openapi_document document;
static struct openapi_part part = {.is_there = true, .pointer = "/s"};
static struct faults faults;
static char printed[TEXT_SIZE];

static void open_parser(void)
{
    cr_assert(zero(int, json_open(&json)));
}

static void close_parser(void)
{
    json_close(json);
}

TestSuite(schema_bundle, .init = open_parser, .fini = close_parser);

/* Prints `schema`, which stands beside the components, in so much room. */
static bool bundle(const char *schema, const char *components, size_t room)
{
    static char padded[TEXT_SIZE + JSON_PADDING];
    char why[JSON_WHY_SIZE];
    struct text text;
    int size = snprintf(padded, TEXT_SIZE, "{\"s\":%s,\"components\":{\"schemas\":{%s}}}", schema,
                        components);
    cr_assert(lt(int, size, (int)TEXT_SIZE));
    cr_assert(zero(int, json_read(json, slice_of(padded, (size_t)size), &document.root, why)));
    cr_assert(json_get(document.root, "s", &part.value));
    document.steps = OPENAPI_STEPS_MAX;
    faults.count = 0;
    text_init(&text, printed, room);
    schema_bundle_print(&document, &part, &text, &faults);
    printed[text.size] = '\0';
    return text_ok(&text);
}

static void expect(const char *schema, const char *components, const char *expected)
{
    cr_assert(bundle(schema, components, TEXT_SIZE - 1));
    cr_assert(zero(u32, faults.count), "%s: %s", faults.list[0].pointer, faults.list[0].detail);
    cr_expect_str_eq(printed, expected);
}

static void expect_fault(const char *schema, const char *components, const char *pointer)
{
    cr_assert(bundle(schema, components, TEXT_SIZE - 1));
    cr_assert(eq(u32, faults.count, 1), "%s: %s", schema, faults.list[0].pointer);
    cr_expect_str_eq(faults.list[0].pointer, pointer);
}

#define TO(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define AT(name) "{\"$ref\":\"#/$defs/" name "\"}"

Test(schema_bundle, what_refers_to_nothing_is_as_it_was)
{
    expect("true", "", "true");
    expect("7", "", "7");
    expect("{}", "\"A\":{}", "{}");
    expect("{\"type\":\"object\",\"enum\":[1,{\"a\":[]}],\"x-y\":{}}", "",
           "{\"type\":\"object\",\"enum\":[1,{\"a\":[]}],\"x-y\":{}}");
}

Test(schema_bundle, what_it_refers_to_comes_along_once)
{
    expect(TO("A"), "\"A\":{\"type\":\"null\"},\"B\":{}",
           "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"type\":\"null\"}}}");
    expect("{\"properties\":{\"x\":" TO("A") ",\"y\":" TO("A") "}}", "\"A\":false",
           "{\"properties\":{\"x\":" AT("A") ",\"y\":" AT("A") "},\"$defs\":{\"A\":false}}");
}

Test(schema_bundle, and_what_that_refers_to_and_itself)
{
    expect(TO("A"), "\"B\":{\"items\":" TO("A") "},\"A\":{\"anyOf\":[" TO("A") "," TO("B") "]}",
           "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"anyOf\":[" AT("A") "," AT(
               "B") "]},"
                    "\"B\":{\"items\":" AT("A") "}}}");
}

Test(schema_bundle, a_reference_is_one_only_where_a_schema_is)
{
    static const char same[] = "{\"const\":" TO("A") ",\"enum\":[" TO("A") "],\"default\":" TO(
        "A") ",\"examples\":[" TO("A") "],\"required\":[\"$ref\"]}";
    expect(same, "\"A\":{}", same);
    expect("{\"properties\":{\"$ref\":{\"type\":\"null\"},\"$defs\":" TO("A") "}}", "\"A\":{}",
           "{\"properties\":{\"$ref\":{\"type\":\"null\"},\"$defs\":" AT("A") "},\"$defs\":{"
                                                                              "\"A\":{}}}");
}

Test(schema_bundle, every_keyword_with_schemas_is_gone_through)
{
    static const char *const ones[] = {
        "items", "contains", "not", "if", "then", "else", "additionalProperties"};
    static const char *const maps[] = {"properties", "patternProperties", "dependentSchemas"};
    static const char *const lists[] = {"allOf", "anyOf", "oneOf", "prefixItems"};
    char schema[256], expected[256];
    for (size_t i = 0; i < 7; i++) {
        snprintf(schema, sizeof schema, "{\"%s\":" TO("A") "}", ones[i]);
        snprintf(expected, sizeof expected, "{\"%s\":" AT("A") ",\"$defs\":{\"A\":{}}}", ones[i]);
        expect(schema, "\"A\":{}", expected);
    }
    for (size_t i = 0; i < 3; i++) {
        snprintf(schema, sizeof schema, "{\"%s\":{\"k\":" TO("A") "}}", maps[i]);
        snprintf(expected, sizeof expected, "{\"%s\":{\"k\":" AT("A") "},\"$defs\":{\"A\":{}}}",
                 maps[i]);
        expect(schema, "\"A\":{}", expected);
    }
    for (size_t i = 0; i < 4; i++) {
        snprintf(schema, sizeof schema, "{\"%s\":[true," TO("A") "]}", lists[i]);
        snprintf(expected, sizeof expected, "{\"%s\":[true," AT("A") "],\"$defs\":{\"A\":{}}}",
                 lists[i]);
        expect(schema, "\"A\":{}", expected);
    }
}

Test(schema_bundle, definitions_of_its_own_are_left_out)
{
    expect("{\"$defs\":{\"A\":{}},\"type\":\"null\",\"definitions\":{}}", "",
           "{\"type\":\"null\"}");
    expect(TO("A"), "\"A\":{\"$defs\":{\"B\":7}}", "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{}}}");
}

Test(schema_bundle, a_reference_to_elsewhere_is_told_where_it_stands)
{
    expect_fault("{\"$ref\":7}", "", "/s/$ref");
    expect_fault("{\"$ref\":\"#\"}", "", "/s/$ref");
    expect_fault("{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{}}}", "", "/s/$ref");
    expect_fault("{\"$ref\":\"http://a/b.json\"}", "", "/s/$ref");
    expect_fault("{\"$ref\":\"other.json#/components/schemas/A\"}", "\"A\":{}", "/s/$ref");
    expect_fault("{\"allOf\":[{},{\"not\":" TO("B") "}]}", "\"A\":{}", "/s/allOf/1/not/$ref");
    expect_fault(TO("A/items"), "\"A\":{\"items\":{}}", "/s/$ref");
    expect_fault(TO("A"), "\"A\":{\"properties\":{\"x/y\":{\"$ref\":\"\"}}}",
                 "/components/schemas/A/properties/x~1y/$ref");
}

Test(schema_bundle, depth_is_bounded)
{
    char schema[4096] = "";
    for (unsigned i = 0; i < SCHEMA_DEPTH_MAX; i++)
        strcat(schema, "{\"not\":");
    strcat(schema, "{}");
    for (unsigned i = 0; i < SCHEMA_DEPTH_MAX; i++)
        strcat(schema, "}");
    cr_assert(bundle(schema, "", TEXT_SIZE - 1));
    cr_expect(eq(u32, faults.count, 1));
}

Test(schema_bundle, so_many_may_come_along)
{
    char *components = calloc(1, TEXT_SIZE);
    size_t size = 0;
    for (unsigned i = 0; i <= SCHEMA_BUNDLE_MAX; i++)
        size += (size_t)snprintf(components + size, TEXT_SIZE - size,
                                 "\"S%u\":{\"not\":{\"$ref\":\"#/components/schemas/S%u\"}},", i,
                                 i + 1);
    snprintf(components + size, TEXT_SIZE - size, "\"S%u\":{}", SCHEMA_BUNDLE_MAX + 1);
    expect_fault(TO("S0"), components, "/components/schemas/S255/not/$ref");
    cr_assert(bundle(TO("S2"), components, TEXT_SIZE - 1));
    cr_expect(zero(u32, faults.count));
    free(components);
}

Test(schema_bundle, what_does_not_fit_is_cut_and_says_so)
{
    static const char components[] = "\"A\":{\"title\":\"0123456789\"}";
    static const char whole[] =
        "{\"$ref\":\"#/$defs/A\",\"$defs\":{\"A\":{\"title\":\"0123456789\"}}}";
    for (size_t room = 1; room < sizeof whole - 1; room++)
        cr_expect(eq(int, bundle(TO("A"), components, room), false), "%zu", room);
    cr_expect(bundle(TO("A"), components, sizeof whole - 1));
}
