/* Schemas: what each keyword allows and refuses, and where; what no schema may have; and what never
 * ends. */
#include "schema.h"
#include "schema_patterns.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_SIZE = 128 * 1024 };

static struct json *jsons[2];
static char texts[2][TEXT_SIZE + JSON_PADDING];
static struct faults faults;

static void open_parsers(void)
{
    cr_assert(eq(int, json_open(&jsons[0]), 0));
    cr_assert(eq(int, json_open(&jsons[1]), 0));
}

static void close_parsers(void)
{
    json_close(jsons[0]);
    json_close(jsons[1]);
}

TestSuite(schema, .init = open_parsers, .fini = close_parsers);

static struct json_value read(int which, const char *text)
{
    char why[JSON_WHY_SIZE];
    struct json_value root;
    cr_assert(lt(sz, strlen(text), TEXT_SIZE));
    memcpy(texts[which], text, strlen(text));
    cr_assert(eq(int, json_read(jsons[which], slice_of(texts[which], strlen(text)), &root, why), 0),
              "%s: %s", text, why);
    return root;
}

static struct schema *open_schema(const char *text)
{
    struct schema *schema = NULL;
    faults.count = 0;
    int error = schema_open(&schema, read(0, text), "/s", &faults);
    cr_assert(eq(int, error, 0), "%s: %s %s", text, faults.list[0].pointer, faults.list[0].detail);
    return schema;
}

/* The pointers of the faults, each after a space. */
static void expect(const char *schema_of, const char *document, const char *pointers)
{
    struct schema *schema = open_schema(schema_of);
    char found[4096] = "";
    faults.count = 0;
    bool ok = schema_allows(schema, read(1, document), "", &faults);
    for (unsigned i = 0; i < faults.count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), " %s",
                 faults.list[i].pointer);
    cr_assert(eq(int, ok, pointers == NULL), "%s of %s: %s", document, schema_of, found);
    cr_assert(eq(str, found, (char *)(pointers ? pointers : "")), "%s of %s", document, schema_of);
    schema_close(schema);
}

static void refuses_schema(const char *text, const char *pointer)
{
    struct schema *schema = NULL;
    faults.count = 0;
    cr_assert(eq(int, schema_open(&schema, read(0, text), "", &faults), -EINVAL), "%s", text);
    cr_assert(eq(str, faults.list[0].pointer, (char *)pointer), "%s", text);
}

