/* Any JSON as an OpenAPI document: each of its webhooks becomes an event type or has a fault, and
 * what became one is there unchanged when the document comes again. */
#include "event_type_import.h"

#include <errno.h>
#include <stdlib.h>

enum { TEXT_MAX = 256 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_again(struct event_type_import *import, const struct openapi_webhook *webhook,
                        const struct event_type *made)
{
    struct faults faults = {0};
    struct event_type *again;
    check(event_type_import_make(import, webhook, made, &again, &faults) == 0);
    check(event_type_equal(made, again));
    event_type_free(again);
}

static void check_webhook(struct event_type_import *import, const struct openapi_webhook *webhook,
                          struct faults *faults)
{
    struct event_type *made;
    unsigned count = faults->count;
    int error = event_type_import_make(import, webhook, NULL, &made, faults);
    check(error == 0 || error == -EINVAL);
    check((error == 0) == (faults->count == count));
    if (error)
        return;
    check(slice_equal(slice_str(made->name), webhook->name));
    if (import->document.steps > OPENAPI_STEPS_MAX / 2 && import->bytes < EVENT_TYPE_IMPORT_MAX / 2)
        check_again(import, webhook, made);
    event_type_free(made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char padded[TEXT_MAX + JSON_PADDING];
    static struct json *source, *other;
    struct openapi_webhook webhook;
    struct json_value root;
    struct faults faults = {0};
    uint64_t cursor = 0;
    char why[JSON_WHY_SIZE];
    if (!source)
        check(json_open(&source) == 0 && json_open(&other) == 0);
    if (size == 0 || size > TEXT_MAX)
        return 0;
    memcpy(padded, data, size);
    if (json_read(source, slice_of(padded, size), &root, why))
        return 0;
    struct event_type_import import = {.json = other, .version = SLICE("v"), .now_ms = 1};
    int error = event_type_import_open(&import, root, &faults);
    check((error == 0) == (faults.count == 0));
    while (!error && faults.count < FAULTS_MAX) {
        unsigned count = faults.count;
        if (!openapi_document_next(&import.document, &cursor, &webhook, &faults))
            break;
        if (faults.count == count)
            check_webhook(&import, &webhook, &faults);
    }
    for (unsigned i = 0; i < faults.count && i < FAULTS_MAX; i++)
        check(faults.list[i].pointer[0] == '/' || faults.list[i].pointer[0] == '\0');
    event_type_import_close(&import);
    return 0;
}
