/* schema_check.c - see schema_check.h. Recursion is as deep as SCHEMA_DEPTH_MAX and no deeper. */
#include "schema_check.h"

#include "json_equal.h"
#include "json_number.h"
#include "schema.h"
#include "schema_keywords.h"

struct check {
    const struct schema_tree *schema;
    struct faults *faults;
    unsigned quiet; /* above 0: what fails here need not be a fault */
    unsigned depth;
    uint64_t steps; /* that are left */
    bool is_over;   /* too deep, or too many steps */
};

/* A value of the document, and where it is. */
struct spot {
    struct json_value value;
    const char *pointer;
};

static bool fits(struct check *check, struct json_value schema, const struct spot *spot);

/* ---- steps ---- */

static bool step(struct check *check)
{
    check->is_over |= check->steps == 0;
    if (!check->is_over)
        check->steps--;
    return !check->is_over;
}

static bool next(struct check *check, struct json_value container, uint64_t *cursor,
                 struct slice *key, struct json_value *value)
{
    return step(check) && json_next(container, cursor, key, value);
}

static bool find(struct check *check, struct json_value object, struct slice name,
                 struct json_value *value)
{
    struct slice key;
    uint64_t cursor = 0;
    if (json_kind(object) != JSON_OBJECT)
        return false;
    while (next(check, object, &cursor, &key, value))
        if (slice_equal(key, name))
            return true;
    return false;
}

static uint64_t count(struct check *check, struct json_value container)
{
    struct json_value value;
    uint64_t cursor = 0, found = 0;
    while (next(check, container, &cursor, NULL, &value))
        found++;
    return found;
}

static bool fail(struct check *check, const struct spot *spot, const char *detail)
{
    if (!check->quiet && !check->is_over)
        faults_add(check->faults, spot->pointer, "%s", detail);
    return false;
}

static bool fits_quietly(struct check *check, struct json_value schema, const struct spot *spot)
{
    check->quiet++;
    bool ok = fits(check, schema, spot);
    check->quiet--;
    return ok;
}

static bool equal(struct check *check, struct json_value a, struct json_value b)
{
    return step(check) && json_equal(a, b, &check->steps);
}

/* Whether the regular expression that stands at `place` of the schema is in the text. A step is
 * some bytes of it. */
static bool matches(struct check *check, struct json_value place, struct slice text)
{
    const struct regex *regex = schema_patterns_at(&check->schema->patterns, place);
    if (!regex || !step(check))
        return !regex;
    uint64_t cost = (uint64_t)text.size * regex_cost(regex) / SCHEMA_PATTERN_STEP;
    check->is_over |= cost > check->steps;
    if (check->is_over)
        return false;
    check->steps -= cost;
    return regex_matches(regex, text);
}

/* ---- any value ---- */

static unsigned types_of(struct json_value value)
{
    static const unsigned kinds[] = {
        [JSON_NULL] = TYPE_NULL,     [JSON_BOOL] = TYPE_BOOLEAN, [JSON_NUMBER] = TYPE_NUMBER,
        [JSON_STRING] = TYPE_STRING, [JSON_ARRAY] = TYPE_ARRAY,  [JSON_OBJECT] = TYPE_OBJECT,
    };
    return kinds[json_kind(value)] | (json_number_is_whole(value) ? TYPE_INTEGER : 0u);
}

static bool check_type(struct check *check, struct json_value schema, struct json_value operand,
                       const struct spot *spot)
{
    (void)schema;
    struct slice name;
    struct json_value one;
    uint64_t cursor = 0;
    unsigned allowed = 0;
    char detail[FAULT_DETAIL_SIZE];
    struct text text;
    text_init(&text, detail, sizeof detail);
    text_printf(&text, "must be of type");
    if (json_string(operand, &name)) {
        allowed = schema_type_of(name);
        text_printf(&text, " %.*s", (int)name.size, name.at);
    } else {
        while (next(check, operand, &cursor, NULL, &one))
            if (json_string(one, &name)) {
                text_printf(&text, "%s %.*s", allowed ? " or" : "", (int)name.size, name.at);
                allowed |= schema_type_of(name);
            }
    }
    detail[text.size] = '\0';
    return (types_of(spot->value) & allowed) || fail(check, spot, detail);
}

static bool check_enum(struct check *check, struct json_value schema, struct json_value operand,
                       const struct spot *spot)
{
    (void)schema;
    struct json_value one;
    uint64_t cursor = 0;
    while (next(check, operand, &cursor, NULL, &one))
        if (equal(check, one, spot->value))
            return true;
    return fail(check, spot, "is none of the values that the schema lists");
}

static bool check_const(struct check *check, struct json_value schema, struct json_value operand,
                        const struct spot *spot)
{
    (void)schema;
    return equal(check, operand, spot->value) ||
           fail(check, spot, "is not the value that the schema names");
}

