/* OpenAPI documents: which parts of them a webhook is, and what is wrong with them where. */
#include "openapi_document.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

enum { TEXT_SIZE = 32 * 1024 };

static struct json *json;
static struct openapi_document document;
static struct openapi_webhook webhook;
static struct faults faults;
static uint64_t cursor;

static void open_parser(void)
{
    cr_assert(zero(int, json_open(&json)));
}

static void close_parser(void)
{
    json_close(json);
}

TestSuite(openapi_document, .init = open_parser, .fini = close_parser);

static bool read(const char *text)
{
    static char padded[TEXT_SIZE + JSON_PADDING];
    char why[JSON_WHY_SIZE];
    struct json_value root;
    cr_assert(lt(sz, strlen(text), (size_t)TEXT_SIZE));
    memcpy(padded, text, strlen(text));
    cr_assert(zero(int, json_read(json, slice_of(padded, strlen(text)), &root, why)), "%s", why);
    faults.count = 0;
    cursor = 0;
    return openapi_document_read(&document, root, &faults);
}

static bool next(void)
{
    return openapi_document_next(&document, &cursor, &webhook, &faults);
}

#define DOCUMENT(webhooks, components) \
    "{\"openapi\":\"3.1.0\",\"webhooks\":{" webhooks "},\"components\":{" components "}}"
#define CONTENT(content) "\"requestBody\":{\"content\":{" content "}}"

/* Reads the one webhook of a document. */
static void read_one(const char *text)
{
    cr_assert(read(text));
    cr_assert(next());
    cr_assert(zero(u32, faults.count), "%s %s", faults.list[0].pointer, faults.list[0].detail);
}

static void expect_part(const struct openapi_part *part, const char *pointer, const char *value)
{
    char text[256];
    cr_assert(part->is_there);
    cr_expect_str_eq(part->pointer, pointer);
    long size = json_print(part->value, text, sizeof text - 1);
    cr_assert(ge(int, (int)size, 0));
    text[size] = '\0';
    cr_expect_str_eq(text, value);
}

static void expect_fault(const char *text, const char *pointer)
{
    bool is_read = read(text);
    while (is_read && next())
        ;
    cr_assert(eq(u32, faults.count, 1), "%s: %s", text, faults.list[0].pointer);
    cr_expect_str_eq(faults.list[0].pointer, pointer, "%s", text);
}

Test(openapi_document, has_webhooks_in_their_order)
{
    cr_assert(read(DOCUMENT("\"b\":{\"post\":{}},\"a/b\":{\"put\":{}},\"a\":{\"patch\":{}}", "")));
    static const char *const names[] = {"b", "a/b", "a"};
    static const char *const pointers[] = {"/webhooks/b", "/webhooks/a~1b", "/webhooks/a"};
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(next());
        cr_expect(slice_equal(webhook.name, slice_str(names[i])));
        cr_expect_str_eq(webhook.pointer, pointers[i]);
        cr_expect(eq(int, webhook.schema.is_there, false));
    }
    cr_expect(eq(int, next(), false));
    cr_expect(zero(u32, faults.count));
}

Test(openapi_document, post_comes_before_put_and_patch)
{
    read_one(DOCUMENT("\"a\":{\"patch\":{\"summary\":\"1\"},\"put\":{\"summary\":\"2\"},"
                      "\"post\":{\"summary\":\"3\"}}",
                      ""));
    expect_part(&webhook.description, "/webhooks/a/post/summary", "\"3\"");
    read_one(DOCUMENT("\"a\":{\"patch\":{\"summary\":\"1\"},\"put\":{\"summary\":\"2\"}}", ""));
    expect_part(&webhook.description, "/webhooks/a/put/summary", "\"2\"");
}

Test(openapi_document, the_operation_is_described_before_its_path)
{
    read_one(DOCUMENT("\"a\":{\"description\":\"1\",\"post\":{\"summary\":\"2\",\"description\":"
                      "\"3\",\"deprecated\":true}}",
                      ""));
    expect_part(&webhook.description, "/webhooks/a/post/description", "\"3\"");
    expect_part(&webhook.deprecated, "/webhooks/a/post/deprecated", "true");
    read_one(DOCUMENT("\"a\":{\"summary\":\"0\",\"description\":\"1\",\"post\":{}}", ""));
    expect_part(&webhook.description, "/webhooks/a/description", "\"1\"");
    read_one(DOCUMENT("\"a\":{\"summary\":\"0\",\"post\":{}}", ""));
    expect_part(&webhook.description, "/webhooks/a/summary", "\"0\"");
    cr_expect(eq(int, webhook.deprecated.is_there, false));
}

Test(openapi_document, the_body_is_that_which_is_json)
{
    static const struct {
        const char *types[3], *chosen;
    } cases[] = {
        {{"text/plain", "application/JSON; charset=utf-8", "*/*"},
         "application~1JSON; charset=utf-8"},
        {{"application/*", "a/b+json", NULL}, "a~1b+json"},
        {{"a/b+json", "application/json", NULL}, "application~1json"},
        {{"*/*", "text/plain", NULL}, "*~1*"},
        {{"a/b+json", "c/d+json", "a/b"}, "a~1b+json"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024] = "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a\":{\"post\":{\"requestBody\":{"
                          "\"content\":{",
             pointer[256];
        for (unsigned k = 0; k < 3 && cases[i].types[k]; k++)
            sprintf(text + strlen(text), "%s\"%s\":{\"schema\":{\"title\":\"%s\"}}", k ? "," : "",
                    cases[i].types[k], cases[i].types[k]);
        strcat(text, "}}}}}}");
        read_one(text);
        snprintf(pointer, sizeof pointer, "/webhooks/a/post/requestBody/content/%s/schema",
                 cases[i].chosen);
        cr_assert(webhook.schema.is_there);
        cr_expect_str_eq(webhook.schema.pointer, pointer);
    }
}

