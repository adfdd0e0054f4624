/* Schemas against a checker that is obviously right: it reads one keyword after the other as the
 * specification has them, on small values, with numbers that doubles hold and texts in ASCII, and
 * knows of no faults, limits or steps. Schemas and documents are drawn; the seed is printed. */
#include "schema.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 5, SCHEMAS = 1500, DOCUMENTS = 12, TEXT_SIZE = 32 * 1024, DEPTH = 3, CALLS = 20000 };

/* ---- the checker ---- */

static struct json_value root;
static unsigned calls; /* a schema may make more of them than anybody would wait for */

static bool ok(struct json_value schema, struct json_value value);

static double number_of(struct json_value value)
{
    double number = 0;
    cr_assert(json_double(value, &number));
    return number;
}

static unsigned size_of(struct json_value list)
{
    struct json_value each;
    uint64_t cursor = 0;
    unsigned size = 0;
    while (json_next(list, &cursor, NULL, &each))
        size++;
    return size;
}

static struct json_value at(struct json_value list, unsigned index)
{
    struct json_value each = list;
    uint64_t cursor = 0;
    for (unsigned i = 0; i <= index; i++)
        cr_assert(json_next(list, &cursor, NULL, &each));
    return each;
}

static bool same(struct json_value a, struct json_value b)
{
    struct json_value x, y;
    struct slice name, text[2];
    uint64_t cursor = 0;
    bool is_true[2];
    if (json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_BOOL:
        return json_bool(a, &is_true[0]) && json_bool(b, &is_true[1]) && is_true[0] == is_true[1];
    case JSON_NUMBER:
        return number_of(a) == number_of(b);
    case JSON_STRING:
        return json_string(a, &text[0]) && json_string(b, &text[1]) &&
               slice_equal(text[0], text[1]);
    case JSON_ARRAY:
        for (unsigned i = 0; i < size_of(a) && size_of(a) == size_of(b); i++)
            if (!same(at(a, i), at(b, i)))
                return false;
        return size_of(a) == size_of(b);
    case JSON_OBJECT:
        while (json_next(a, &cursor, &name, &x)) {
            char key[16];
            snprintf(key, sizeof key, "%.*s", (int)name.size, name.at);
            if (!json_get(b, key, &y) || !same(x, y))
                return false;
        }
        return size_of(a) == size_of(b);
    case JSON_NULL:
        break;
    }
    return true;
}

static bool is_of_type(struct json_value value, struct slice type)
{
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    return slice_equal(type, slice_str(names[json_kind(value)])) ||
           (slice_equal(type, SLICE("integer")) && json_kind(value) == JSON_NUMBER &&
            fmod(number_of(value), 1) == 0);
}

static bool type_ok(struct json_value wanted, struct json_value value)
{
    struct slice name;
    if (json_string(wanted, &name))
        return is_of_type(value, name);
    for (unsigned i = 0; i < size_of(wanted); i++)
        if (json_string(at(wanted, i), &name) && is_of_type(value, name))
            return true;
    return false;
}

static bool is_among(struct json_value list, struct json_value value)
{
    for (unsigned i = 0; i < size_of(list); i++)
        if (same(at(list, i), value))
            return true;
    return false;
}

static unsigned count_ok(struct json_value schemas, struct json_value value)
{
    unsigned count = 0;
    for (unsigned i = 0; i < size_of(schemas); i++)
        count += ok(at(schemas, i), value);
    return count;
}

static bool values_ok(struct json_value s, struct json_value v)
{
    struct json_value k, branch;
    if (json_get(s, "type", &k) && !type_ok(k, v))
        return false;
    if (json_get(s, "enum", &k) && !is_among(k, v))
        return false;
    if (json_get(s, "const", &k) && !same(k, v))
        return false;
    if (json_get(s, "allOf", &k) && count_ok(k, v) != size_of(k))
        return false;
    if (json_get(s, "anyOf", &k) && count_ok(k, v) == 0)
        return false;
    if (json_get(s, "oneOf", &k) && count_ok(k, v) != 1)
        return false;
    if (json_get(s, "not", &k) && ok(k, v))
        return false;
    if (json_get(s, "if", &k) && json_get(s, ok(k, v) ? "then" : "else", &branch) && !ok(branch, v))
        return false;
    if (json_get(s, "$ref", &k)) {
        struct json_value defs;
        struct slice name;
        cr_assert(json_string(k, &name));
        if (name.size == 1)
            return ok(root, v);
        cr_assert(json_get(root, "$defs", &defs) && json_get(defs, "d", &k));
        return ok(k, v);
    }
    return true;
}

