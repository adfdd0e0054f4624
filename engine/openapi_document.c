/* openapi_document.c - see openapi_document.h. */
#include "openapi_document.h"

#include "base/json_pointer.h"

#include <stdio.h>

enum { HOPS_MAX = 8 }; /* from reference to reference */

bool openapi_document_read(struct openapi_document *document, struct json_value root,
                           struct faults *faults)
{
    struct json_value version;
    struct slice text;
    *document = (struct openapi_document){.root = root, .steps = OPENAPI_STEPS_MAX};
    if (!json_get(root, "openapi", &version) || !json_string(version, &text) ||
        !slice_starts_with(text, SLICE("3.1.")))
        faults_add(faults, "/openapi", "must be a version of OpenAPI 3.1, such as \"3.1.0\"");
    else if (!json_get(root, "webhooks", &document->webhooks))
        faults_add(faults, "/webhooks", "is required: event types are made of webhooks");
    else if (json_kind(document->webhooks) != JSON_OBJECT)
        faults_add(faults, "/webhooks", "must be an object");
    else
        return true;
    return false;
}

bool openapi_document_step(struct openapi_document *document, struct json_value container,
                           uint64_t *cursor, struct slice *key, struct json_value *value)
{
    if (document->steps == 0)
        return false;
    document->steps--;
    return json_next(container, cursor, key, value);
}

bool openapi_document_follow(struct openapi_document *document, struct slice reference,
                             struct json_value *found)
{
    struct slice pointer = slice_skip(reference, 1);
    return slice_starts_with(reference, SLICE("#/")) && json_pointer_is_valid(pointer) &&
           json_pointer_find_within(document->root, pointer, &document->steps, found);
}

/* ---- parts ---- */

static bool get(struct openapi_document *document, const struct openapi_part *from,
                const char *name, struct openapi_part *part)
{
    struct slice key;
    uint64_t cursor = 0;
    part->is_there = false;
    if (json_kind(from->value) != JSON_OBJECT)
        return false;
    while (openapi_document_step(document, from->value, &cursor, &key, &part->value)) {
        if (!slice_equal(key, slice_str(name)))
            continue;
        pointer_member(part->pointer, from->pointer, key);
        part->is_there = true;
        return true;
    }
    return false;
}

/* Follows references until there is none. */
static bool resolve(struct openapi_document *document, struct openapi_part *part,
                    struct faults *faults)
{
    struct openapi_part reference;
    struct slice text = SLICE("");
    for (unsigned hop = 0; get(document, part, "$ref", &reference); hop++) {
        if (hop == HOPS_MAX || !json_string(reference.value, &text) ||
            !openapi_document_follow(document, text, &part->value)) {
            faults_add(faults, reference.pointer,
                       "must name a place in this document, as \"#/components/...\" does");
            return false;
        }
        snprintf(part->pointer, sizeof part->pointer, "%.*s", (int)text.size - 1, text.at + 1);
    }
    return true;
}

static bool get_resolved(struct openapi_document *document, const struct openapi_part *from,
                         const char *name, struct openapi_part *part, struct faults *faults)
{
    return get(document, from, name, part) && resolve(document, part, faults);
}

/* ---- a body ---- */

/* How well a media type says that a body is JSON; 0: it does not. */
static unsigned json_rank(struct slice type)
{
    static const struct slice suffix = {"+json", 5};
    type = slice_trim(slice_of(type.at, slice_find(type, ';')));
    if (slice_equal_nocase(type, SLICE("application/json")))
        return 3;
    if (type.size > suffix.size &&
        slice_equal_nocase(slice_skip(type, type.size - suffix.size), suffix))
        return 2;
    return slice_equal(type, SLICE("application/*")) || slice_equal(type, SLICE("*/*"));
}

