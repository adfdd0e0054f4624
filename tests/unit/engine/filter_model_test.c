/* Random conditions and events, against an evaluator that is obviously right. */
#include "filter_stage.h"

#include "base/random.h"
#include "base/text.h"

#include <stdio.h>

enum { SEED = 4711, ROUNDS = 20000 };

TestSuite(filter, .init = open_parsers, .fini = close_parsers);

static struct random dice;

static bool same(struct json_value a, struct json_value b)
{
    char left[256], right[256];
    long size = json_print(a, left, sizeof left);
    return size >= 0 && json_kind(a) != JSON_ARRAY && json_kind(a) != JSON_OBJECT &&
           size == json_print(b, right, sizeof right) && memcmp(left, right, (size_t)size) == 0;
}

static bool in_list(struct json_value list, struct json_value value)
{
    struct json_value element;
    for (uint64_t cursor = 0; json_next(list, &cursor, NULL, &element);)
        if (same(element, value))
            return true;
    return false;
}

static bool naive(struct json_value condition, const struct json_value *value);

/* The parts of a condition that are about one and the same element. */
static bool of_element(struct slice name, struct json_value operand, const struct json_value *value)
{
    struct json_value member;
    char key[16];
    double a, b;
    if (name.at[0] != '$') {
        snprintf(key, sizeof key, "%.*s", SLICE_ARGS(name));
        return naive(operand, value && json_get(*value, key, &member) ? &member : NULL);
    }
    if (slice_equal(name, SLICE("$eq")))
        return value && same(operand, *value);
    if (slice_equal(name, SLICE("$in")))
        return value && in_list(operand, *value);
    bool are_numbers = value && json_double(*value, &a) && json_double(operand, &b);
    return are_numbers && (slice_equal(name, SLICE("$gt")) ? a > b : a <= b);
}

static bool is_of_element(struct slice name)
{
    return name.at[0] != '$' || slice_equal(name, SLICE("$eq")) ||
           slice_equal(name, SLICE("$in")) || slice_equal(name, SLICE("$gt")) ||
           slice_equal(name, SLICE("$lte"));
}

static bool element_holds(struct json_value condition, const struct json_value *value)
{
    struct json_value operand;
    struct slice name;
    if (json_kind(condition) != JSON_OBJECT)
        return value && same(condition, *value);
    for (uint64_t cursor = 0; json_next(condition, &cursor, &name, &operand);)
        if (is_of_element(name) && !of_element(name, operand, value))
            return false;
    return true;
}

static bool has_element_part(struct json_value condition)
{
    struct json_value operand;
    struct slice name;
    for (uint64_t cursor = 0; json_next(condition, &cursor, &name, &operand);)
        if (is_of_element(name))
            return true;
    return json_kind(condition) != JSON_OBJECT;
}

static bool some_element_holds(struct json_value condition, const struct json_value *value)
{
    struct json_value element;
    if (!value || json_kind(*value) != JSON_ARRAY)
        return element_holds(condition, value);
    for (uint64_t cursor = 0; json_next(*value, &cursor, NULL, &element);)
        if (element_holds(condition, &element))
            return true;
    return false;
}

/* Whether the value, or an element of it, is `operand` or in it. */
static bool is_among(struct json_value operand, const struct json_value *value)
{
    struct json_value element;
    if (!value)
        return false;
    if (json_kind(*value) != JSON_ARRAY)
        return same(operand, *value) || in_list(operand, *value);
    for (uint64_t cursor = 0; json_next(*value, &cursor, NULL, &element);)
        if (same(operand, element) || in_list(operand, element))
            return true;
    return false;
}

static bool whole_holds(struct slice name, struct json_value operand,
                        const struct json_value *value)
{
    struct json_value element;
    uint64_t cursor = 0;
    bool flag;
    if (slice_equal(name, SLICE("$exist")))
        return json_bool(operand, &flag) && flag == (value != NULL);
    if (slice_equal(name, SLICE("$not")))
        return !naive(operand, value);
    if (slice_equal(name, SLICE("$neq")) || slice_equal(name, SLICE("$nin")))
        return !is_among(operand, value);
    bool is_and = slice_equal(name, SLICE("$and"));
    while (json_next(operand, &cursor, NULL, &element))
        if (naive(element, value) != is_and)
            return !is_and;
    return is_and;
}

static bool naive(struct json_value condition, const struct json_value *value)
{
    struct json_value operand;
    struct slice name;
    if (has_element_part(condition) && !some_element_holds(condition, value))
        return false;
    for (uint64_t cursor = 0; json_next(condition, &cursor, &name, &operand);)
        if (!is_of_element(name) && !whole_holds(name, operand, value))
            return false;
    return true;
}

static void put_plain(struct text *text)
{
    static const char *const plain[] = {"0", "1", "2", "\"x\"", "\"y\"", "true", "null"};
    text_put(text, slice_str(plain[random_below(&dice, sizeof plain / sizeof *plain)]));
}

