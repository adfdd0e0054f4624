/* json_pointer.h - one value in a JSON text by its JSON pointer (RFC 6901). */
#ifndef BASE_JSON_POINTER_H
#define BASE_JSON_POINTER_H

#include "base/json.h"

/* Whether the text is a JSON pointer: empty, or "/" before each part, and "~" only as "~0" or "~1".
 */
bool json_pointer_is_valid(struct slice pointer);

/* Takes the next character of a valid pointer's part off its front: "~1" is "/", "~0" is "~". */
char json_pointer_take(struct slice *part);

/* The value that a valid pointer names; false if there is none. Of members with equal keys, the
 * first. */
bool json_pointer_find(struct json_value root, struct slice pointer, struct json_value *result);

/* The same, taking a step off *steps for each member that is looked at. With none left: false, and
 * *steps is 0. */
bool json_pointer_find_within(struct json_value root, struct slice pointer, uint64_t *steps,
                              struct json_value *result);

#endif