/* ---- objects ---- */

static bool check_properties(struct check *check, struct json_value schema,
                             struct json_value operand, const struct spot *spot)
{
    (void)schema;
    struct json_value value, property;
    struct slice key;
    uint64_t cursor = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_OBJECT)
        return true;
    while (next(check, spot->value, &cursor, &key, &value)) {
        char place[FAULT_POINTER_SIZE];
        if (!find(check, operand, key, &property))
            continue;
        pointer_member(place, spot->pointer, key);
        ok &= fits(check, property, &(struct spot){value, place});
    }
    return ok;
}

/* A member of patternProperties has its expression where its schema stands. */
static bool check_pattern_properties(struct check *check, struct json_value schema,
                                     struct json_value operand, const struct spot *spot)
{
    (void)schema;
    struct json_value value, property;
    struct slice key;
    uint64_t cursor = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_OBJECT)
        return true;
    while (next(check, spot->value, &cursor, &key, &value)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, spot->pointer, key);
        for (uint64_t at = 0; next(check, operand, &at, NULL, &property);)
            if (matches(check, property, key))
                ok &= fits(check, property, &(struct spot){value, place});
    }
    return ok;
}

static bool is_additional(struct check *check, struct json_value schema, struct slice key)
{
    struct json_value list, property;
    uint64_t cursor = 0;
    if (find(check, schema, SLICE("properties"), &list) && find(check, list, key, &property))
        return false;
    if (find(check, schema, SLICE("patternProperties"), &list))
        while (next(check, list, &cursor, NULL, &property))
            if (matches(check, property, key))
                return false;
    return true;
}

static bool check_additional(struct check *check, struct json_value schema,
                             struct json_value operand, const struct spot *spot)
{
    struct json_value value;
    struct slice key;
    uint64_t cursor = 0;
    bool allowed = true, ok = true;
    if (json_kind(spot->value) != JSON_OBJECT)
        return true;
    json_bool(operand, &allowed);
    while (next(check, spot->value, &cursor, &key, &value)) {
        char place[FAULT_POINTER_SIZE];
        if (!is_additional(check, schema, key))
            continue;
        pointer_member(place, spot->pointer, key);
        const struct spot there = {value, place};
        ok &= allowed ? fits(check, operand, &there)
                      : fail(check, &there, "is not a property that the schema has");
    }
    return ok;
}

static bool check_required(struct check *check, struct json_value schema, struct json_value operand,
                           const struct spot *spot)
{
    (void)schema;
    struct json_value name, value;
    struct slice key;
    uint64_t cursor = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_OBJECT)
        return true;
    while (next(check, operand, &cursor, NULL, &name)) {
        char place[FAULT_POINTER_SIZE];
        if (!json_string(name, &key) || find(check, spot->value, key, &value))
            continue;
        pointer_member(place, spot->pointer, key);
        ok = fail(check, &(struct spot){spot->value, place}, "is required");
    }
    return ok;
}

/* What the schema wants once `name` is a member: more names, or a schema of the whole. */
static bool check_dependents(struct check *check, struct json_value schema,
                             struct json_value operand, const struct spot *spot)
{
    struct json_value wanted, value;
    struct slice name;
    uint64_t cursor = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_OBJECT)
        return true;
    while (next(check, operand, &cursor, &name, &wanted)) {
        if (!find(check, spot->value, name, &value))
            continue;
        ok &= json_kind(wanted) == JSON_ARRAY ? check_required(check, schema, wanted, spot)
                                              : fits(check, wanted, spot);
    }
    return ok;
}

enum bound { AT_LEAST, AT_MOST };

static bool check_count(struct check *check, struct json_value operand, const struct spot *spot,
                        enum json_kind kind, enum bound bound)
{
    static const char *const few[] = {
        [JSON_ARRAY] = "has too few items",
        [JSON_OBJECT] = "has too few properties",
        [JSON_STRING] = "is too short",
    };
    static const char *const many[] = {
        [JSON_ARRAY] = "has too many items",
        [JSON_OBJECT] = "has too many properties",
        [JSON_STRING] = "is too long",
    };
    struct slice text;
    uint64_t limit, found = 0;
    if (json_kind(spot->value) != kind || !json_u64(operand, &limit))
        return true;
    if (json_string(spot->value, &text))
        for (size_t i = 0; i < text.size; i++)
            found += ((unsigned char)text.at[i] & 0xc0) != 0x80; /* characters, not bytes */
    else
        found = count(check, spot->value);
    if (bound == AT_LEAST)
        return found >= limit || fail(check, spot, few[kind]);
    return found <= limit || fail(check, spot, many[kind]);
}

