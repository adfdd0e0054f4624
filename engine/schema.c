/* schema.c - see schema.h: what a schema is, and its life. What its keywords say of a document is
 * in schema_check.c.
 */
#include "schema.h"

#include "schema_check.h"
#include "schema_keywords.h"

#include <errno.h>
#include <stdlib.h>

/* What the parser keeps for its tree: so much, and so many times the text. */
enum { TREE_BYTES = 10 * 1024, TREE_FACTOR = 15 };

struct schema {
    struct json *json;
    struct schema_tree tree;
    size_t size;
    char text[]; /* with JSON_PADDING behind it */
};

/* ---- what a keyword's value has to be ---- */

struct reading {
    struct schema_tree *tree;
    struct faults *faults;
    unsigned depth;
    bool out_of_memory;
};

static void read_schema(struct reading *reading, struct json_value value, const char *pointer);

static bool is_whole(struct json_value value)
{
    uint64_t whole;
    return json_u64(value, &whole);
}

static bool are_names(struct json_value value)
{
    struct json_value name;
    struct slice text;
    uint64_t cursor = 0;
    if (json_kind(value) != JSON_ARRAY)
        return false;
    while (json_next(value, &cursor, NULL, &name))
        if (!json_string(name, &text))
            return false;
    return true;
}

static bool are_types(struct json_value value)
{
    struct json_value name;
    struct slice text;
    uint64_t cursor = 0;
    if (json_string(value, &text))
        return schema_type_of(text) != 0;
    if (!are_names(value))
        return false;
    while (json_next(value, &cursor, NULL, &name))
        if (!json_string(name, &text) || schema_type_of(text) == 0)
            return false;
    return cursor > 0;
}

static void read_reference(struct reading *reading, struct json_value value, const char *pointer)
{
    struct slice text;
    struct json_value found;
    if (!json_string(value, &text))
        faults_add(reading->faults, pointer, "must be a string");
    else if (text.size == 0 || text.at[0] != '#')
        faults_add(reading->faults, pointer, "must begin with #: nothing is fetched");
    else if (!schema_follow(reading->tree->root, text, &found))
        faults_add(reading->faults, pointer,
                   "must be #, #/$defs/NAME or #/definitions/NAME of this schema");
}

static void read_pattern(struct reading *reading, struct json_value place, struct slice pattern,
                         const char *pointer)
{
    char why[REGEX_WHY_SIZE];
    int error = schema_patterns_add(&reading->tree->patterns, place, pattern, why);
    reading->out_of_memory |= error == -ENOMEM;
    if (error == -EINVAL)
        faults_add(reading->faults, pointer, "is no regular expression that is taken: %s", why);
}

static void read_list(struct reading *reading, struct json_value list, const char *pointer)
{
    struct json_value item;
    uint64_t cursor = 0;
    unsigned index = 0;
    if (json_kind(list) != JSON_ARRAY) {
        faults_add(reading->faults, pointer, "must be an array of schemas");
        return;
    }
    for (; json_next(list, &cursor, NULL, &item); index++) {
        char place[FAULT_POINTER_SIZE];
        pointer_element(place, pointer, index);
        read_schema(reading, item, place);
    }
    if (index == 0)
        faults_add(reading->faults, pointer, "must not be empty");
}

static void read_map(struct reading *reading, enum keyword_shape shape, struct json_value map,
                     const char *pointer)
{
    struct json_value item;
    struct slice key;
    uint64_t cursor = 0;
    if (json_kind(map) != JSON_OBJECT) {
        faults_add(reading->faults, pointer, "must be an object");
        return;
    }
    while (json_next(map, &cursor, &key, &item)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, pointer, key);
        if (shape == PATTERN_MAP)
            read_pattern(reading, item, key, place);
        if (shape != NAMES_MAP)
            read_schema(reading, item, place);
        else if (!are_names(item))
            faults_add(reading->faults, place, "must be an array of strings");
    }
}