static bool numbers_ok(struct json_value s, struct json_value v)
{
    struct json_value k;
    if (json_kind(v) != JSON_NUMBER)
        return true;
    double n = number_of(v);
    return (!json_get(s, "minimum", &k) || n >= number_of(k)) &&
           (!json_get(s, "maximum", &k) || n <= number_of(k)) &&
           (!json_get(s, "exclusiveMinimum", &k) || n > number_of(k)) &&
           (!json_get(s, "exclusiveMaximum", &k) || n < number_of(k)) &&
           (!json_get(s, "multipleOf", &k) || fmod(n, number_of(k)) == 0);
}

/* Patterns that are drawn are letters, perhaps after a ^ and before a $. */
static bool is_match(struct slice pattern, struct slice text)
{
    bool from_start = pattern.size && pattern.at[0] == '^';
    pattern = slice_skip(pattern, from_start);
    bool to_end = pattern.size && pattern.at[pattern.size - 1] == '$';
    pattern.size -= to_end;
    for (size_t i = 0; i + pattern.size <= text.size; i++) {
        bool starts = !from_start || i == 0, ends = !to_end || i + pattern.size == text.size;
        if (starts && ends && slice_starts_with(slice_skip(text, i), pattern))
            return true;
    }
    return false;
}

static bool strings_ok(struct json_value s, struct json_value v)
{
    struct json_value k;
    struct slice text, pattern;
    if (!json_string(v, &text))
        return true;
    return (!json_get(s, "minLength", &k) || (double)text.size >= number_of(k)) &&
           (!json_get(s, "maxLength", &k) || (double)text.size <= number_of(k)) &&
           (!json_get(s, "pattern", &k) || (json_string(k, &pattern) && is_match(pattern, text)));
}

static bool arrays_ok(struct json_value s, struct json_value v)
{
    struct json_value k, bound;
    if (json_kind(v) != JSON_ARRAY)
        return true;
    unsigned size = size_of(v), prefix = 0;
    if (json_get(s, "prefixItems", &k))
        for (prefix = size_of(k); size > 0 && prefix > 0; prefix--)
            if (prefix <= size && !ok(at(k, prefix - 1), at(v, prefix - 1)))
                return false;
    prefix = json_get(s, "prefixItems", &k) ? size_of(k) : 0;
    if (json_get(s, "items", &k))
        for (unsigned i = prefix; i < size; i++)
            if (!ok(k, at(v, i)))
                return false;
    if (json_get(s, "contains", &k)) {
        double count = 0;
        for (unsigned i = 0; i < size; i++)
            count += ok(k, at(v, i));
        if (count < (json_get(s, "minContains", &bound) ? number_of(bound) : 1) ||
            (json_get(s, "maxContains", &bound) && count > number_of(bound)))
            return false;
    }
    bool unique = false;
    if (json_get(s, "uniqueItems", &k) && json_bool(k, &unique) && unique)
        for (unsigned i = 0; i < size; i++)
            for (unsigned j = 0; j < i; j++)
                if (same(at(v, i), at(v, j)))
                    return false;
    return (!json_get(s, "minItems", &k) || size >= number_of(k)) &&
           (!json_get(s, "maxItems", &k) || size <= number_of(k));
}

/* Whether the object has a member of this name; it gets its value. */
static bool member(struct json_value object, struct slice name, struct json_value *value)
{
    char key[16];
    snprintf(key, sizeof key, "%.*s", (int)name.size, name.at);
    return json_get(object, key, value);
}

