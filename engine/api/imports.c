/* imports.c - /api/v1/webhooks/event-types/import: the webhooks of an OpenAPI document become event
 * types, all of them in one change or none.
 */
#include "base/clock.h"
#include "call.h"
#include "catalogue.h"
#include "event_type_import.h"
#include "form.h"
#include "query.h"
#include "router.h"

#include <errno.h>
#include <stdlib.h>

enum { ANSWER_SIZE = 256 + EVENT_TYPES_MAX * (LIMIT_TYPE_SIZE + sizeof "\"\",") };

struct import {
    struct call *call;
    struct event_type_import source;
    char version[EVENT_TYPE_VERSION_SIZE];
    bool is_dry;
    struct catalogue_room room;
    enum catalogue_answer answer; /* HAS_ROOM: up to now */
    unsigned unchanged_count;
    const struct event_type *unchanged[EVENT_TYPES_MAX];
    struct directory_set *changed; /* `after` is ours until the change is begun */
};

/* ---- what was asked ---- */

static bool read_dry_run(struct call *call, bool *flag)
{
    char value[8];
    int given = query_get(call->request->query, "dry_run", value, sizeof value);
    *flag = given > 0 && strcmp(value, "true") == 0;
    if (given == 0 || *flag || (given > 0 && strcmp(value, "false") == 0))
        return true;
    call_problem(call, 422, "query parameter dry_run must be true or false");
    return false;
}

static bool read_version(struct call *call, struct import *import)
{
    bool has;
    if (!call_query_text(call, "version", import->version, sizeof import->version, &has))
        return false;
    import->source.version = has ? slice_str(import->version) : SLICE("");
    if (!has || form_is_name(import->source.version))
        return true;
    call_problem(call, 422, "query parameter version must be 1 to 63 of A-Z a-z 0-9 _ - .");
    return false;
}

static bool is_yaml(struct slice type)
{
    static const char *const types[] = {"application/yaml", "application/x-yaml", "text/yaml",
                                        "text/x-yaml", "application/vnd.oai.openapi"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_equal_nocase(type, slice_str(types[i])))
            return true;
    return false;
}

static bool read_document(struct call *call, struct json *json, struct json_value *document)
{
    if (!is_yaml(call_media_type(call)))
        return call_read_body(call, json, false, document);
    call_problem(call, 415, "the document must be JSON, as application/json: convert the YAML");
    return false;
}

/* ---- what becomes of it ---- */

static bool is_twice(const struct import *import, struct slice name)
{
    for (unsigned i = 0; i < import->unchanged_count; i++)
        if (slice_equal(slice_str(import->unchanged[i]->name), name))
            return true;
    for (size_t i = 0; i < import->changed->count; i++) {
        const struct event_type *made = import->changed->list[i].after;
        if (slice_equal(slice_str(made->name), name))
            return true;
    }
    return false;
}

static void take(struct import *import, struct event_type *before, struct event_type *made)
{
    struct directory_set *changed = import->changed;
    struct call *call = import->call;
    if (before && event_type_equal(before, made)) {
        import->unchanged[import->unchanged_count++] = before;
        event_type_free(made);
        return;
    }
    import->answer = catalogue_take(&import->room, before, made);
    if (import->answer != CATALOGUE_HAS_ROOM) {
        event_type_free(made);
        return;
    }
    if (!before) {
        made->tenant = call->tenant;
        made->id = id_new(made->created_ms, &call->api->random);
    }
    changed->list[changed->count++] = (struct directory_pair){before, made};
}

static int make(struct import *import, const struct openapi_webhook *webhook, struct faults *faults)
{
    struct call *call = import->call;
    struct event_type *made,
        *before = registry_event_type(call->api->parts.registry, &call->tenant, webhook->name);
    if (is_twice(import, webhook->name)) {
        faults_add(faults, webhook->pointer, "is given twice");
        return -EINVAL;
    }
    int error = event_type_import_make(&import->source, webhook, before, &made, faults);
    if (!error)
        take(import, before, made);
    return error;
}

/* Every webhook, until it is clear that nothing will come of them. 0; -EINVAL with faults;
 * -ENOMEM. */
