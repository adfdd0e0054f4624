/* patch.h - what a PATCH asks for: the body, a merge patch, put onto the document as it is. What
 * the document had in it, secrets perhaps, is wiped from where it was put together.
 */
#ifndef API_PATCH_H
#define API_PATCH_H

#include "call.h"

struct patch_target {
    const void *before;
    size_t room; /* the most that `print` prints */
    void (*print)(const void *before, struct text *text);
    char *buffer; /* the caller's NULL, to be given to patch_close() */
};

/* Reads the body, a merge patch, with api->other. False: it has been answered. */
MUST_CHECK bool patch_read(struct call *call, struct json_value *patch);

/* Reads what comes of `patch` into `patched`, which lives in api->json and in the target's buffer.
 * False: it has been answered. */
MUST_CHECK bool patch_apply(struct call *call, struct json_value patch, struct patch_target *target,
                            struct json_value *patched);

void patch_close(struct patch_target *target);

#endif