static bool all_there(struct json_value names, struct json_value v)
{
    struct json_value value;
    struct slice name;
    for (unsigned i = 0; i < size_of(names); i++)
        if (json_string(at(names, i), &name) && !member(v, name, &value))
            return false;
    return true;
}

static bool member_ok(struct json_value s, struct slice name, struct json_value value)
{
    struct json_value k, schema;
    struct slice pattern;
    uint64_t cursor = 0;
    bool is_known = false;
    if (json_get(s, "properties", &k) && member(k, name, &schema)) {
        is_known = true;
        if (!ok(schema, value))
            return false;
    }
    if (json_get(s, "patternProperties", &k))
        while (json_next(k, &cursor, &pattern, &schema)) {
            if (!is_match(pattern, name))
                continue;
            is_known = true;
            if (!ok(schema, value))
                return false;
        }
    return is_known || !json_get(s, "additionalProperties", &k) || ok(k, value);
}

static bool objects_ok(struct json_value s, struct json_value v)
{
    struct json_value k, value, wanted;
    struct slice name;
    uint64_t cursor = 0;
    if (json_kind(v) != JSON_OBJECT)
        return true;
    while (json_next(v, &cursor, &name, &value))
        if (!member_ok(s, name, value))
            return false;
    if (json_get(s, "required", &k) && !all_there(k, v))
        return false;
    cursor = 0;
    if (json_get(s, "dependentRequired", &k))
        while (json_next(k, &cursor, &name, &wanted))
            if (member(v, name, &value) && !all_there(wanted, v))
                return false;
    cursor = 0;
    if (json_get(s, "dependentSchemas", &k))
        while (json_next(k, &cursor, &name, &wanted))
            if (member(v, name, &value) && !ok(wanted, v))
                return false;
    return (!json_get(s, "minProperties", &k) || size_of(v) >= number_of(k)) &&
           (!json_get(s, "maxProperties", &k) || size_of(v) <= number_of(k));
}

static bool ok(struct json_value schema, struct json_value value)
{
    bool flag;
    if (++calls > CALLS)
        return false;
    if (json_bool(schema, &flag))
        return flag;
    return values_ok(schema, value) && numbers_ok(schema, value) && strings_ok(schema, value) &&
           arrays_ok(schema, value) && objects_ok(schema, value);
}

/* ---- what is drawn ---- */

static struct random dice;

static unsigned below(unsigned bound)
{
    return (unsigned)random_below(&dice, bound);
}

static void put_words(struct text *out, const char *before, unsigned count, const char *after)
{
    text_printf(out, "%s", before);
    for (unsigned i = 0; i < count; i++)
        text_printf(out, "%s\"%c\"", i ? "," : "", (int)('a' + i));
    text_printf(out, "%s", after);
}

static void put_string(struct text *out)
{
    text_char(out, '"');
    for (unsigned left = below(4); left > 0; left--)
        text_char(out, (char)('a' + below(2)));
    text_char(out, '"');
}

static void put_document(struct text *out, unsigned depth)
{
    static const char *const scalars[] = {"null", "true", "false", "0",    "1",
                                          "1.0",  "2",    "-1",    "1.25", "0.5"};
    unsigned kind = below(depth ? 7 : 4), size = below(4);
    if (kind < 2) {
        text_printf(out, "%s", scalars[below(10)]);
    } else if (kind < 4) {
        put_string(out);
    } else if (kind == 4) {
        text_char(out, '[');
        for (unsigned i = 0; i < size; i++) {
            text_printf(out, "%s", i ? "," : "");
            put_document(out, depth - 1);
        }
        text_char(out, ']');
    } else {
        text_char(out, '{');
        for (unsigned i = 0, name = below(2); i < size; i++, name += 1 + below(2)) {
            text_printf(out, "%s\"%s%c\":", i ? "," : "", name % 3 ? "" : "x", (int)('a' + name));
            put_document(out, depth - 1);
        }
        text_char(out, '}');
    }
}

static void put_schema(struct text *out, unsigned depth, bool descends);