static int make_all(struct import *import, struct json_value root, struct faults *faults)
{
    struct openapi_webhook webhook;
    uint64_t cursor = 0;
    int error = event_type_import_open(&import->source, root, faults);
    if (error)
        return error;
    while (error != -ENOMEM && import->answer == CATALOGUE_HAS_ROOM && faults->count < FAULTS_MAX) {
        unsigned before = faults->count;
        if (!openapi_document_next(&import->source.document, &cursor, &webhook, faults))
            break;
        if (faults->count == before)
            error = make(import, &webhook, faults);
    }
    return error == -ENOMEM ? error : faults->count ? -EINVAL : 0;
}

/* ---- the answer ---- */

static void put_name(struct text *text, const struct event_type *type)
{
    if (text->at[text->size - 1] != '[')
        text_char(text, ',');
    text_json(text, slice_str(type->name));
}

static void put_changed(struct text *text, const struct directory_set *changed, bool are_new)
{
    for (size_t i = 0; i < changed->count; i++)
        if (!changed->list[i].before == are_new)
            put_name(text, changed->list[i].after);
}

static void print(const struct import *import, struct text *text)
{
    if (!text_ok(text))
        return;
    text_put(text, SLICE("{\"created\":["));
    put_changed(text, import->changed, true);
    text_put(text, SLICE("],\"updated\":["));
    put_changed(text, import->changed, false);
    text_put(text, SLICE("],\"unchanged\":["));
    for (unsigned i = 0; i < import->unchanged_count; i++)
        put_name(text, import->unchanged[i]);
    text_printf(text, "],\"dry_run\":%s}", import->is_dry ? "true" : "false");
}

/* Begins the change, which takes over what was made; answers when it is done, or at once if it
 * cannot be begun. */
static void change(struct import *import)
{
    struct call *call = import->call;
    struct reply *reply = call_reply_later(call, 200, SLICE(""));
    const struct mutation by = call_mutation(call, "event_type.import");
    int error = reply ? changes_put_event_types(call->api->parts.changes, &by, import->changed,
                                                reply_send, reply)
                      : -ENOMEM;
    if (error)
        call_not_stored(call, reply, error);
    else
        import->changed = NULL;
}

static void conclude(struct import *import, int error, const struct faults *faults)
{
    struct call *call = import->call;
    int status;
    const char *why_not = catalogue_refusal(import->answer, &status);
    if (error == -EINVAL) {
        call_faults(call, faults);
    } else if (error) {
        call_busy(call);
    } else if (why_not) {
        call_problem(call, status, why_not);
    } else {
        print(import, call_text(call, ANSWER_SIZE));
        if (import->is_dry || import->changed->count == 0)
            call_reply(call, 200, SLICE(""));
        else
            change(import);
    }
}

static void close_import(struct import *import)
{
    for (size_t i = 0; import->changed && i < import->changed->count; i++)
        event_type_free(import->changed->list[i].after);
    free(import->changed);
    event_type_import_close(&import->source);
    free(import);
}

static struct import *open_import(struct call *call)
{
    struct import *import = calloc(1, sizeof *import);
    if (!import)
        return NULL;
    const struct api_parts *parts = &call->api->parts;
    import->call = call;
    import->source.json = call->api->other;
    import->source.now_ms = clock_wall_ms();
    import->room = catalogue_room(parts->registry, &call->tenant, parts->config);
    import->changed =
        calloc(1, sizeof *import->changed + EVENT_TYPES_MAX * sizeof import->changed->list[0]);
    if (import->changed)
        return import;
    close_import(import);
    return NULL;
}

/* The document has a parser of its own, whose memory goes with it. */
void event_types_import(struct call *call)
{
    static const char *const parameters[] = {"version", "dry_run", NULL};
    struct json *json = NULL;
    struct json_value root;
    struct faults faults = {0};
    if (!call_query_known(call, parameters) || !call_has_room(call))
        return;
    struct import *import = open_import(call);
    if (!import || json_open(&json))
        call_busy(call);
    else if (read_version(call, import) && read_dry_run(call, &import->is_dry) &&
             read_document(call, json, &root))
        conclude(import, make_all(import, root, &faults), &faults);
    if (json)
        json_close(json);
    if (import)
        close_import(import);
}