static void put_value(struct text *text, unsigned depth)
{
    uint64_t kind = depth == 0 ? 0 : random_below(&dice, 4);
    uint64_t count = random_below(&dice, 4);
    if (kind < 2) {
        put_plain(text);
        return;
    }
    text_char(text, kind == 2 ? '{' : '[');
    for (uint64_t i = 0; i < count; i++) {
        text_put(text, i > 0 ? SLICE(",") : SLICE(""));
        if (kind == 2)
            text_printf(text, "\"%c\":", (char)('a' + (int)i));
        put_value(text, depth - 1);
    }
    text_char(text, kind == 2 ? '}' : ']');
}

static void put_condition(struct text *text, unsigned depth);

static void put_list(struct text *text, void (*put)(struct text *text, unsigned depth),
                     unsigned depth)
{
    uint64_t count = 1 + random_below(&dice, 3);
    for (uint64_t i = 0; i < count; i++) {
        text_char(text, i == 0 ? '[' : ',');
        put(text, depth);
    }
    text_char(text, ']');
}

static void put_leaf(struct text *text, unsigned depth)
{
    (void)depth;
    put_plain(text);
}

static void put_member(struct text *text, unsigned depth)
{
    static const char *const names[] = {"a",   "b",    "c",   "$eq",  "$neq", "$gt",   "$lte",
                                        "$in", "$nin", "$or", "$and", "$not", "$exist"};
    const char *name = names[random_below(&dice, sizeof names / sizeof *names)];
    text_printf(text, "\"%s\":", name);
    if (strcmp(name, "$gt") == 0 || strcmp(name, "$lte") == 0)
        text_u64(text, random_below(&dice, 3));
    else if (strcmp(name, "$exist") == 0)
        text_put(text, random_below(&dice, 2) ? SLICE("true") : SLICE("false"));
    else if (strcmp(name, "$in") == 0 || strcmp(name, "$nin") == 0)
        put_list(text, put_leaf, 0);
    else if (strcmp(name, "$or") == 0 || strcmp(name, "$and") == 0)
        put_list(text, put_condition, depth);
    else if (strcmp(name, "$eq") == 0 || strcmp(name, "$neq") == 0)
        put_plain(text);
    else
        put_condition(text, depth);
}

/* Of an event as a whole. */
static void put_outer(struct text *text, unsigned depth)
{
    static const char *const names[] = {"payload", "metadata", "$not", "$or", "$and"};
    uint64_t count = 1 + random_below(&dice, 2);
    text_char(text, '{');
    for (uint64_t i = 0; i < count; i++) {
        uint64_t name = random_below(&dice, depth == 0 ? 2 : 5);
        text_printf(text, "%s\"%s\":", i > 0 ? "," : "", names[name]);
        if (name < 2)
            put_condition(text, 3);
        else if (name == 2)
            put_outer(text, depth - 1);
        else
            put_list(text, put_outer, depth - 1);
    }
    text_char(text, '}');
}

static void put_condition(struct text *text, unsigned depth)
{
    uint64_t count = random_below(&dice, 3);
    if (depth == 0) {
        put_plain(text);
        return;
    }
    text_char(text, '{');
    for (uint64_t i = 0; i <= count; i++) {
        text_put(text, i > 0 ? SLICE(",") : SLICE(""));
        put_member(text, depth - 1);
    }
    text_char(text, '}');
}

Test(filter, agrees_with_an_evaluator_that_is_obviously_right)
{
    static char condition[TEXT_SIZE], whole[TEXT_SIZE];
    unsigned held = 0, compiled = 0;
    random_init(&dice, SEED);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct text text;
        struct filter *filter;
        text_init(&text, condition, sizeof condition - 1);
        put_outer(&text, 1);
        cr_assert(text_ok(&text));
        condition[text.size] = '\0';
        text_init(&text, whole, sizeof whole - 1);
        text_put(&text, SLICE("{\"payload\":"));
        put_value(&text, 3);
        text_put(&text, SLICE(",\"metadata\":"));
        put_value(&text, 3);
        text_char(&text, '}');
        whole[text.size] = '\0';

        if (compile(condition, &filter)) {
            cr_assert(strstr(faults.list[0].detail, "too many") != NULL, "%s", condition);
            continue;
        }
        compiled++;
        struct filter_event event = {.type = SLICE("t"), .has_payload = true, .has_metadata = true};
        struct json_value seen = read_json(payloads, whole);
        cr_assert(json_get(seen, "payload", &event.payload));
        cr_assert(json_get(seen, "metadata", &event.metadata));
        bool expected = naive(read_json(filters, condition), &seen);
        cr_assert(filter_judge(filter, &event, failed) == expected, "seed %d: %s of %s: not %d",
                  SEED, condition, whole, expected);
        cr_assert(filter_looks_at_metadata(filter) == (strstr(condition, "metadata") != NULL));
        held += expected;
        filter_drop(filter);
    }
    cr_assert(lt(u32, compiled / 10, held));
    cr_assert(lt(u32, held, compiled / 10 * 9));
}
