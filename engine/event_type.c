/* event_type.c - see event_type.h. */
#include "event_type.h"

#include "base/list.h"
#include "base/units.h"
#include "envelope.h"
#include "form.h"

#include <errno.h>
#include <stdlib.h>

enum { MOMENT_SIZE = 32 };

struct type_draft {
    struct form form;
    struct event_type *made;
    struct event_type_version *version; /* at hand */
    const struct event_type *before;    /* NULL: a new one, or one from `meta` */
    uint64_t now_ms;
    size_t bytes; /* of schemas and examples */
    bool is_stored, has_name, is_deprecated;
};

static struct type_draft *draft_of(struct form *form)
{
    return container_of(form, struct type_draft, form);
}

static const struct event_type_version *find_version(const struct event_type *type,
                                                     struct slice name)
{
    for (unsigned i = 0; type && i < type->version_count; i++)
        if (slice_equal(slice_str(type->versions[i].name), name))
            return &type->versions[i];
    return NULL;
}

/* ---- moments, which only the server sets: they may be sent back as they were ---- */

static void parse_moment(struct form *form, struct json_value value, const char *pointer,
                         uint64_t *moment_ms)
{
    struct slice given;
    uint64_t given_ms;
    if (!json_string(value, &given) || units_parse_time(given, &given_ms))
        faults_add(form->faults, pointer, "must be a time");
    else if (draft_of(form)->is_stored)
        *moment_ms = given_ms;
    else if (!draft_of(form)->before)
        faults_add(form->faults, pointer, "is set by the server");
}

static void parse_created(struct form *form, struct json_value value, const char *pointer)
{
    parse_moment(form, value, pointer, &draft_of(form)->made->created_ms);
}

static void parse_updated(struct form *form, struct json_value value, const char *pointer)
{
    parse_moment(form, value, pointer, &draft_of(form)->made->updated_ms);
}

static void parse_deprecated_at(struct form *form, struct json_value value, const char *pointer)
{
    parse_moment(form, value, pointer, &draft_of(form)->made->deprecated_ms);
}

/* ---- the type ---- */

static bool take_type(struct form *form, struct json_value value, const char *pointer,
                      char out[static LIMIT_TYPE_SIZE + 1])
{
    struct slice text;
    if (!form_string(form, value, pointer, LIMIT_TYPE_SIZE, &text))
        return false;
    if (!envelope_type_is_valid(text)) {
        faults_add(form->faults, pointer,
                   "must be 1 to %d of A-Z a-z 0-9 _ - . / :", LIMIT_TYPE_SIZE);
        return false;
    }
    memcpy(out, text.at, text.size);
    out[text.size] = '\0';
    return true;
}

static void parse_name(struct form *form, struct json_value value, const char *pointer)
{
    struct type_draft *draft = draft_of(form);
    draft->has_name = true;
    if (take_type(form, value, pointer, draft->made->name) && draft->before &&
        strcmp(draft->made->name, draft->before->name) != 0)
        faults_add(form->faults, pointer, "cannot be changed");
}

static void parse_replaced_by(struct form *form, struct json_value value, const char *pointer)
{
    (void)take_type(form, value, pointer, draft_of(form)->made->replaced_by);
}

static void parse_description(struct form *form, struct json_value value, const char *pointer)
{
    struct slice text;
    if (form_string(form, value, pointer, LIMIT_DESCRIPTION_SIZE, &text))
        form_keep(form, &draft_of(form)->made->description, text);
}

static void parse_metadata(struct form *form, struct json_value value, const char *pointer)
{
    form_metadata(form, value, pointer, &draft_of(form)->made->metadata);
}

static void parse_deprecated(struct form *form, struct json_value value, const char *pointer)
{
    form_bool(form, value, pointer, &draft_of(form)->is_deprecated);
}

/* ---- versions ---- */

