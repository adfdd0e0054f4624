/* patch.c - see patch.h. */
#include "patch.h"

#include "merge_patch.h"

#include <errno.h>
#include <stdlib.h>

/* Reads what comes of the document in the call's text and `patch` into api->json. The text for it
 * is in `buffer`, of `size`. */
static int apply(struct call *call, struct json_value patch, char *buffer, size_t size,
                 struct json_value *patched)
{
    struct json *json = call->api->json;
    const struct text *now = &call->api->answer;
    char why[JSON_WHY_SIZE];
    struct json_value target;
    struct text text;

    int error = text_ok(now) ? json_read(json, text_slice(now), &target, why) : -ENOMEM;
    if (error)
        return error;
    text_init(&text, buffer, size - JSON_PADDING);
    error = merge_patch(target, patch, &text);
    return error ? error : json_read(json, text_slice(&text), patched, why);
}

bool patch_read(struct call *call, const void *before, size_t room,
                void (*print)(const void *before, struct text *text), char **buffer,
                struct json_value *patched)
{
    size_t size = room + CALL_BODY_MAX + JSON_PADDING;
    struct json_value patch;
    if (!call_read_body(call, call->api->other, true, &patch))
        return false;

    print(before, call_text(call, room + JSON_PADDING));
    *buffer = malloc(size);
    int error = *buffer ? apply(call, patch, *buffer, size, patched) : -ENOMEM;
    if (error == 0)
        return true;
    if (error == -ENOMEM)
        call_busy(call);
    else if (error == -E2BIG)
        call_fault(call, "", "nests too deeply");
    else
        call_fault(call, "", "is too large");
    free(*buffer);
    *buffer = NULL;
    return false;
}
