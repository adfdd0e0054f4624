/* merge_patch.h - JSON merge patches (RFC 7396): what PATCH bodies are. */
#ifndef ENGINE_MERGE_PATCH_H
#define ENGINE_MERGE_PATCH_H

#include "base/json.h"
#include "base/text.h"

enum { MERGE_DEPTH_MAX = 16 };

/* Prints `target`, an object, as `patch`, an object, changes it. The two come from different
 * parsers. 0; -ENOBUFS if there is no room in `out`; -E2BIG if objects of the patch nest deeper
 * than MERGE_DEPTH_MAX. */
MUST_CHECK int merge_patch(struct json_value target, struct json_value patch, struct text *out);

#endif