#define COUNT(name, kind, bound)                                                               \
    static bool name(struct check *check, struct json_value schema, struct json_value operand, \
                     const struct spot *spot)                                                  \
    {                                                                                          \
        (void)schema;                                                                          \
        return check_count(check, operand, spot, kind, bound);                                 \
    }

COUNT(check_min_properties, JSON_OBJECT, AT_LEAST)
COUNT(check_max_properties, JSON_OBJECT, AT_MOST)
COUNT(check_min_items, JSON_ARRAY, AT_LEAST)
COUNT(check_max_items, JSON_ARRAY, AT_MOST)
COUNT(check_min_length, JSON_STRING, AT_LEAST)
COUNT(check_max_length, JSON_STRING, AT_MOST)

/* ---- arrays ---- */

static bool check_prefix(struct check *check, struct json_value schema, struct json_value operand,
                         const struct spot *spot)
{
    (void)schema;
    struct json_value one, item;
    uint64_t cursor = 0, at = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_ARRAY)
        return true;
    for (unsigned i = 0;
         next(check, operand, &cursor, NULL, &one) && next(check, spot->value, &at, NULL, &item);
         i++) {
        char place[FAULT_POINTER_SIZE];
        pointer_element(place, spot->pointer, i);
        ok &= fits(check, one, &(struct spot){item, place});
    }
    return ok;
}

static bool check_items(struct check *check, struct json_value schema, struct json_value operand,
                        const struct spot *spot)
{
    struct json_value prefix, item;
    uint64_t cursor = 0, first = 0;
    bool ok = true;
    if (json_kind(spot->value) != JSON_ARRAY)
        return true;
    if (find(check, schema, SLICE("prefixItems"), &prefix))
        first = count(check, prefix);
    for (unsigned i = 0; next(check, spot->value, &cursor, NULL, &item); i++) {
        char place[FAULT_POINTER_SIZE];
        if (i < first)
            continue;
        pointer_element(place, spot->pointer, i);
        ok &= fits(check, operand, &(struct spot){item, place});
    }
    return ok;
}

static bool check_contains(struct check *check, struct json_value schema, struct json_value operand,
                           const struct spot *spot)
{
    struct json_value item, bound;
    uint64_t cursor = 0, found = 0, least = 1, most = UINT64_MAX;
    if (json_kind(spot->value) != JSON_ARRAY)
        return true;
    if (find(check, schema, SLICE("minContains"), &bound))
        json_u64(bound, &least);
    if (find(check, schema, SLICE("maxContains"), &bound))
        json_u64(bound, &most);
    while (next(check, spot->value, &cursor, NULL, &item))
        found += fits_quietly(check, operand, &(struct spot){item, spot->pointer});
    return (found >= least && found <= most) ||
           fail(check, spot, "has too few or too many items of those that it has to contain");
}

static bool check_unique(struct check *check, struct json_value schema, struct json_value operand,
                         const struct spot *spot)
{
    (void)schema;
    struct json_value a, b;
    uint64_t cursor = 0;
    bool wanted = false;
    if (json_kind(spot->value) != JSON_ARRAY || !json_bool(operand, &wanted) || !wanted)
        return true;
    while (next(check, spot->value, &cursor, NULL, &a))
        for (uint64_t rest = cursor; next(check, spot->value, &rest, NULL, &b);)
            if (equal(check, a, b))
                return fail(check, spot, "has an item twice");
    return true;
}

/* ---- numbers ---- */

/* `holds` is a condition on `order`, that of the value to the keyword's. */
#define COMPARISON(name, holds, detail)                                                        \
    static bool name(struct check *check, struct json_value schema, struct json_value operand, \
                     const struct spot *spot)                                                  \
    {                                                                                          \
        (void)schema;                                                                          \
        enum json_order order = json_number_compare(spot->value, operand);                     \
        return order == JSON_NO_NUMBER || (holds) || fail(check, spot, detail);                \
    }

COMPARISON(check_minimum, order != JSON_BELOW, "is too small")
COMPARISON(check_maximum, order != JSON_ABOVE, "is too large")
COMPARISON(check_above, order == JSON_ABOVE, "is too small")
COMPARISON(check_below, order == JSON_BELOW, "is too large")

static bool check_multiple(struct check *check, struct json_value schema, struct json_value operand,
                           const struct spot *spot)
{
    (void)schema;
    return json_number_is_multiple(spot->value, operand) ||
           fail(check, spot, "is not a multiple of what the schema names");
}

/* ---- strings ---- */

static bool check_pattern(struct check *check, struct json_value schema, struct json_value operand,
                          const struct spot *spot)
{
    (void)schema;
    struct slice text;
    return !json_string(spot->value, &text) || matches(check, operand, text) ||
           fail(check, spot, "does not match the schema's pattern");
}

/* ---- schemas of schemas ---- */

