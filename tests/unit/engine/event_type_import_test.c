/* Event types made of the webhooks in an OpenAPI document: what becomes of what was there, and
 * where in the document faults are. */
#include "event_type_import.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT_SIZE = 256 * 1024 };

static struct json *source, *other;
static struct event_type_import import;
static struct faults faults;

static void open_parsers(void)
{
    cr_assert(zero(int, json_open(&source)));
    cr_assert(zero(int, json_open(&other)));
}

static void close_parsers(void)
{
    event_type_import_close(&import);
    json_close(source);
    json_close(other);
}

TestSuite(event_type_import, .init = open_parsers, .fini = close_parsers);

static void open_document(const char *text, const char *version)
{
    static char padded[TEXT_SIZE + JSON_PADDING];
    char why[JSON_WHY_SIZE];
    struct json_value root;
    event_type_import_close(&import);
    import = (struct event_type_import){
        .json = other, .version = slice_str(version), .now_ms = import.now_ms + 10};
    cr_assert(lt(sz, strlen(text), (size_t)TEXT_SIZE));
    memcpy(padded, text, strlen(text));
    cr_assert(zero(int, json_read(source, slice_of(padded, strlen(text)), &root, why)), "%s", why);
    cr_assert(zero(int, event_type_import_open(&import, root, &faults)));
}

/* By the document's first webhook. */
static int make(const struct event_type *before, struct event_type **made)
{
    struct openapi_webhook webhook;
    uint64_t cursor = 0;
    faults.count = 0;
    cr_assert(openapi_document_next(&import.document, &cursor, &webhook, &faults));
    cr_assert(zero(u32, faults.count));
    return event_type_import_make(&import, &webhook, before, made, &faults);
}

static struct event_type *made_of(const char *document, const char *version,
                                  const struct event_type *before)
{
    struct event_type *made = NULL;
    open_document(document, version);
    int error = make(before, &made);
    cr_assert(zero(int, error), "%s %s", faults.list[0].pointer, faults.list[0].detail);
    return made;
}

static void expect_fault(const char *document, const struct event_type *before, const char *pointer)
{
    struct event_type *made = NULL;
    open_document(document, "");
    cr_assert(eq(int, make(before, &made), -EINVAL), "%s", document);
    cr_assert(eq(u32, faults.count, 1));
    cr_expect_str_eq(faults.list[0].pointer, pointer);
}

#define MEDIA(media) "\"requestBody\":{\"content\":{\"application/json\":{" media "}}}"
#define POST(post) \
    "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a.b\":{\"post\":{" post "}}}," COMPONENTS "}"
#define COMPONENTS                                                                     \
    "\"components\":{\"schemas\":{\"S\":{\"type\":\"string\"},\"T\":{\"properties\":{" \
    "\"u\":{\"nullable\":true}}}}}"
#define SCHEMA(schema) POST(MEDIA("\"schema\":" schema))
#define AT_MEDIA       "/webhooks/a.b/post/requestBody/content/application~1json"

static struct slice schema_of(const struct event_type *type, unsigned version)
{
    cr_assert(lt(u32, version, type->version_count));
    cr_assert(type->versions[version].schema != NULL);
    return schema_text(type->versions[version].schema);
}

Test(event_type_import, a_new_one_is_of_version_1)
{
    struct event_type *made =
        made_of(POST("\"summary\":\"s\",\"deprecated\":true," MEDIA(
                    "\"schema\":{\"$ref\":\"#/components/schemas/S\"},\"example\":\"x\"")),
                "", NULL);
    cr_expect_str_eq(made->name, "a.b");
    cr_expect_str_eq(made->description, "s");
    cr_expect(eq(u64, made->deprecated_ms, 10));
    cr_assert(eq(u32, made->version_count, 1));
    cr_expect_str_eq(made->versions[0].name, "1");
    cr_expect_str_eq(made->versions[0].examples, "[\"x\"]");
    cr_expect(slice_equal(schema_of(made, 0), SLICE("{\"$ref\":\"#/$defs/S\",\"$defs\":{\"S\":{"
                                                    "\"type\":\"string\"}}}")));
    event_type_free(made);
}

Test(event_type_import, without_a_body_every_payload_is_right)
{
    struct event_type *made = made_of(POST(""), "", NULL);
    cr_assert(eq(u32, made->version_count, 1));
    cr_expect(made->versions[0].schema == NULL);
    cr_expect_str_eq(made->versions[0].examples, "[]");
    cr_expect(zero(u64, made->deprecated_ms));
    event_type_free(made);
}

Test(event_type_import, the_same_document_again_changes_nothing)
{
    struct event_type *made =
        made_of(POST("\"summary\":\"s\",\"deprecated\":true," MEDIA("\"schema\":{\"const\":1.50}")),
                "", NULL);
    struct event_type *again =
        made_of(POST("\"summary\":\"s\",\"deprecated\":true," MEDIA("\"schema\":{\"const\":1.50}")),
                "", made);
    cr_expect(event_type_equal(made, again));
    cr_expect(eq(u64, again->deprecated_ms, 10));
    event_type_free(again);
    again = made_of(POST("\"summary\":\"s\"," MEDIA("\"schema\":{\"const\":1.50}")), "", made);
    cr_expect(eq(int, event_type_equal(made, again), false));
    cr_expect(zero(u64, again->deprecated_ms));
    event_type_free(again);
    event_type_free(made);
}

