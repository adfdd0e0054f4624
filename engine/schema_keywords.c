/* schema_keywords.c - see schema_keywords.h. */
#include "schema_keywords.h"

#include "base/json_pointer.h"

static const struct {
    const char *name;
    enum keyword_shape shape;
} shapes[] = {
    {"type", TYPES},
    {"enum", VALUES},
    {"const", ANYTHING},
    {"properties", SCHEMA_MAP},
    {"patternProperties", PATTERN_MAP},
    {"required", NAMES},
    {"additionalProperties", SUBSCHEMA},
    {"minProperties", WHOLE},
    {"maxProperties", WHOLE},
    {"dependentRequired", NAMES_MAP},
    {"dependentSchemas", SCHEMA_MAP},
    {"prefixItems", SCHEMA_LIST},
    {"items", SUBSCHEMA},
    {"contains", SUBSCHEMA},
    {"minContains", WHOLE},
    {"maxContains", WHOLE},
    {"minItems", WHOLE},
    {"maxItems", WHOLE},
    {"uniqueItems", FLAG},
    {"minLength", WHOLE},
    {"maxLength", WHOLE},
    {"pattern", PATTERN},
    {"minimum", NUMBER},
    {"maximum", NUMBER},
    {"exclusiveMinimum", NUMBER},
    {"exclusiveMaximum", NUMBER},
    {"multipleOf", POSITIVE},
    {"allOf", SCHEMA_LIST},
    {"anyOf", SCHEMA_LIST},
    {"oneOf", SCHEMA_LIST},
    {"not", SUBSCHEMA},
    {"if", SUBSCHEMA},
    {"then", SUBSCHEMA},
    {"else", SUBSCHEMA},
    {"$ref", REFERENCE},
    {"$defs", SCHEMA_MAP},
    {"definitions", SCHEMA_MAP},
    /* annotations */
    {"$schema", ANYTHING},
    {"$comment", ANYTHING},
    {"title", ANYTHING},
    {"description", ANYTHING},
    {"default", ANYTHING},
    {"examples", ANYTHING},
    {"example", ANYTHING},
    {"deprecated", ANYTHING},
    {"readOnly", ANYTHING},
    {"writeOnly", ANYTHING},
    {"format", ANYTHING},
    {"contentEncoding", ANYTHING},
    {"contentMediaType", ANYTHING},
    {"contentSchema", ANYTHING},
    {"discriminator", ANYTHING},
    {"externalDocs", ANYTHING},
    {"xml", ANYTHING},
};

enum keyword_shape schema_keyword(struct slice name)
{
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        if (slice_equal(slice_str(shapes[i].name), name))
            return shapes[i].shape;
    return slice_starts_with(name, SLICE("x-")) ? ANYTHING : NO_KEYWORD;
}

unsigned schema_type_of(struct slice name)
{
    static const struct {
        const char *name;
        unsigned bits;
    } types[] = {{"null", TYPE_NULL},      {"boolean", TYPE_BOOLEAN}, {"object", TYPE_OBJECT},
                 {"array", TYPE_ARRAY},    {"string", TYPE_STRING},   {"number", TYPE_NUMBER},
                 {"integer", TYPE_INTEGER}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_equal(slice_str(types[i].name), name))
            return types[i].bits;
    return 0;
}

bool schema_follow(struct json_value root, struct slice reference, struct json_value *found)
{
    static const char *const folders[] = {"#/$defs/", "#/definitions/"};
    *found = root;
    if (slice_equal(reference, SLICE("#")))
        return true;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        struct slice folder = slice_str(folders[i]);
        if (!slice_starts_with(reference, folder))
            continue;
        struct slice name = slice_skip(reference, folder.size), pointer = slice_skip(reference, 1);
        return slice_find(name, '/') == name.size && slice_find(name, '%') == name.size &&
               json_pointer_is_valid(pointer) && json_pointer_find(root, pointer, found);
    }
    return false;
}
