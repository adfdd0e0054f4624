/* payload.c - see payload.h. */
#include "payload.h"

#include <stdlib.h>

enum { ROOM = 64 * 1024 /* more is taken when it is needed */ };

int payloads_open(struct payloads *payloads)
{
    *payloads = (struct payloads){0};
    int rc = json_open(&payloads->json);
    if (rc == 0)
        rc = json_reserve(payloads->json, ROOM);
    if (rc)
        payloads_close(payloads);
    return rc;
}

void payloads_close(struct payloads *payloads)
{
    json_close(payloads->json);
    free(payloads->text);
    *payloads = (struct payloads){0};
}

/* A copy that the parser may read beyond. Grows to the largest payload that ever was. */
static bool pad(struct payloads *payloads, struct slice payload)
{
    size_t needs = payload.size + JSON_PADDING;
    if (needs > payloads->room) {
        size_t room = needs < ROOM ? ROOM : needs;
        char *more = realloc(payloads->text, room);
        if (!more)
            return false;
        payloads->text = more;
        payloads->room = room;
    }
    memcpy(payloads->text, payload.at, payload.size);
    memset(payloads->text + payload.size, 0, JSON_PADDING);
    return true;
}

bool payload_read(struct payloads *payloads, struct slice payload, struct json_value *root)
{
    char why[JSON_WHY_SIZE];
    return payload.size > 0 && pad(payloads, payload) &&
           json_read(payloads->json, slice_of(payloads->text, payload.size), root, why) == 0;
}

bool payload_says_json(struct slice content_type)
{
    struct slice type = slice_trim(slice_of(content_type.at, slice_find(content_type, ';')));
    struct slice suffix = SLICE("+json");
    return slice_equal_nocase(type, SLICE("application/json")) ||
           (type.size > suffix.size &&
            slice_equal_nocase(slice_skip(type, type.size - suffix.size), suffix));
}
