/* json_pointer.c - see json_pointer.h. */
#include "base/json_pointer.h"

bool json_pointer_is_valid(struct slice pointer)
{
    if (pointer.size > 0 && pointer.at[0] != '/')
        return false;
    for (size_t i = 0; i < pointer.size; i++)
        if (pointer.at[i] == '~' &&
            (i + 1 == pointer.size || (pointer.at[i + 1] != '0' && pointer.at[i + 1] != '1')))
            return false;
    return true;
}

char json_pointer_take(struct slice *part)
{
    char c = part->at[0];
    bool is_code = c == '~';
    if (is_code)
        c = part->at[1] == '1' ? '/' : '~';
    *part = slice_skip(*part, is_code ? 2 : 1);
    return c;
}

static bool names(struct slice part, struct slice key)
{
    size_t used = 0;
    for (; part.size > 0; used++)
        if (used == key.size || key.at[used] != json_pointer_take(&part))
            return false;
    return used == key.size;
}

static bool next(struct json_value from, uint64_t *cursor, struct slice *key,
                 struct json_value *result, uint64_t *steps)
{
    if (*steps == 0)
        return false;
    --*steps;
    return json_next(from, cursor, key, result);
}

static bool find_part(struct json_value from, struct slice part, uint64_t *steps,
                      struct json_value *result)
{
    uint64_t cursor = 0, wanted = 0;
    struct slice key;
    if (json_kind(from) == JSON_OBJECT) {
        while (next(from, &cursor, &key, result, steps))
            if (names(part, key))
                return true;
        return false;
    }
    bool is_index = slice_to_u64(part, &wanted) && (part.size == 1 || part.at[0] != '0');
    while (is_index && next(from, &cursor, NULL, result, steps))
        if (wanted-- == 0)
            return true;
    return false;
}

bool json_pointer_find(struct json_value root, struct slice pointer, struct json_value *result)
{
    uint64_t steps = UINT64_MAX;
    return json_pointer_find_within(root, pointer, &steps, result);
}

bool json_pointer_find_within(struct json_value root, struct slice pointer, uint64_t *steps,
                              struct json_value *result)
{
    *result = root;
    while (pointer.size > 0) {
        struct json_value from = *result;
        pointer = slice_skip(pointer, 1);
        struct slice part = slice_of(pointer.at, slice_find(pointer, '/'));
        if (!find_part(from, part, steps, result))
            return false;
        pointer = slice_skip(pointer, part.size);
    }
    return true;
}
