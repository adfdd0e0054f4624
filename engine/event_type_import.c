/* event_type_import.c - see event_type_import.h. The new state of an event type is written as the
 * API would take it and parsed like that; what is wrong with it is then told of the places in the
 * document that the parts came from.
 */
#include "event_type_import.h"

#include "schema_bundle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { PREFIX_SIZE = 64 };

int event_type_import_open(struct event_type_import *import, struct json_value document,
                           struct faults *faults)
{
    faults->count = 0;
    if (!openapi_document_read(&import->document, document, faults))
        return -EINVAL;
    import->schema = malloc(SCHEMA_SIZE_MAX);
    import->body = malloc(EVENT_TYPE_TEXT_MAX + JSON_PADDING);
    return import->schema && import->body ? 0 : -ENOMEM;
}

void event_type_import_close(struct event_type_import *import)
{
    free(import->schema);
    free(import->body);
}

/* ---- the body ---- */

static void put_part(struct text *text, const char *name, const struct openapi_part *part)
{
    if (!part->is_there)
        return;
    text_printf(text, ",\"%s\":", name);
    json_put(part->value, text);
}

static void put_examples(struct text *text, const struct openapi_webhook *webhook)
{
    text_put(text, SLICE(",\"examples\":["));
    for (unsigned i = 0; i < webhook->example_count; i++) {
        if (i)
            text_char(text, ',');
        json_put(webhook->examples[i].value, text);
    }
    text_char(text, ']');
}

static void put_described(struct text *text, const struct openapi_webhook *webhook,
                          struct slice version, struct slice schema)
{
    text_put(text, SLICE("{\"version\":"));
    text_json(text, version);
    text_put(text, SLICE(",\"schema\":"));
    text_put(text, schema);
    put_examples(text, webhook);
    text_char(text, '}');
}

/* All versions, with the one that is described in its place or at the end. */
static void put_versions(struct text *text, const struct event_type *before,
                         const struct openapi_webhook *webhook, struct slice version,
                         struct slice schema)
{
    unsigned count = before ? before->version_count : 0;
    bool is_there = false;
    text_put(text, SLICE(",\"versions\":["));
    for (unsigned i = 0; i < count; i++) {
        if (i)
            text_char(text, ',');
        if (!slice_equal(slice_str(before->versions[i].name), version)) {
            event_type_print_version(&before->versions[i], text);
            continue;
        }
        put_described(text, webhook, version, schema);
        is_there = true;
    }
    if (!is_there) {
        if (count)
            text_char(text, ',');
        put_described(text, webhook, version, schema);
    }
    text_char(text, ']');
}

static void put_kept(struct text *text, const struct event_type *before)
{
    if (before->replaced_by[0]) {
        text_put(text, SLICE(",\"replaced_by\":"));
        text_json(text, slice_str(before->replaced_by));
    }
    if (before->metadata)
        text_printf(text, ",\"metadata\":%s", before->metadata);
}

static struct slice version_of(const struct event_type_import *import,
                               const struct event_type *before)
{
    const struct event_type_version *last = before ? event_type_version(before, SLICE("")) : NULL;
    if (import->version.size)
        return import->version;
    return last ? slice_str(last->name) : SLICE("1");
}

/* ---- what is wrong, and where ---- */

static bool move(const char *pointer, const char *from, const char *to,
                 char out[static FAULT_POINTER_SIZE])
{
    size_t size = strlen(from);
    if (strncmp(pointer, from, size) != 0 || (pointer[size] && pointer[size] != '/'))
        return false;
    snprintf(out, FAULT_POINTER_SIZE, "%s%s", to, pointer + size);
    return true;
}

static bool move_to_example(const struct openapi_webhook *webhook, const char *pointer,
                            const char *base, char out[static FAULT_POINTER_SIZE])
{
    char from[PREFIX_SIZE + sizeof "/examples/4294967295"];
    for (unsigned i = 0; i < webhook->example_count; i++) {
        snprintf(from, sizeof from, "%s/examples/%u", base, i);
        if (move(pointer, from, webhook->examples[i].pointer, out))
            return true;
    }
    return false;
}