static bool choose_media(struct openapi_document *document, const struct openapi_part *content,
                         struct openapi_part *media)
{
    struct json_value value;
    struct slice type;
    uint64_t cursor = 0;
    unsigned best = 0;
    if (json_kind(content->value) != JSON_OBJECT)
        return false;
    while (openapi_document_step(document, content->value, &cursor, &type, &value)) {
        unsigned rank = json_rank(type);
        if (rank <= best)
            continue;
        best = rank;
        media->is_there = true;
        media->value = value;
        pointer_member(media->pointer, content->pointer, type);
    }
    return best > 0;
}

static void read_example(struct openapi_webhook *webhook, const struct openapi_part *example,
                         struct faults *faults)
{
    if (webhook->example_count == OPENAPI_EXAMPLES_MAX)
        faults_add(faults, example->pointer, "is one too many: there may be %d",
                   OPENAPI_EXAMPLES_MAX);
    else
        webhook->examples[webhook->example_count++] = *example;
}

/* Examples that are elsewhere (externalValue) are passed over. */
static void read_examples(struct openapi_document *document, const struct openapi_part *media,
                          struct openapi_webhook *webhook, struct faults *faults)
{
    struct openapi_part one, list, value;
    struct slice name;
    uint64_t cursor = 0;
    unsigned before = faults->count;
    if (get(document, media, "example", &one))
        read_example(webhook, &one, faults);
    if (!get(document, media, "examples", &list))
        return;
    if (json_kind(list.value) != JSON_OBJECT) {
        faults_add(faults, list.pointer, "must be an object");
        return;
    }
    while (faults->count == before &&
           openapi_document_step(document, list.value, &cursor, &name, &one.value)) {
        pointer_member(one.pointer, list.pointer, name);
        if (resolve(document, &one, faults) && get(document, &one, "value", &value))
            read_example(webhook, &value, faults);
    }
}

static void read_body(struct openapi_document *document, const struct openapi_part *operation,
                      struct openapi_webhook *webhook, struct faults *faults)
{
    struct openapi_part body, content, media = {0};
    if (!get_resolved(document, operation, "requestBody", &body, faults))
        return;
    if (!get(document, &body, "content", &content) || !choose_media(document, &content, &media)) {
        char place[FAULT_POINTER_SIZE];
        pointer_member(place, body.pointer, SLICE("content"));
        faults_add(faults, place, "must have a media type that is JSON");
        return;
    }
    (void)get(document, &media, "schema", &webhook->schema);
    read_examples(document, &media, webhook, faults);
}

/* ---- a webhook ---- */

static bool choose_operation(struct openapi_document *document, const struct openapi_part *item,
                             struct openapi_part *operation)
{
    return get(document, item, "post", operation) || get(document, item, "put", operation) ||
           get(document, item, "patch", operation);
}

static void read_webhook(struct openapi_document *document, struct openapi_part *item,
                         struct openapi_webhook *webhook, struct faults *faults)
{
    struct openapi_part operation;
    if (!resolve(document, item, faults))
        return;
    if (!choose_operation(document, item, &operation)) {
        faults_add(faults, item->pointer, "must have a post operation, or put, or patch");
        return;
    }
    if (!get(document, &operation, "description", &webhook->description) &&
        !get(document, &operation, "summary", &webhook->description) &&
        !get(document, item, "description", &webhook->description))
        (void)get(document, item, "summary", &webhook->description);
    (void)get(document, &operation, "deprecated", &webhook->deprecated);
    read_body(document, &operation, webhook, faults);
}

bool openapi_document_next(struct openapi_document *document, uint64_t *cursor,
                           struct openapi_webhook *webhook, struct faults *faults)
{
    struct openapi_part item = {.is_there = true};
    struct slice name;
    if (document->steps == 0) {
        faults_add(faults, "/webhooks", "takes too long to be looked through");
        return false;
    }
    if (!json_next(document->webhooks, cursor, &name, &item.value))
        return false;
    *webhook = (struct openapi_webhook){.name = name};
    pointer_member(item.pointer, "/webhooks", name);
    memcpy(webhook->pointer, item.pointer, sizeof webhook->pointer);
    read_webhook(document, &item, webhook, faults);
    return true;
}
