/* patch.c - see patch.h. */
#include "patch.h"

#include "merge_patch.h"

#include <errno.h>
#include <stdlib.h>

static size_t buffer_size(const struct patch_target *target)
{
    return target->room + CALL_BODY_MAX + JSON_PADDING;
}

/* The document as it is, read into api->json, and wiped where it was printed. */
static int read_before(struct call *call, const struct patch_target *target,
                       struct json_value *before)
{
    char why[JSON_WHY_SIZE];
    struct text *text = call_text(call, target->room + JSON_PADDING);
    target->print(target->before, text);
    int error = text_ok(text) ? json_read(call->api->json, text_slice(text), before, why) : -ENOMEM;
    if (text->at)
        explicit_bzero(text->at, text->size);
    return error;
}

static int apply(struct call *call, struct json_value patch, struct patch_target *target,
                 struct json_value *patched)
{
    char why[JSON_WHY_SIZE];
    struct json_value before;
    struct text text;
    int error = read_before(call, target, &before);
    if (error)
        return error;
    target->buffer = malloc(buffer_size(target));
    if (!target->buffer)
        return -ENOMEM;
    text_init(&text, target->buffer, buffer_size(target) - JSON_PADDING);
    error = merge_patch(before, patch, &text);
    return error ? error : json_read(call->api->json, text_slice(&text), patched, why);
}

bool patch_read(struct call *call, struct json_value *patch)
{
    return call_read_body(call, call->api->other, true, patch);
}

bool patch_apply(struct call *call, struct json_value patch, struct patch_target *target,
                 struct json_value *patched)
{
    int error = apply(call, patch, target, patched);
    if (error == 0)
        return true;
    if (error == -ENOMEM)
        call_busy(call);
    else if (error == -E2BIG)
        call_fault(call, "", "nests too deeply");
    else
        call_fault(call, "", "is too large");
    return false;
}

void patch_close(struct patch_target *target)
{
    if (target->buffer)
        explicit_bzero(target->buffer, buffer_size(target));
    free(target->buffer);
}