Test(event_type_import, a_version_is_replaced_in_its_place_or_comes_last)
{
    struct event_type *one = made_of(SCHEMA("{\"const\":1}"), "x", NULL);
    struct event_type *two = made_of(SCHEMA("{\"const\":2}"), "y", one);
    struct event_type *three = made_of(SCHEMA("{\"const\":3}"), "x", two);
    struct event_type *four = made_of(SCHEMA("{\"const\":4}"), "", three);
    cr_assert(eq(u32, four->version_count, 2));
    cr_expect_str_eq(four->versions[0].name, "x");
    cr_expect_str_eq(four->versions[1].name, "y");
    cr_expect(slice_equal(schema_of(three, 0), SLICE("{\"const\":3}")));
    cr_expect(slice_equal(schema_of(three, 1), SLICE("{\"const\":2}")));
    cr_expect(slice_equal(schema_of(four, 0), SLICE("{\"const\":3}")));
    cr_expect(slice_equal(schema_of(four, 1), SLICE("{\"const\":4}")), "the last one");
    cr_expect(eq(u64, four->versions[0].created_ms, 10));
    cr_expect(eq(u64, four->versions[1].created_ms, 20));
    cr_expect(lt(u64, three->updated_ms, four->updated_ms));
    event_type_free(one);
    event_type_free(two);
    event_type_free(three);
    event_type_free(four);
}

Test(event_type_import, what_a_document_does_not_say_stays)
{
    struct event_type *before = made_of(POST("\"summary\":\"s\""), "", NULL);
    before->metadata = strdup("{\"k\":[1]}");
    snprintf(before->replaced_by, sizeof before->replaced_by, "c.d");
    before->id = (struct id){{5}};
    struct event_type *after = made_of(POST(""), "", before);
    cr_expect_str_eq(after->metadata, "{\"k\":[1]}");
    cr_expect_str_eq(after->replaced_by, "c.d");
    cr_expect(id_equal(&after->id, &before->id));
    cr_expect(after->description == NULL, "which a document has, or not");
    event_type_free(before);
    event_type_free(after);
}

Test(event_type_import, faults_are_where_they_are_in_the_document)
{
    struct event_type *before = made_of(SCHEMA("{\"const\":1}"), "x", NULL);
    struct event_type *two = made_of(SCHEMA("{\"const\":2}"), "y", before);
    const struct event_type *const befores[] = {NULL, before, two};
    for (unsigned i = 0; i < 3; i++) {
        expect_fault(POST("\"description\":[]"), befores[i], "/webhooks/a.b/post/description");
        expect_fault(POST("\"deprecated\":1"), befores[i], "/webhooks/a.b/post/deprecated");
        expect_fault(SCHEMA("{\"items\":{\"type\":7}}"), befores[i], AT_MEDIA "/schema/items/type");
        expect_fault(SCHEMA("7"), befores[i], AT_MEDIA "/schema");
        expect_fault(SCHEMA("{\"$ref\":\"#/components/schemas/T\"}"), befores[i],
                     "/components/schemas/T/properties/u/nullable");
        expect_fault(POST(MEDIA("\"schema\":{\"$ref\":\"#/components/schemas/S\"},\"example\":1")),
                     befores[i], AT_MEDIA "/example");
        expect_fault(POST(MEDIA("\"schema\":{\"properties\":{\"p\":{\"minimum\":1}}},"
                                "\"examples\":{\"x\":{\"value\":1},\"y\":{\"value\":{\"p\":0}}}")),
                     befores[i], AT_MEDIA "/examples/y/value/p");
    }
    event_type_free(before);
    event_type_free(two);
    expect_fault("{\"openapi\":\"3.1.0\",\"webhooks\":{\"a b\":{\"post\":{}}}}", NULL,
                 "/webhooks/a b");
}

Test(event_type_import, faults_of_examples_are_told_apart)
{
    char text[2048] = "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a.b\":{\"post\":{\"requestBody\":{"
                      "\"content\":{\"application/json\":{\"schema\":{\"maximum\":9},"
                      "\"examples\":{";
    for (unsigned i = 0; i <= 10; i++)
        sprintf(text + strlen(text), "%s\"e%u\":{\"value\":%u}", i ? "," : "", i, i);
    strcat(text, "}}}}}}}}");
    expect_fault(text, NULL, AT_MEDIA "/examples/e10/value");
}

Test(event_type_import, a_schema_is_bounded_with_what_comes_along)
{
    char *text = calloc(1, TEXT_SIZE);
    int size = snprintf(
        text, TEXT_SIZE,
        "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a.b\":{\"post\":{" MEDIA(
            "\"schema\":{\"$ref\":\"#/components/schemas/S\"}") "}}},"
                                                                "\"components\":{\"schemas\":{"
                                                                "\"S\":{\"title\":\"");
    memset(text + size, 'x', SCHEMA_SIZE_MAX);
    strcat(text, "\"}}}}");
    expect_fault(text, NULL, AT_MEDIA "/schema");
    free(text);
}

Test(event_type_import, all_that_is_made_is_bounded)
{
    struct event_type *made;
    open_document(SCHEMA("{}"), "");
    import.bytes = EVENT_TYPE_IMPORT_MAX;
    cr_assert(eq(int, make(NULL, &made), -EINVAL));
    cr_expect_str_eq(faults.list[0].pointer, "/webhooks/a.b");
}

Test(event_type_import, what_has_no_step_left_says_so)
{
    struct openapi_webhook webhook;
    struct event_type *made;
    uint64_t cursor = 0;
    open_document(SCHEMA("{\"type\":\"null\",\"title\":\"t\"}"), "");
    cr_assert(openapi_document_next(&import.document, &cursor, &webhook, &faults));
    import.document.steps = 1;
    cr_assert(eq(int, event_type_import_make(&import, &webhook, NULL, &made, &faults), -EINVAL));
    cr_expect_str_eq(faults.list[0].pointer, "/webhooks/a.b");
}