static bool check_all(struct check *check, struct json_value schema, struct json_value operand,
                      const struct spot *spot)
{
    (void)schema;
    struct json_value one;
    uint64_t cursor = 0;
    bool ok = true;
    while (next(check, operand, &cursor, NULL, &one))
        ok &= fits(check, one, spot);
    return ok;
}

static uint64_t count_fitting(struct check *check, struct json_value list, const struct spot *spot,
                              uint64_t enough)
{
    struct json_value one;
    uint64_t cursor = 0, found = 0;
    while (found < enough && next(check, list, &cursor, NULL, &one))
        found += fits_quietly(check, one, spot);
    return found;
}

static bool check_any(struct check *check, struct json_value schema, struct json_value operand,
                      const struct spot *spot)
{
    (void)schema;
    return count_fitting(check, operand, spot, 1) > 0 ||
           fail(check, spot, "is as none of the schemas under anyOf wants it");
}

static bool check_one(struct check *check, struct json_value schema, struct json_value operand,
                      const struct spot *spot)
{
    (void)schema;
    uint64_t found = count_fitting(check, operand, spot, 2);
    return found == 1 || fail(check, spot,
                              found ? "is as more than one of the schemas under oneOf wants it"
                                    : "is as none of the schemas under oneOf wants it");
}

static bool check_not(struct check *check, struct json_value schema, struct json_value operand,
                      const struct spot *spot)
{
    (void)schema;
    return !fits_quietly(check, operand, spot) ||
           fail(check, spot, "is as the schema under not has it");
}

static bool check_if(struct check *check, struct json_value schema, struct json_value operand,
                     const struct spot *spot)
{
    struct json_value branch;
    struct slice name = fits_quietly(check, operand, spot) ? SLICE("then") : SLICE("else");
    return !find(check, schema, name, &branch) || fits(check, branch, spot);
}

static bool check_reference(struct check *check, struct json_value schema,
                            struct json_value operand, const struct spot *spot)
{
    (void)schema;
    struct slice reference;
    struct json_value found;
    return !json_string(operand, &reference) || !step(check) ||
           !schema_follow(check->schema->root, reference, &found) || fits(check, found, spot);
}

/* ---- the whole ---- */

static const struct keyword {
    const char *name;
    bool (*check)(struct check *check, struct json_value schema, struct json_value operand,
                  const struct spot *spot);
} keywords[] = {
    {"type", check_type},
    {"properties", check_properties},
    {"required", check_required},
    {"patternProperties", check_pattern_properties},
    {"additionalProperties", check_additional},
    {"enum", check_enum},
    {"const", check_const},
    {"$ref", check_reference},
    {"items", check_items},
    {"prefixItems", check_prefix},
    {"minLength", check_min_length},
    {"maxLength", check_max_length},
    {"pattern", check_pattern},
    {"minimum", check_minimum},
    {"maximum", check_maximum},
    {"exclusiveMinimum", check_above},
    {"exclusiveMaximum", check_below},
    {"multipleOf", check_multiple},
    {"minItems", check_min_items},
    {"maxItems", check_max_items},
    {"uniqueItems", check_unique},
    {"contains", check_contains},
    {"minProperties", check_min_properties},
    {"maxProperties", check_max_properties},
    {"dependentRequired", check_dependents},
    {"dependentSchemas", check_dependents},
    {"allOf", check_all},
    {"anyOf", check_any},
    {"oneOf", check_one},
    {"not", check_not},
    {"if", check_if},
};

static bool check_keyword(struct check *check, struct json_value schema, struct slice name,
                          struct json_value operand, const struct spot *spot)
{
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (slice_equal(slice_str(keywords[i].name), name))
            return keywords[i].check(check, schema, operand, spot);
    return true;
}

static bool fits(struct check *check, struct json_value schema, const struct spot *spot)
{
    struct json_value operand;
    struct slice name;
    uint64_t cursor = 0;
    bool ok = true;
    if (json_bool(schema, &ok))
        return ok || fail(check, spot, "must not be there");
    check->is_over |= check->depth == SCHEMA_DEPTH_MAX;
    if (json_kind(schema) != JSON_OBJECT || check->is_over)
        return !check->is_over;
    check->depth++;
    while (next(check, schema, &cursor, &name, &operand))
        ok &= check_keyword(check, schema, name, operand, spot);
    check->depth--;
    return ok && !check->is_over;
}

bool schema_check(const struct schema_tree *schema, struct json_value document, const char *pointer,
                  struct faults *faults)
{
    struct check check = {.schema = schema, .faults = faults, .steps = SCHEMA_STEPS_MAX};
    bool ok = fits(&check, schema->root, &(struct spot){document, pointer});
    if (check.is_over)
        faults_add(faults, pointer, "takes too long, or nests too deeply, to be checked");
    return ok && !check.is_over;
}