Test(openapi_document, follows_references_to_where_things_are)
{
    read_one(DOCUMENT("\"a\":{\"$ref\":\"#/components/pathItems/P~1\"}",
                      "\"pathItems\":{\"P/\":{\"$ref\":\"#/components/pathItems/Q\"},\"Q\":{"
                      "\"post\":{\"requestBody\":{\"$ref\":\"#/components/requestBodies/B\"}}}},"
                      "\"requestBodies\":{\"B\":{\"content\":{\"application/json\":{\"schema\":{},"
                      "\"examples\":{\"x\":{\"$ref\":\"#/components/examples/E\"},\"y\":{"
                      "\"value\":2},\"z\":{\"externalValue\":\"http://a/\"}}}}}},"
                      "\"examples\":{\"E\":{\"value\":[1]}}"));
    cr_expect_str_eq(webhook.pointer, "/webhooks/a");
    expect_part(&webhook.schema, "/components/requestBodies/B/content/application~1json/schema",
                "{}");
    cr_assert(eq(u32, webhook.example_count, 2));
    expect_part(&webhook.examples[0], "/components/examples/E/value", "[1]");
    expect_part(&webhook.examples[1],
                "/components/requestBodies/B/content/application~1json/examples/y/value", "2");
}

Test(openapi_document, an_example_may_stand_alone)
{
    read_one(
        DOCUMENT("\"a\":{\"post\":{" CONTENT("\"application/json\":{\"example\":null}") "}}", ""));
    cr_assert(eq(u32, webhook.example_count, 1));
    expect_part(&webhook.examples[0],
                "/webhooks/a/post/requestBody/content/application~1json/example", "null");
}

Test(openapi_document, what_is_wrong_is_told_where)
{
    expect_fault("{\"webhooks\":{}}", "/openapi");
    expect_fault("{\"openapi\":3.1,\"webhooks\":{}}", "/openapi");
    expect_fault("{\"openapi\":\"3.10.0\",\"webhooks\":{}}", "/openapi");
    expect_fault("{\"openapi\":\"3.1.0\"}", "/webhooks");
    expect_fault("{\"openapi\":\"3.1.0\",\"webhooks\":[]}", "/webhooks");
    expect_fault(DOCUMENT("\"a\":{}", ""), "/webhooks/a");
    expect_fault(DOCUMENT("\"a\":7", ""), "/webhooks/a");
    expect_fault(DOCUMENT("\"a\":{\"$ref\":7}", ""), "/webhooks/a/$ref");
    expect_fault(DOCUMENT("\"a\":{\"$ref\":\"#\"}", ""), "/webhooks/a/$ref");
    expect_fault(DOCUMENT("\"a\":{\"$ref\":\"#/no\"}", ""), "/webhooks/a/$ref");
    expect_fault(DOCUMENT("\"a\":{\"$ref\":\"#/no~2\"}", ""), "/webhooks/a/$ref");
    expect_fault(DOCUMENT("\"a\":{\"$ref\":\"http://a/#/webhooks\"}", ""), "/webhooks/a/$ref");
    expect_fault(
        DOCUMENT("\"a\":{\"$ref\":\"#/components/x\"}", "\"x\":{\"$ref\":\"#/components/x\"}"),
        "/components/x/$ref");
    expect_fault(DOCUMENT("\"a\":{\"post\":{\"requestBody\":{}}}", ""),
                 "/webhooks/a/post/requestBody/content");
    expect_fault(DOCUMENT("\"a\":{\"post\":{" CONTENT("\"text/json+x\":{}") "}}", ""),
                 "/webhooks/a/post/requestBody/content");
    expect_fault(
        DOCUMENT("\"a\":{\"post\":{" CONTENT("\"application/json\":{\"examples\":[]}") "}}", ""),
        "/webhooks/a/post/requestBody/content/application~1json/examples");
}

Test(openapi_document, examples_are_bounded)
{
    char text[4096] = "{\"openapi\":\"3.1.0\",\"webhooks\":{\"a\":{\"post\":{\"requestBody\":{"
                      "\"content\":{\"application/json\":{\"examples\":{";
    for (unsigned i = 0; i <= OPENAPI_EXAMPLES_MAX; i++)
        sprintf(text + strlen(text), "%s\"e%u\":{\"value\":%u}", i ? "," : "", i, i);
    strcat(text, "}}}}}}}}");
    expect_fault(text, "/webhooks/a/post/requestBody/content/application~1json/examples/e16/value");
}

Test(openapi_document, what_has_no_step_left_says_so)
{
    cr_assert(read(DOCUMENT("\"a\":{\"post\":{}},\"b\":{\"post\":{}}", "")));
    document.steps = 12;
    while (next())
        ;
    cr_expect(zero(u64, document.steps));
    cr_expect(lt(u32, 0, faults.count));
}