static void parse_version_name(struct form *form, struct json_value value, const char *pointer)
{
    struct type_draft *draft = draft_of(form);
    struct slice text;
    if (!form_string(form, value, pointer, EVENT_TYPE_VERSION_SIZE - 1, &text))
        return;
    if (!form_is_name(text))
        faults_add(form->faults, pointer, "must be 1 to %d of A-Z a-z 0-9 _ - .",
                   EVENT_TYPE_VERSION_SIZE - 1);
    else if (find_version(draft->made, text))
        faults_add(form->faults, pointer, "is given twice");
    else
        memcpy(draft->version->name, text.at, text.size);
}

static void parse_schema(struct form *form, struct json_value value, const char *pointer)
{
    struct type_draft *draft = draft_of(form);
    int error = schema_open(&draft->version->schema, value, pointer, form->faults);
    form->out_of_memory |= error == -ENOMEM;
    if (!error)
        draft->bytes += schema_text(draft->version->schema).size;
}

static void parse_examples(struct form *form, struct json_value value, const char *pointer)
{
    struct type_draft *draft = draft_of(form);
    char text[EVENT_TYPE_EXAMPLES_SIZE];
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(form->faults, pointer, "must be an array");
        return;
    }
    long size = json_print(value, text, sizeof text);
    if (size < 0) {
        faults_add(form->faults, pointer, "must have at most %d bytes", EVENT_TYPE_EXAMPLES_SIZE);
        return;
    }
    form_keep(form, &draft->version->examples, slice_of(text, (size_t)size));
    draft->bytes += (size_t)size;
}

static void parse_version_created(struct form *form, struct json_value value, const char *pointer)
{
    parse_moment(form, value, pointer, &draft_of(form)->version->created_ms);
}

static const struct form_field version_fields[] = {
    {"version", parse_version_name},
    {"schema", parse_schema},
    {"examples", parse_examples},
    {"created_at", parse_version_created},
};

/* Each example has to be what the schema says events are. */
static void check_examples(struct form *form, struct json_value version, const char *pointer)
{
    const struct schema *schema = draft_of(form)->version->schema;
    struct json_value examples, example;
    char list[FAULT_POINTER_SIZE], place[FAULT_POINTER_SIZE];
    uint64_t cursor = 0;
    if (!schema || !json_get(version, "examples", &examples) || json_kind(examples) != JSON_ARRAY)
        return;
    pointer_member(list, pointer, SLICE("examples"));
    for (unsigned i = 0; json_next(examples, &cursor, NULL, &example); i++) {
        pointer_element(place, list, i);
        (void)schema_allows(schema, example, place, form->faults);
    }
}

static void parse_one_version(struct form *form, struct json_value value, const char *pointer)
{
    struct type_draft *draft = draft_of(form);
    struct event_type *made = draft->made;
    draft->version = &made->versions[made->version_count];
    FORM_WALK(form, value, pointer, version_fields);
    if (!draft->version->name[0] && json_kind(value) == JSON_OBJECT) {
        char place[FAULT_POINTER_SIZE];
        struct json_value given;
        pointer_member(place, pointer, SLICE("version"));
        if (!json_get(value, "version", &given))
            faults_add(form->faults, place, "is required");
    }
    check_examples(form, value, pointer);
    if (!draft->is_stored) {
        const struct event_type_version *same =
            find_version(draft->before, slice_str(draft->version->name));
        draft->version->created_ms = same ? same->created_ms : draft->now_ms;
    }
    made->version_count++;
}

static void parse_versions(struct form *form, struct json_value value, const char *pointer)
{
    struct json_value version;
    uint64_t cursor = 0;
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(form->faults, pointer, "must be an array");
        return;
    }
    for (unsigned i = 0; json_next(value, &cursor, NULL, &version); i++) {
        char place[FAULT_POINTER_SIZE];
        if (i == EVENT_TYPE_VERSIONS_MAX) {
            faults_add(form->faults, pointer, "must have at most %d versions",
                       EVENT_TYPE_VERSIONS_MAX);
            return;
        }
        pointer_element(place, pointer, i);
        parse_one_version(form, version, place);
    }
    if (draft_of(form)->bytes > EVENT_TYPE_SIZE_MAX)
        faults_add(form->faults, pointer, "must have at most %d bytes", EVENT_TYPE_SIZE_MAX);
}