/* What is wrong with a value that has no schemas in it; NULL: nothing. */
static const char *wrong_with(enum keyword_shape shape, struct json_value value)
{
    double number = 0;
    bool flag, is_number = json_double(value, &number);
    uint64_t cursor = 0;
    struct json_value first;
    switch (shape) {
    case TYPES:
        return are_types(value) ? NULL : "must be a type of JSON, or an array of them";
    case VALUES:
        return json_kind(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &first)
                   ? NULL
                   : "must be an array that is not empty";
    case NAMES:
        return are_names(value) ? NULL : "must be an array of strings";
    case WHOLE:
        return is_whole(value) ? NULL : "must be a whole number";
    case NUMBER:
        return is_number ? NULL : "must be a number";
    case POSITIVE:
        return is_number && number > 0 ? NULL : "must be a number above 0";
    case PATTERN:
        return json_kind(value) == JSON_STRING ? NULL : "must be a string";
    case FLAG:
        return json_bool(value, &flag) ? NULL : "must be true or false";
    default:
        return NULL;
    }
}

static void read_keyword(struct reading *reading, enum keyword_shape shape, struct json_value value,
                         const char *pointer)
{
    const char *wrong = wrong_with(shape, value);
    struct slice text;
    if (wrong)
        faults_add(reading->faults, pointer, "%s", wrong);
    else if (shape == SUBSCHEMA)
        read_schema(reading, value, pointer);
    else if (shape == SCHEMA_LIST)
        read_list(reading, value, pointer);
    else if (shape == SCHEMA_MAP || shape == PATTERN_MAP || shape == NAMES_MAP)
        read_map(reading, shape, value, pointer);
    else if (shape == REFERENCE)
        read_reference(reading, value, pointer);
    else if (shape == PATTERN && json_string(value, &text))
        read_pattern(reading, value, text, pointer);
}

static void read_members(struct reading *reading, struct json_value schema, const char *pointer)
{
    struct json_value value;
    struct slice key;
    uint64_t cursor = 0;
    while (json_next(schema, &cursor, &key, &value)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, pointer, key);
        enum keyword_shape shape = schema_keyword(key);
        if (shape != NO_KEYWORD)
            read_keyword(reading, shape, value, place);
        else
            faults_add(reading->faults, place, "is not a keyword that is checked here");
    }
}

static void read_schema(struct reading *reading, struct json_value value, const char *pointer)
{
    bool flag;
    if (json_bool(value, &flag))
        return;
    if (json_kind(value) != JSON_OBJECT) {
        faults_add(reading->faults, pointer, "must be a schema: an object, true or false");
        return;
    }
    if (reading->depth == SCHEMA_DEPTH_MAX) {
        faults_add(reading->faults, pointer, "nests too deeply: %d schemas at most",
                   SCHEMA_DEPTH_MAX);
        return;
    }
    reading->depth++;
    read_members(reading, value, pointer);
    reading->depth--;
}

/* ---- life ---- */

int schema_open(struct schema **schema, struct json_value value, const char *pointer,
                struct faults *faults)
{
    char why[JSON_WHY_SIZE];
    struct schema *made = calloc(1, sizeof *made + SCHEMA_SIZE_MAX + JSON_PADDING);
    if (!made)
        return -ENOMEM;
    long size = json_print(value, made->text, SCHEMA_SIZE_MAX);
    if (size < 0) {
        faults_add(faults, pointer, "must have at most %d bytes", SCHEMA_SIZE_MAX);
        free(made);
        return -EINVAL;
    }
    made->size = (size_t)size;
    struct schema *fitting = realloc(made, sizeof *made + made->size + JSON_PADDING);
    made = fitting ? fitting : made;

    int error = json_open(&made->json);
    if (!error)
        error = json_read(made->json, schema_text(made), &made->tree.root, why);
    must(error != -EINVAL); /* it was just printed */
    if (!error) {
        struct reading reading = {.tree = &made->tree, .faults = faults};
        unsigned before = faults->count;
        read_schema(&reading, made->tree.root, pointer);
        error = reading.out_of_memory ? -ENOMEM : faults->count > before ? -EINVAL : 0;
    }
    if (error)
        schema_close(made);
    else
        *schema = made;
    return error;
}

void schema_close(struct schema *schema)
{
    if (!schema)
        return;
    schema_patterns_close(&schema->tree.patterns);
    if (schema->json)
        json_close(schema->json);
    free(schema);
}

size_t schema_bytes(const struct schema *schema)
{
    return sizeof *schema + TREE_BYTES + schema->size * TREE_FACTOR +
           schema->tree.patterns.count * (size_t)REGEX_MEMORY;
}

struct slice schema_text(const struct schema *schema)
{
    return slice_of(schema->text, schema->size);
}

bool schema_allows(const struct schema *schema, struct json_value document, const char *pointer,
                   struct faults *faults)
{
    return schema_check(&schema->tree, document, pointer, faults);
}
