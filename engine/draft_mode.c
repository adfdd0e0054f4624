/* draft_mode.c - in which form events are sent: "method", "compression", "delivery". */
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