const struct event_type_version *event_type_version(const struct event_type *type,
                                                    struct slice name)
{
    if (name.size > 0)
        return find_version(type, name);
    return type->version_count ? &type->versions[type->version_count - 1] : NULL;
}

/* ---- the whole ---- */

static void take_stored(struct form *form, struct json_value value, const char *pointer,
                        const char *prefix, struct id *id)
{
    struct slice text;
    if (!draft_of(form)->is_stored)
        faults_add(form->faults, pointer, "unknown field");
    else if (!json_string(value, &text) || id_parse(text, prefix, id))
        faults_add(form->faults, pointer, "must be an id");
}

static void parse_stored_id(struct form *form, struct json_value value, const char *pointer)
{
    take_stored(form, value, pointer, "etp", &draft_of(form)->made->id);
}

static void parse_stored_tenant(struct form *form, struct json_value value, const char *pointer)
{
    take_stored(form, value, pointer, "ten", &draft_of(form)->made->tenant);
}

static const struct form_field fields[] = {
    {"id", parse_stored_id},
    {"tenant", parse_stored_tenant},
    {"name", parse_name},
    {"description", parse_description},
    {"deprecated", parse_deprecated},
    {"deprecated_at", parse_deprecated_at},
    {"replaced_by", parse_replaced_by},
    {"versions", parse_versions},
    {"metadata", parse_metadata},
    {"created_at", parse_created},
    {"updated_at", parse_updated},
};

static void start_from(struct type_draft *draft)
{
    struct event_type *made = draft->made;
    const struct event_type *before = draft->before;
    made->created_ms = made->updated_ms = draft->now_ms;
    if (!before)
        return;
    made->id = before->id;
    made->tenant = before->tenant;
    made->created_ms = before->created_ms;
    if (made->updated_ms <= before->updated_ms)
        made->updated_ms = before->updated_ms + 1;
    memcpy(made->name, before->name, sizeof made->name);
    draft->has_name = true;
}

static int parse(struct type_draft *draft, struct json_value body, struct event_type **made)
{
    struct faults *faults = draft->form.faults;
    faults->count = 0;
    draft->made = calloc(1, sizeof *draft->made);
    if (!draft->made)
        return -ENOMEM;
    start_from(draft);
    FORM_WALK(&draft->form, body, "", fields);
    if (!draft->has_name)
        faults_add(faults, "/name", "is required");
    if (draft->is_deprecated && !draft->is_stored)
        draft->made->deprecated_ms = draft->before && draft->before->deprecated_ms
                                         ? draft->before->deprecated_ms
                                         : draft->now_ms;
    int error = draft->form.out_of_memory ? -ENOMEM : faults->count ? -EINVAL : 0;
    if (error)
        event_type_free(draft->made);
    else
        *made = draft->made;
    return error;
}

int event_type_parse(struct json_value body, const struct event_type *before, uint64_t now_ms,
                     struct event_type **made, struct faults *faults)
{
    struct type_draft draft = {.form.faults = faults, .before = before, .now_ms = now_ms};
    return parse(&draft, body, made);
}

int event_type_parse_stored(struct json_value document, struct event_type **made,
                            struct faults *faults)
{
    struct type_draft draft = {.form.faults = faults, .is_stored = true};
    return parse(&draft, document, made);
}

static void print_moment(struct text *text, const char *name, uint64_t wall_ms)
{
    text_printf(text, ",\"%s\":", name);
    if (wall_ms == 0) {
        text_put(text, SLICE("null"));
        return;
    }
    text_char(text, '"');
    text_time(text, wall_ms);
    text_char(text, '"');
}