/* An array of one to three schemas. */
static void put_list(struct text *out, unsigned depth, bool descends)
{
    text_char(out, '[');
    for (unsigned left = 1 + below(3); left > 0; left--) {
        put_schema(out, depth, descends);
        text_printf(out, "%s", left > 1 ? "," : "");
    }
    text_char(out, ']');
}

static void put_map(struct text *out, unsigned depth, bool is_pattern, bool descends)
{
    static const char *const patterns[] = {"^x", "a", "b$", "^c$", "", "^$"};
    static const char *const names[] = {"a", "b", "xa", "xd", "e", "c"};
    unsigned from = below(3);
    text_char(out, '{');
    for (unsigned i = from, end = from + 1 + below(3); i < end; i++) {
        text_printf(out, "%s\"%s\":", i > from ? "," : "", (is_pattern ? patterns : names)[i]);
        put_schema(out, depth, descends);
    }
    text_char(out, '}');
}

static void put_number(struct text *out, const char *keyword)
{
    static const char *const numbers[] = {"0", "1", "-1", "0.5", "1.25"};
    text_printf(out, "\"%s\":%s", keyword, numbers[below(5)]);
}

static void put_types(struct text *out)
{
    static const char *const names[] = {"null",  "boolean", "number", "string",
                                        "array", "object",  "integer"};
    if (below(2))
        text_printf(out, "\"type\":\"%s\"", names[below(7)]);
    else
        text_printf(out, "\"type\":[\"%s\",\"%s\"]", names[below(3)], names[3 + below(4)]);
}

/* Keywords that have no schemas in them. */
static void put_plain(struct text *out, unsigned which)
{
    static const char *const counts[] = {"minItems",      "maxItems",  "minProperties",
                                         "maxProperties", "minLength", "maxLength"};
    static const char *const bounds[] = {"minimum", "maximum", "exclusiveMinimum",
                                         "exclusiveMaximum"};
    static const char *const patterns[] = {"a", "^a", "b$", "^ab$", "^$", "aa"};
    switch (which) {
    case 0:
        put_types(out);
        break;
    case 1:
        text_printf(out, "\"%s\":%u", counts[below(6)], below(3));
        break;
    case 2:
        put_number(out, bounds[below(4)]);
        break;
    case 3:
        text_printf(out, "\"multipleOf\":%s", below(2) ? "2" : "0.25");
        break;
    case 4:
        text_printf(out, "\"pattern\":\"%s\"", patterns[below(6)]);
        break;
    case 5:
        text_printf(out, "\"uniqueItems\":%s", below(4) ? "true" : "false");
        break;
    case 6:
        put_words(out, "\"required\":[", below(3), "]");
        break;
    case 7:
        put_words(out, "\"dependentRequired\":{\"a\":[", below(3), "]}");
        break;
    case 8:
        text_printf(out, "\"const\":");
        put_document(out, 1);
        break;
    default:
        text_printf(out, "\"enum\":[");
        put_document(out, 1);
        text_char(out, ',');
        put_document(out, 1);
        text_char(out, ']');
    }
}

/* A reference is only drawn where it stands for a part of the document, so that every check ends.
 */
static void put_deep(struct text *out, unsigned which, unsigned depth, bool descends)
{
    static const char *const lists[] = {"allOf", "anyOf", "oneOf"};
    static const char *const ones[] = {"items", "additionalProperties", "contains"};
    switch (which) {
    case 0:
        text_printf(out, "\"%s\":", lists[below(3)]);
        put_list(out, depth, descends);
        break;
    case 1:
        text_printf(out, "\"not\":");
        put_schema(out, depth, descends);
        break;
    case 2:
        text_printf(out, "\"if\":");
        put_schema(out, depth, descends);
        text_printf(out, ",\"%s\":", below(2) ? "then" : "else");
        put_schema(out, depth, descends);
        break;
    case 3:
        text_printf(out, "\"prefixItems\":");
        put_list(out, depth, true);
        break;
    case 4:
        text_printf(out, "\"properties\":");
        put_map(out, depth, false, true);
        break;
    case 5:
        text_printf(out, "\"patternProperties\":");
        put_map(out, depth, true, true);
        break;
    case 6:
        text_printf(out, "\"dependentSchemas\":");
        put_map(out, depth, false, descends);
        break;
    case 7:
        text_printf(out, "\"minContains\":%u,\"maxContains\":%u,\"contains\":", below(2), below(3));
        put_schema(out, depth, true);
        break;
    default:
        text_printf(out, "\"%s\":", ones[below(3)]);
        put_schema(out, depth, true);
    }
}

