/* draft_mode.c - in which form and order events are sent: "method", "ordering", "compression",
 * "delivery". */
#include "base/json_pointer.h"
#include "draft.h"

void draft_parse_method(struct draft *draft, struct json_value value, const char *pointer)
{
    static const char *const methods[] = {"POST", "PUT", "PATCH"};
    struct slice text;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (json_string(value, &text) && slice_equal(text, slice_str(methods[i]))) {
            memcpy(draft->made->method, methods[i], strlen(methods[i]) + 1);
            return;
        }
    }
    faults_add(draft->faults, pointer, "must be \"POST\", \"PUT\" or \"PATCH\"");
}

static void parse_ordering_key(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice key;
    if (!draft_take_string(draft, value, pointer, LIMIT_POINTER_SIZE, &key))
        return;
    if (key.size == 0 || !json_pointer_is_valid(key)) {
        faults_add(draft->faults, pointer,
                   "must be a JSON pointer into the payload, as \"/user_id\"");
        return;
    }
    draft->made->ordering = ORDERING_KEY;
    draft_keep(draft, &draft->made->ordering_key, key);
}

void draft_parse_ordering(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"key", parse_ordering_key, NULL}};
    struct json_value key;
    struct slice text;
    if (json_get(value, "key", &key))
        DRAFT_WALK(draft, value, pointer, fields);
    else if (json_string(value, &text) && slice_equal(text, SLICE("strict")))
        draft->made->ordering = ORDERING_STRICT;
    else if (!json_string(value, &text) || !slice_equal(text, SLICE("none")))
        faults_add(draft->faults, pointer,
                   "must be \"none\", \"strict\" or {\"key\": a JSON pointer into the payload}");
}

void draft_parse_compression(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (json_string(value, &text) && slice_equal(text, SLICE("gzip")))
        draft->made->gzip = true;
    else if (!json_string(value, &text) || !slice_equal(text, SLICE("none")))
        faults_add(draft->faults, pointer, "must be \"none\" or \"gzip\"");
}

void draft_parse_delivery(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"mode", NULL, "\"single\""}};
    DRAFT_WALK(draft, value, pointer, fields);
}
