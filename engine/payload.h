/* payload.h - reading payloads, which are delivered as they came: whether one is JSON, and what is
 * in it.
 */
#ifndef ENGINE_PAYLOAD_H
#define ENGINE_PAYLOAD_H

#include "base/json.h"

struct payloads {
    struct json *json;
    char *text; /* a copy of the last one, with padding */
    size_t room;
};

MUST_CHECK int payloads_open(struct payloads *payloads);
void payloads_close(struct payloads *payloads);

/* False: it is no JSON text, or there is no memory to read it. `root` is valid until the next one.
 */
bool payload_read(struct payloads *payloads, struct slice payload, struct json_value *root);

/* application/json and what ends in +json, whatever its parameters. */
bool payload_says_json(struct slice content_type);

#endif
