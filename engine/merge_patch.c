/* merge_patch.c - a walk over two trees at once, on a stack of its own.
 *
 * A frame stands for an object being printed. It first goes through the target's members (those
 * that the patch does not name are printed as they are), then through the patch's that the target
 * has not. A patch member that is an object opens a frame of its own, also where the target has
 * none, because nulls inside it must not be printed.
 */
#include "merge_patch.h"

#include <errno.h>

enum { KEY_SIZE = 256 };

struct frame {
    struct json_value target, patch;
    bool has_target; /* `target` is an object */
    bool in_patch;   /* the target's members are done */
    bool printed;    /* a member, so that the next needs a comma */
    uint64_t cursor;
};

/* Keys are looked up by C strings. One that is longer than any we know, or holds a NUL, is in
 * neither tree under a name that matters: it counts as absent from the other. */
static bool find(struct json_value object, struct slice key, struct json_value *value)
{
    char name[KEY_SIZE];
    if (key.size >= sizeof name || memchr(key.at, '\0', key.size))
        return false;
    memcpy(name, key.at, key.size);
    name[key.size] = '\0';
    return json_get(object, name, value);
}

static void put_key(struct frame *frame, struct slice key, struct text *out)
{
    if (frame->printed)
        text_char(out, ',');
    frame->printed = true;
    text_json(out, key);
    text_char(out, ':');
}

/* Prints what the patch says about `key`. True: it is an object, for which `inner` was made. */
static bool put_patched(struct frame *frame, struct slice key, struct json_value patch,
                        struct frame *inner, struct text *out)
{
    if (json_kind(patch) == JSON_NULL)
        return false;
    put_key(frame, key, out);
    if (json_kind(patch) != JSON_OBJECT) {
        json_put(patch, out);
        return false;
    }
    *inner = (struct frame){.patch = patch};
    inner->has_target = frame->has_target && find(frame->target, key, &inner->target) &&
                        json_kind(inner->target) == JSON_OBJECT;
    inner->in_patch = !inner->has_target;
    text_char(out, '{');
    return true;
}

/* Goes on with a frame until it is over (false) or an object inside it has to be gone through first
 * (true, with `inner`). */
static bool advance(struct frame *frame, struct frame *inner, struct text *out)
{
    struct slice key;
    struct json_value value, other;

    while (!frame->in_patch) {
        if (!json_next(frame->target, &frame->cursor, &key, &value)) {
            frame->in_patch = true;
            frame->cursor = 0;
        } else if (!find(frame->patch, key, &other)) {
            put_key(frame, key, out);
            json_put(value, out);
        } else if (put_patched(frame, key, other, inner, out)) {
            return true;
        }
    }
    while (json_next(frame->patch, &frame->cursor, &key, &value)) {
        bool is_done = frame->has_target && find(frame->target, key, &other);
        if (!is_done && put_patched(frame, key, value, inner, out))
            return true;
    }
    return false;
}

int merge_patch(struct json_value target, struct json_value patch, struct text *out)
{
    must(json_kind(target) == JSON_OBJECT && json_kind(patch) == JSON_OBJECT);
    struct frame frames[MERGE_DEPTH_MAX];
    unsigned depth = 1;

    frames[0] = (struct frame){.target = target, .patch = patch, .has_target = true};
    text_char(out, '{');
    while (depth) {
        struct frame inner;
        if (!advance(&frames[depth - 1], &inner, out)) {
            text_char(out, '}');
            depth--;
        } else if (depth == MERGE_DEPTH_MAX) {
            return -E2BIG;
        } else {
            frames[depth++] = inner;
        }
    }
    return text_ok(out) ? 0 : -ENOBUFS;
}
