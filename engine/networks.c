/* networks.c - see networks.h. */
#include "networks.h"

unsigned networks_parse(struct json_value value, const char *pointer, struct network *list,
                        unsigned max, struct faults *faults)
{
    struct json_value element;
    uint64_t cursor = 0;
    unsigned count = 0;
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(faults, pointer, "must be an array of networks");
        return 0;
    }
    for (; json_next(value, &cursor, NULL, &element); count++) {
        char place[FAULT_POINTER_SIZE];
        struct slice text;
        pointer_element(place, pointer, count);
        if (count == max) {
            faults_add(faults, pointer, "must be at most %u", max);
            return 0;
        }
        if (!json_string(element, &text) || network_parse(text, &list[count]))
            faults_add(faults, place,
                       "must be a network like 10.0.0.0/8 or fd00::/8, with no bit set behind its "
                       "prefix");
    }
    return count;
}

void networks_print(const struct network *list, unsigned count, struct text *text)
{
    char network[NETWORK_TEXT_SIZE];
    text_char(text, '[');
    for (unsigned i = 0; i < count; i++)
        text_printf(text, "%s\"%s\"", i ? "," : "", network_print(&list[i], network).at);
    text_char(text, ']');
}

bool networks_hold(const struct network *list, unsigned count, const uint8_t ip[static 16])
{
    for (unsigned i = 0; i < count; i++)
        if (network_holds(&list[i], ip))
            return true;
    return false;
}
