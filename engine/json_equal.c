/* json_equal.c - see json_equal.h. Recursion is as deep as JSON_EQUAL_DEPTH_MAX and no deeper. */
#include "json_equal.h"

#include "json_number.h"

static bool equal(struct json_value a, struct json_value b, uint64_t *steps, unsigned depth);

static bool next(struct json_value container, uint64_t *cursor, struct slice *key,
                 struct json_value *value, uint64_t *steps)
{
    if (*steps == 0)
        return false;
    --*steps;
    return json_next(container, cursor, key, value);
}

static bool find(struct json_value object, struct slice name, struct json_value *value,
                 uint64_t *steps)
{
    struct slice key;
    uint64_t cursor = 0;
    while (next(object, &cursor, &key, value, steps))
        if (slice_equal(key, name))
            return true;
    return false;
}

static uint64_t count(struct json_value container, uint64_t *steps)
{
    struct json_value value;
    uint64_t cursor = 0, found = 0;
    while (next(container, &cursor, NULL, &value, steps))
        found++;
    return found;
}

static bool equal_arrays(struct json_value a, struct json_value b, uint64_t *steps, unsigned depth)
{
    struct json_value x, y;
    uint64_t at_a = 0, at_b = 0;
    for (;;) {
        bool more_a = next(a, &at_a, NULL, &x, steps), more_b = next(b, &at_b, NULL, &y, steps);
        if (!more_a || !more_b)
            return more_a == more_b;
        if (!equal(x, y, steps, depth + 1))
            return false;
    }
}

static bool equal_objects(struct json_value a, struct json_value b, uint64_t *steps, unsigned depth)
{
    struct json_value x, y;
    struct slice key;
    uint64_t cursor = 0;
    if (count(a, steps) != count(b, steps))
        return false;
    while (next(a, &cursor, &key, &x, steps))
        if (!find(b, key, &y, steps) || !equal(x, y, steps, depth + 1))
            return false;
    return true;
}

static bool equal(struct json_value a, struct json_value b, uint64_t *steps, unsigned depth)
{
    struct slice text_a, text_b;
    bool flag_a = false, flag_b = false;
    if (depth > JSON_EQUAL_DEPTH_MAX)
        *steps = 0;
    if (*steps == 0 || json_kind(a) != json_kind(b))
        return false;
    --*steps;
    switch (json_kind(a)) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return json_bool(a, &flag_a) && json_bool(b, &flag_b) && flag_a == flag_b;
    case JSON_NUMBER:
        return json_number_compare(a, b) == JSON_SAME;
    case JSON_STRING:
        return json_string(a, &text_a) && json_string(b, &text_b) && slice_equal(text_a, text_b);
    case JSON_ARRAY:
        return equal_arrays(a, b, steps, depth);
    case JSON_OBJECT:
        return equal_objects(a, b, steps, depth);
    }
    return false;
}

bool json_equal(struct json_value a, struct json_value b, uint64_t *steps)
{
    return equal(a, b, steps, 0) && *steps > 0;
}