void event_type_print_version(const struct event_type_version *version, struct text *text)
{
    text_put(text, SLICE("{\"version\":"));
    text_json(text, slice_str(version->name));
    text_put(text, SLICE(",\"schema\":"));
    text_put(text, version->schema ? schema_text(version->schema) : SLICE("null"));
    text_put(text, SLICE(",\"examples\":"));
    text_put(text, slice_str(version->examples ? version->examples : "[]"));
    print_moment(text, "created_at", version->created_ms);
    text_char(text, '}');
}

static void print_fields(const struct event_type *type, struct text *text)
{
    text_put(text, SLICE("\"name\":"));
    text_json(text, slice_str(type->name));
    text_put(text, SLICE(",\"description\":"));
    text_json(text, slice_str(type->description ? type->description : ""));
    text_printf(text, ",\"deprecated\":%s", type->deprecated_ms ? "true" : "false");
    print_moment(text, "deprecated_at", type->deprecated_ms);
    text_put(text, SLICE(",\"replaced_by\":"));
    if (type->replaced_by[0])
        text_json(text, slice_str(type->replaced_by));
    else
        text_put(text, SLICE("null"));
    text_put(text, SLICE(",\"versions\":["));
    for (unsigned i = 0; i < type->version_count; i++) {
        if (i)
            text_char(text, ',');
        event_type_print_version(&type->versions[i], text);
    }
    text_put(text, SLICE("],\"metadata\":"));
    text_put(text, slice_str(type->metadata ? type->metadata : "{}"));
    print_moment(text, "created_at", type->created_ms);
    print_moment(text, "updated_at", type->updated_ms);
    text_char(text, '}');
}

void event_type_print(const struct event_type *type, struct text *text)
{
    text_char(text, '{');
    print_fields(type, text);
}

void event_type_print_stored(const struct event_type *type, struct text *text)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "{\"id\":\"%s\",", id_print(&type->id, "etp", digits).at);
    text_printf(text, "\"tenant\":\"%s\",", id_print(&type->tenant, "ten", digits).at);
    print_fields(type, text);
}

static bool equal_texts(const char *a, const char *b, const char *usual)
{
    return strcmp(a ? a : usual, b ? b : usual) == 0;
}

static bool equal_versions(const struct event_type_version *a, const struct event_type_version *b)
{
    return strcmp(a->name, b->name) == 0 && !a->schema == !b->schema &&
           (!a->schema || slice_equal(schema_text(a->schema), schema_text(b->schema))) &&
           equal_texts(a->examples, b->examples, "[]");
}

static size_t bytes_of(const char *text)
{
    return text ? strlen(text) + 1 : 0;
}

size_t event_type_bytes(const struct event_type *type)
{
    size_t bytes = sizeof *type + bytes_of(type->description) + bytes_of(type->metadata);
    for (unsigned i = 0; i < type->version_count; i++) {
        const struct event_type_version *version = &type->versions[i];
        bytes += bytes_of(version->examples);
        if (version->schema)
            bytes += schema_bytes(version->schema);
    }
    return bytes;
}

bool event_type_equal(const struct event_type *a, const struct event_type *b)
{
    bool is_equal =
        strcmp(a->name, b->name) == 0 && strcmp(a->replaced_by, b->replaced_by) == 0 &&
        !a->deprecated_ms == !b->deprecated_ms && equal_texts(a->description, b->description, "") &&
        equal_texts(a->metadata, b->metadata, "{}") && a->version_count == b->version_count;
    for (unsigned i = 0; i < a->version_count && is_equal; i++)
        is_equal = equal_versions(&a->versions[i], &b->versions[i]);
    return is_equal;
}

void event_type_free(struct event_type *type)
{
    if (!type)
        return;
    for (unsigned i = 0; i < EVENT_TYPE_VERSIONS_MAX; i++) {
        schema_close(type->versions[i].schema);
        free(type->versions[i].examples);
    }
    free(type->description);
    free(type->metadata);
    free(type);
}
