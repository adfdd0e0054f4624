/* patch.h - what a PATCH asks for: the body, a merge patch, put onto the document as it is. */
#ifndef API_PATCH_H
#define API_PATCH_H

#include "call.h"

/* Reads the body and what comes of it into `patched`, which lives in api->json and in `*buffer`,
 * for the caller to free. `print` prints `before` in at most `room` bytes. False: it has been
 * answered, and there is no buffer. */
MUST_CHECK bool patch_read(struct call *call, const void *before, size_t room,
                           void (*print)(const void *before, struct text *text), char **buffer,
                           struct json_value *patched);

#endif
