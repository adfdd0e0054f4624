/* Any bytes as a filter and as payload and metadata, with a line between them: what compiles has an
 * answer for every event, and says which condition failed. */
#include "filter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool read_json(struct json **json, struct slice text, struct json_value *root)
{
    static char padded[2][64 * 1024 + JSON_PADDING];
    static unsigned turn;
    char why[JSON_WHY_SIZE];
    char *copy = padded[turn++ % 2];
    if (!*json)
        check(json_open(json) == 0);
    if (text.size > 64 * 1024)
        return false;
    if (text.size > 0)
        memcpy(copy, text.at, text.size);
    return json_read(*json, slice_of(copy, text.size), root, why) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json *filters, *payloads;
    struct slice whole = slice_of(data, size), text = slice_of(data, slice_find(whole, '\n'));
    struct filter_event event = {.type = SLICE("a.b")};
    struct faults faults = {0};
    struct json_value condition;
    struct filter *filter;
    char failed[FAULT_POINTER_SIZE] = "";

    bool is_read = read_json(&filters, text, &condition);
    event.has_payload = read_json(&payloads, slice_skip(whole, text.size + 1), &event.payload);
    event.has_metadata = event.has_payload;
    event.metadata = event.payload;
    if (!is_read)
        return 0;
    int error = filter_compile(condition, "/filter", &filter, &faults);
    check((error == 0) == (faults.count == 0));
    if (error)
        return 0;
    if (filter_judge(filter, &event, failed) == FILTER_FAILS)
        check(failed[0] == '/');
    filter_drop(filter);
    return 0;
}