static void put_schema(struct text *out, unsigned depth, bool descends)
{
    if (below(8) == 0) {
        text_printf(out, "%s", below(3) ? "true" : "false");
        return;
    }
    if (descends && below(6) == 0) {
        text_printf(out, "{\"$ref\":\"%s\"}", below(2) ? "#" : "#/$defs/d");
        return;
    }
    text_char(out, '{');
    unsigned count = below(4);
    for (unsigned i = 0; i < count; i++) {
        if (i)
            text_char(out, ',');
        /* each from a part of its own, so that none comes twice */
        if (depth && below(2))
            put_deep(out, i * 3 + below(3), depth - 1, descends);
        else
            put_plain(out, i * 3 + below(i == 2 ? 4 : 3));
    }
    text_char(out, '}');
}

/* ---- the test ---- */

static char texts[2][TEXT_SIZE + JSON_PADDING];

static struct json_value read(struct json *json, unsigned which, const struct text *text)
{
    char why[JSON_WHY_SIZE];
    struct json_value value;
    cr_assert(text_ok(text));
    cr_assert(zero(int, json_read(json, text_slice(text), &value, why)), "%s: %s", texts[which],
              why);
    return value;
}

static void draw_schema(struct text *text)
{
    text_init(text, texts[0], TEXT_SIZE);
    text_printf(text, "{\"$defs\":{\"d\":");
    put_schema(text, DEPTH - 1, false);
    text_printf(text, "},\"allOf\":[");
    put_schema(text, DEPTH, false);
    text_printf(text, "]}");
}

Test(schema_model, says_what_a_checker_says_that_is_obviously_right)
{
    struct json *jsons[2];
    struct faults faults = {0};
    unsigned fitting = 0, all = 0;
    random_init(&dice, SEED);
    cr_assert(zero(int, json_open(&jsons[0])));
    cr_assert(zero(int, json_open(&jsons[1])));
    for (unsigned i = 0; i < SCHEMAS; i++) {
        struct text text;
        struct schema *schema = NULL;
        draw_schema(&text);
        root = read(jsons[0], 0, &text);
        int error = schema_open(&schema, root, "", &faults);
        cr_assert(zero(int, error), "seed %d: %.*s: %s %s", SEED, SLICE_ARGS(text_slice(&text)),
                  faults.list[0].pointer, faults.list[0].detail);
        for (unsigned k = 0; k < DOCUMENTS; k++) {
            struct text document;
            text_init(&document, texts[1], TEXT_SIZE);
            put_document(&document, DEPTH);
            struct json_value value = read(jsons[1], 1, &document);
            calls = 0;
            faults.count = 0;
            bool expected = ok(root, value);
            if (calls > CALLS)
                continue;
            bool allows = schema_allows(schema, value, "", &faults);
            cr_assert(eq(int, allows, expected), "seed %d: %.*s of %.*s: %s %s", SEED,
                      SLICE_ARGS(text_slice(&document)), SLICE_ARGS(text_slice(&text)),
                      faults.list[0].pointer, faults.list[0].detail);
            cr_assert(eq(int, allows, faults.count == 0));
            fitting += allows;
            all++;
        }
        faults.count = 0;
        schema_close(schema);
    }
    cr_expect(lt(u32, SCHEMAS * DOCUMENTS * 9 / 10, all));
    cr_expect(lt(u32, all / 4, fitting), "of %u, %u fit", all, fitting);
    cr_expect(lt(u32, fitting, all * 3 / 4), "of %u, %u fit", all, fitting);
    json_close(jsons[0]);
    json_close(jsons[1]);
}