Test(schema, each_keyword_allows_and_refuses)
{
    static const struct {
        const char *schema, *good, *bad;
    } cases[] = {
        {"true", "1", NULL},
        {"{}", "{\"a\":null}", NULL},
        {"{\"type\":\"string\"}", "\"\"", "1"},
        {"{\"type\":\"integer\"}", "1.0", "1.5"},
        {"{\"type\":[\"null\",\"object\"]}", "null", "[]"},
        {"{\"enum\":[1,{\"a\":[2],\"b\":3}]}", "{\"b\":3.0,\"a\":[2]}", "{\"b\":3}"},
        {"{\"const\":18446744073709551615}", "18446744073709551615", "18446744073709551614"},
        {"{\"minProperties\":1}", "{\"a\":1}", "{}"},
        {"{\"maxProperties\":0}", "{}", "{\"a\":1}"},
        {"{\"minItems\":1}", "[1]", "[]"},
        {"{\"maxItems\":1}", "[1]", "[1,2]"},
        {"{\"minLength\":2}", "\"\xc3\xa4\xc3\xa4\"", "\"\xc3\xa4\""},
        {"{\"maxLength\":1}", "\"\xf0\x9f\x98\x80\"", "\"ab\""},
        {"{\"pattern\":\"^a+$\"}", "\"aa\"", "\"ab\""},
        {"{\"pattern\":\"b\"}", "\"abc\"", "\"aac\""},
        {"{\"pattern\":\"^.$\"}", "\"\xc3\xa4\"", "\"\xc3\xa4\xc3\xa4\""},
        {"{\"minimum\":-1.5}", "-1.5", "-1.6"},
        {"{\"minimum\":-9007199254740993}", "-9007199254740993", "-9007199254740994"},
        {"{\"const\":-9007199254740993}", "-9007199254740993", "-9007199254740992"},
        {"{\"maximum\":9007199254740993}", "9007199254740993", "9007199254740994"},
        {"{\"exclusiveMinimum\":1}", "1.1", "1"},
        {"{\"exclusiveMaximum\":1}", "0", "1.0"},
        {"{\"multipleOf\":0.1}", "0.3", "0.35"},
        {"{\"multipleOf\":3}", "9", "10"},
        {"{\"multipleOf\":3}", "-9007199254740993", "-9007199254740992"},
        {"{\"uniqueItems\":true}", "[1,\"1\",[1]]", "[[1],1,[1.0]]"},
        {"{\"contains\":{\"type\":\"null\"}}", "[1,null]", "[1]"},
        {"{\"contains\":{\"const\":1},\"minContains\":0,\"maxContains\":1}", "[]", "[1,1]"},
        {"{\"dependentRequired\":{\"a\":[]}}", "{\"a\":1}", NULL},
        {"{\"dependentSchemas\":{\"a\":{\"maxProperties\":1}}}", "{\"a\":1}", "{\"a\":1,\"b\":2}"},
        {"{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "2", "3"},
        {"{\"anyOf\":[{\"const\":1},{\"const\":2}]}", "2", "3"},
        {"{\"oneOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", "1.5"},
        {"{\"not\":{\"const\":1}}", "2", "1"},
        {"{\"if\":{\"minimum\":1},\"then\":{\"maximum\":2},\"else\":{\"const\":0}}", "0", "3"},
        {"{\"$ref\":\"#/$defs/a~1b\",\"$defs\":{\"a/b\":{\"const\":1}}}", "1", "2"},
        {"{\"format\":\"email\",\"x-own\":{\"pattern\":1}}", "\"no address\"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect(cases[i].schema, cases[i].good, NULL);
        if (cases[i].bad)
            expect(cases[i].schema, cases[i].bad, " ");
    }
}

Test(schema, a_keyword_says_nothing_of_values_of_other_kinds)
{
    static const char all[] =
        "{\"minLength\":9,\"minItems\":9,\"minProperties\":9,\"required\":[\"a\"],"
        "\"additionalProperties\":false,\"items\":false,\"prefixItems\":[false],\"contains\":"
        "false,\"pattern\":\"^$\",\"patternProperties\":{\"\":false}}";
    expect(all, "true", NULL);
    expect("{\"minimum\":9,\"multipleOf\":7,\"exclusiveMaximum\":0}", "\"8\"", NULL);
}

Test(schema, faults_are_where_the_document_is_wrong)
{
    expect("{\"properties\":{\"a\":{\"type\":\"string\"}},\"required\":[\"b\",\"c/d\"],"
           "\"additionalProperties\":false}",
           "{\"a\":1,\"b\":1,\"x~y\":1}", " /a /c~1d /b /x~0y");
    expect("{\"properties\":{\"a\":{}},\"patternProperties\":{\"^x-\":{\"type\":\"null\"}},"
           "\"additionalProperties\":false}",
           "{\"a\":1,\"x-b\":1,\"x-c\":null,\"y\":1}", " /x-b /y");
    expect("{\"prefixItems\":[{\"const\":1}],\"items\":{\"type\":\"string\"}}", "[2,\"a\",3]",
           " /0 /2");
    expect("{\"properties\":{\"next\":{\"$ref\":\"#\"}},\"required\":[\"id\"]}",
           "{\"id\":1,\"next\":{\"id\":2,\"next\":{}}}", " /next/next/id");
}

Test(schema, members_are_as_every_expression_that_their_names_match_wants_them)
{
    static const char both[] = "{\"patternProperties\":{\"a\":true,\"b$\":{\"minimum\":2}}}";
    expect(both, "{\"a\":1,\"ba\":1}", NULL);
    expect(both, "{\"ab\":2}", NULL);
    expect(both, "{\"ab\":1,\"b\":0}", " /ab /b");
}

Test(schema, what_is_not_checked_is_no_schema)
{
    refuses_schema("1", "");
    refuses_schema("{\"properties\":{\"a\":1}}", "/properties/a");
    refuses_schema("{\"type\":\"strng\"}", "/type");
    refuses_schema("{\"type\":[]}", "/type");
    refuses_schema("{\"pattern\":1}", "/pattern");
    refuses_schema("{\"pattern\":\"(\"}", "/pattern");
    refuses_schema("{\"pattern\":\"(?=a)\"}", "/pattern");
    refuses_schema("{\"pattern\":\"(a)\\\\1\"}", "/pattern");
    refuses_schema("{\"patternProperties\":{\"a/(\":{}}}", "/patternProperties/a~1(");
    refuses_schema("{\"patternProperties\":{\"a\":{\"type\":1}}}", "/patternProperties/a/type");
    refuses_schema("{\"propertyNames\":{\"pattern\":\"a\"}}", "/propertyNames");
    refuses_schema("{\"allOf\":[{},{\"minimum\":\"1\"}]}", "/allOf/1/minimum");
    refuses_schema("{\"anyOf\":[]}", "/anyOf");
    refuses_schema("{\"multipleOf\":0}", "/multipleOf");
    refuses_schema("{\"$ref\":\"http://a/\"}", "/$ref");
    refuses_schema("{\"$ref\":\"#/properties/a\",\"properties\":{\"a\":{}}}", "/$ref");
    refuses_schema("{\"$ref\":\"#/$defs/b\",\"$defs\":{\"a\":{}}}", "/$ref");
}

/* `depth` schemas, each in the other. */
static char *nested(unsigned depth)
{
    static char text[8192];
    text[0] = '\0';
    for (unsigned i = 1; i < depth; i++)
        strcat(text, "{\"not\":");
    strcat(text, "{}");
    for (unsigned i = 1; i < depth; i++)
        strcat(text, "}");
    return text;
}

Test(schema, depth_is_bounded)
{
    struct schema *schema = open_schema(nested(SCHEMA_DEPTH_MAX));
    schema_close(schema);
    faults.count = 0;
    cr_assert(
        eq(int, schema_open(&schema, read(0, nested(SCHEMA_DEPTH_MAX + 1)), "", &faults), -EINVAL));
    expect("{\"$ref\":\"#\"}", "1", " ");
    expect("{\"not\":{\"$ref\":\"#\"}}", "1", " ");
    expect("{\"items\":{\"$ref\":\"#\"}}", "[[[[]]]]", NULL);
}

Test(schema, work_is_bounded)
{
    char *text = calloc(1, TEXT_SIZE);
    strcat(text, "{\"$ref\":\"#/$defs/0\",\"$defs\":{");
    for (unsigned i = 0; i < 25; i++)
        sprintf(text + strlen(text),
                "\"%u\":{\"allOf\":[{\"$ref\":\"#/$defs/%u\"},{\"$ref\":\"#/$defs/%u\"}]},", i,
                i + 1, i + 1);
    strcat(text, "\"25\":true}}");
    expect(text, "1", " ");

    strcpy(text, "[0");
    for (unsigned i = 1; i < 5000; i++)
        sprintf(text + strlen(text), ",%u", i);
    strcat(text, "]");
    expect("{\"uniqueItems\":true}", text, " ");
    free(text);
}

Test(schema, each_expression_is_at_its_place)
{
    char text[4096] = "{\"properties\":{";
    for (unsigned i = 0; i < 40; i++) /* of as many texts as there may be */
        sprintf(text + strlen(text), "%s\"p%u\":{\"pattern\":\"^%u$\"}", i ? "," : "", i,
                i % SCHEMA_PATTERNS_MAX);
    strcat(text, "}}");
    for (unsigned i = 0; i < 40; i++) {
        char document[64];
        sprintf(document, "{\"p%u\":\"%u\"}", i, i % SCHEMA_PATTERNS_MAX);
        expect(text, document, NULL);
        sprintf(document, "{\"p%u\":\"%u\"}", i, (i + 1) % SCHEMA_PATTERNS_MAX);
        char pointer[16];
        sprintf(pointer, " /p%u", i);
        expect(text, document, pointer);
    }
}

Test(schema, expressions_are_bounded)
{
    char text[4096] = "{\"allOf\":[";
    for (unsigned i = 0; i <= SCHEMA_PATTERNS_MAX; i++)
        sprintf(text + strlen(text), "%s{\"pattern\":\"%u\"}", i ? "," : "", i);
    strcat(text, "]}");
    refuses_schema(text, "/allOf/32/pattern");

    char *document = calloc(1, TEXT_SIZE); /* which such an expression has to go through */
    document[0] = '"';
    memset(document + 1, 'a', 100000);
    strcat(document, "\"");
    expect("{\"pattern\":\"^a*$\"}", document, NULL);
    expect("{\"pattern\":\"^(a?){400}$\"}", document, " ");
    free(document);
}

Test(schema, size_is_bounded)
{
    char *text = calloc(1, TEXT_SIZE);
    struct schema *schema;
    strcpy(text, "{\"title\":\"");
    memset(text + strlen(text), 'a', SCHEMA_SIZE_MAX);
    strcat(text, "\"}");
    refuses_schema(text, "");
    free(text);
    schema = open_schema("{ \"type\" : \"null\" }");
    cr_assert(slice_equal(schema_text(schema), SLICE("{\"type\":\"null\"}")));
    schema_close(schema);
}
