/* schema_bundle.c - see schema_bundle.h. Recursion is as deep as SCHEMA_DEPTH_MAX and no deeper,
 * and ends where the text is full. */
#include "schema_bundle.h"

#include "form.h"
#include "schema.h"
#include "schema_keywords.h"

#include <stdio.h>

struct bundle {
    struct openapi_document *document;
    struct text *text;
    struct faults *faults;
    unsigned depth, count;
    struct {
        struct slice name;
        struct json_value schema;
    } list[SCHEMA_BUNDLE_MAX]; /* what comes along */
};

static void put_schema(struct bundle *bundle, struct json_value schema, const char *pointer);

/* Notes that the schema comes along. What is wrong; NULL: nothing. */
static const char *bring(struct bundle *bundle, struct slice reference, struct slice name)
{
    for (unsigned i = 0; i < bundle->count; i++)
        if (slice_equal(bundle->list[i].name, name))
            return NULL;
    if (bundle->count == SCHEMA_BUNDLE_MAX)
        return "is of one schema too many: a schema may refer to 256";
    if (!openapi_document_follow(bundle->document, reference, &bundle->list[bundle->count].schema))
        return "names no schema of this document";
    bundle->list[bundle->count++].name = name;
    return NULL;
}

static void put_reference(struct bundle *bundle, struct json_value value, const char *pointer)
{
    const struct slice from = SLICE("#" SCHEMA_BUNDLE_FROM);
    struct slice reference, name;
    const char *wrong = "must be #/components/schemas/NAME: nothing else is followed";
    if (json_string(value, &reference) && slice_starts_with(reference, from)) {
        name = slice_skip(reference, from.size);
        if (form_is_name(name))
            wrong = bring(bundle, reference, name);
    }
    if (wrong) {
        faults_add(bundle->faults, pointer, "%s", wrong);
        return;
    }
    text_put(bundle->text, SLICE("\"#" SCHEMA_BUNDLE_TO));
    text_put(bundle->text, name);
    text_char(bundle->text, '"');
}

/* Schemas in an array, or in an object. */
static void put_schemas(struct bundle *bundle, struct json_value list, const char *pointer)
{
    bool is_object = json_kind(list) == JSON_OBJECT;
    struct json_value one;
    struct slice key;
    uint64_t cursor = 0;
    if (!is_object && json_kind(list) != JSON_ARRAY) {
        json_put(list, bundle->text);
        return;
    }
    text_char(bundle->text, is_object ? '{' : '[');
    for (unsigned i = 0; text_ok(bundle->text) &&
                         openapi_document_step(bundle->document, list, &cursor, &key, &one);
         i++) {
        char place[FAULT_POINTER_SIZE];
        if (i)
            text_char(bundle->text, ',');
        if (is_object) {
            pointer_member(place, pointer, key);
            text_json(bundle->text, key);
            text_char(bundle->text, ':');
        } else {
            pointer_element(place, pointer, i);
        }
        put_schema(bundle, one, place);
    }
    text_char(bundle->text, is_object ? '}' : ']');
}

static void put_value(struct bundle *bundle, struct slice keyword, struct json_value value,
                      const char *pointer)
{
    switch (schema_keyword(keyword)) {
    case REFERENCE:
        put_reference(bundle, value, pointer);
        break;
    case SUBSCHEMA:
        put_schema(bundle, value, pointer);
        break;
    case SCHEMA_LIST:
    case SCHEMA_MAP:
    case PATTERN_MAP:
        put_schemas(bundle, value, pointer);
        break;
    default:
        json_put(value, bundle->text);
    }
}

/* The number of members that were put. */
static unsigned put_members(struct bundle *bundle, struct json_value schema, const char *pointer)
{
    struct json_value value;
    struct slice key;
    uint64_t cursor = 0;
    unsigned count = 0;
    while (text_ok(bundle->text) &&
           openapi_document_step(bundle->document, schema, &cursor, &key, &value)) {
        char place[FAULT_POINTER_SIZE];
        if (slice_equal(key, SLICE("$defs")) || slice_equal(key, SLICE("definitions")))
            continue;
        if (count++)
            text_char(bundle->text, ',');
        text_json(bundle->text, key);
        text_char(bundle->text, ':');
        pointer_member(place, pointer, key);
        put_value(bundle, key, value, place);
    }
    return count;
}

static void put_schema(struct bundle *bundle, struct json_value schema, const char *pointer)
{
    if (json_kind(schema) != JSON_OBJECT) {
        json_put(schema, bundle->text);
        return;
    }
    if (bundle->depth == SCHEMA_DEPTH_MAX) {
        faults_add(bundle->faults, pointer, "nests too deeply: %d schemas at most",
                   SCHEMA_DEPTH_MAX);
        return;
    }
    bundle->depth++;
    text_char(bundle->text, '{');
    (void)put_members(bundle, schema, pointer);
    text_char(bundle->text, '}');
    bundle->depth--;
}

/* Each may bring more along. */
static void put_definitions(struct bundle *bundle, bool is_first)
{
    if (bundle->count == 0)
        return;
    if (!is_first)
        text_char(bundle->text, ',');
    text_put(bundle->text, SLICE("\"$defs\":{"));
    for (unsigned i = 0; i < bundle->count; i++) {
        char place[FAULT_POINTER_SIZE];
        struct slice name = bundle->list[i].name;
        if (i)
            text_char(bundle->text, ',');
        text_json(bundle->text, name);
        text_char(bundle->text, ':');
        snprintf(place, sizeof place, SCHEMA_BUNDLE_FROM "%.*s", (int)name.size, name.at);
        put_schema(bundle, bundle->list[i].schema, place);
    }
    text_char(bundle->text, '}');
}

void schema_bundle_print(struct openapi_document *document, const struct openapi_part *schema,
                         struct text *text, struct faults *faults)
{
    struct bundle bundle = {.document = document, .text = text, .faults = faults, .depth = 1};
    if (json_kind(schema->value) != JSON_OBJECT) {
        json_put(schema->value, text);
        return;
    }
    text_char(text, '{');
    unsigned count = put_members(&bundle, schema->value, schema->pointer);
    put_definitions(&bundle, count == 0);
    text_char(text, '}');
}