/* `base` is the place of the version that is described, in the body. */
static void place_fault(const struct openapi_webhook *webhook, const char *base,
                        const struct fault *fault, struct faults *faults)
{
    char schema[PREFIX_SIZE + sizeof "/schema"], along[sizeof schema + sizeof SCHEMA_BUNDLE_TO];
    char place[FAULT_POINTER_SIZE];
    snprintf(schema, sizeof schema, "%s/schema", base);
    snprintf(along, sizeof along, "%s" SCHEMA_BUNDLE_TO, schema);
    if (strncmp(fault->pointer, along, strlen(along)) == 0)
        snprintf(place, sizeof place, SCHEMA_BUNDLE_FROM "%s", fault->pointer + strlen(along));
    else if (!move(fault->pointer, schema, webhook->schema.pointer, place) &&
             !move(fault->pointer, "/description", webhook->description.pointer, place) &&
             !move(fault->pointer, "/deprecated", webhook->deprecated.pointer, place) &&
             !move_to_example(webhook, fault->pointer, base, place))
        snprintf(place, sizeof place, "%s", webhook->pointer);
    faults_add(faults, place, "%s", fault->detail);
}

static void place_faults(const struct openapi_webhook *webhook, const struct event_type *before,
                         struct slice version, const struct faults *found, struct faults *faults)
{
    char base[PREFIX_SIZE];
    unsigned index = 0;
    while (before && index < before->version_count &&
           !slice_equal(slice_str(before->versions[index].name), version))
        index++;
    snprintf(base, sizeof base, "/versions/%u", index);
    for (unsigned i = 0; i < found->count && i < FAULTS_MAX; i++)
        place_fault(webhook, base, &found->list[i], faults);
}

/* ---- the whole ---- */

/* Prints the schema into import->schema. */
static struct slice bundle(struct event_type_import *import, const struct openapi_webhook *webhook,
                           struct faults *faults)
{
    struct text text;
    if (!webhook->schema.is_there)
        return SLICE("null");
    text_init(&text, import->schema, SCHEMA_SIZE_MAX);
    schema_bundle_print(&import->document, &webhook->schema, &text, faults);
    if (!text_ok(&text))
        faults_add(faults, webhook->schema.pointer,
                   "must have at most %d bytes, with all that it refers to", SCHEMA_SIZE_MAX);
    return text_slice(&text);
}

static bool print_body(struct event_type_import *import, const struct openapi_webhook *webhook,
                       const struct event_type *before, struct slice schema, struct text *text)
{
    text_init(text, import->body, EVENT_TYPE_TEXT_MAX);
    text_put(text, SLICE("{\"name\":"));
    text_json(text, webhook->name);
    put_part(text, "description", &webhook->description);
    put_part(text, "deprecated", &webhook->deprecated);
    if (before)
        put_kept(text, before);
    put_versions(text, before, webhook, version_of(import, before), schema);
    text_char(text, '}');
    return text_ok(text);
}

/* Reads what is to become of the event type. */
static int read_body(struct event_type_import *import, const struct openapi_webhook *webhook,
                     const struct event_type *before, struct json_value *body,
                     struct faults *faults)
{
    unsigned count = faults->count;
    char why[JSON_WHY_SIZE];
    struct text text = {0};
    struct slice schema = bundle(import, webhook, faults);
    if (faults->count > count)
        return -EINVAL;
    if (import->document.steps == 0) /* not all of it may be there */
        faults_add(faults, webhook->pointer, "takes too long to be looked through");
    else if (!print_body(import, webhook, before, schema, &text))
        faults_add(faults, webhook->pointer, "must have at most %d bytes with all of its versions",
                   EVENT_TYPE_SIZE_MAX);
    else if ((import->bytes += text.size) > EVENT_TYPE_IMPORT_MAX)
        faults_add(faults, webhook->pointer, "is too much for one import, which may make %d bytes",
                   EVENT_TYPE_IMPORT_MAX);
    if (faults->count > count)
        return -EINVAL;
    int error = json_read(import->json, text_slice(&text), body, why);
    must(error != -EINVAL); /* it was just printed */
    return error;
}

int event_type_import_make(struct event_type_import *import, const struct openapi_webhook *webhook,
                           const struct event_type *before, struct event_type **made,
                           struct faults *faults)
{
    struct faults found = {0};
    struct json_value body;
    int error = read_body(import, webhook, before, &body, faults);
    if (error)
        return error;
    error = event_type_parse(body, before, import->now_ms, made, &found);
    if (error == -EINVAL)
        place_faults(webhook, before, version_of(import, before), &found, faults);
    return error;
}
