/* fields.c - see fields.h. A tree of members; a value that nothing is set in stays the text it was.
 */
#include "tools/ctl/fields.h"

#include "base/list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct field {
    struct field *next;
    struct field *first; /* the members of an object that was opened */
    char *name, *raw;    /* raw: JSON with padding behind it; NULL: an open object */
    size_t raw_size;
    bool is_texts; /* an array that fields_add_texts() began */
};

int fields_open(struct fields *fields)
{
    *fields = (struct fields){0};
    return json_open(&fields->json);
}

/* Depth is bounded by FIELDS_DEPTH_MAX. */
static void free_all(struct field *field)
{
    while (field) {
        struct field *next = field->next;
        free_all(field->first);
        free(field->name);
        free(field->raw);
        free(field);
        field = next;
    }
}

void fields_close(struct fields *fields)
{
    free_all(fields->first);
    json_close(fields->json);
    *fields = (struct fields){0};
}

/* ---- members ---- */

static char *keep(struct slice text)
{
    char *kept = calloc(1, text.size + JSON_PADDING);
    must(kept);
    if (text.size)
        memcpy(kept, text.at, text.size);
    return kept;
}

static void put_raw(struct field *field, struct slice raw)
{
    char *kept = keep(raw);
    free_all(field->first);
    free(field->raw);
    field->first = NULL;
    field->raw = kept;
    field->raw_size = raw.size;
    field->is_texts = false;
}

/* The member with the name; made, as the last, if there is none. */
static struct field *member(struct field **first, struct slice name)
{
    struct field **at = first;
    for (; *at; at = &(*at)->next)
        if (slice_equal(slice_str((*at)->name), name))
            return *at;
    struct field *made = calloc(1, sizeof *made);
    must(made);
    made->name = keep(name);
    put_raw(made, SLICE("null"));
    *at = made;
    return made;
}

/* Puts the members of a JSON object behind `first`. */
static int load(struct fields *fields, struct field **first, struct slice text, char *why)
{
    char what[JSON_WHY_SIZE];
    struct json_member *members = calloc(FIELDS_MEMBERS_MAX, sizeof *members);
    must(members);
    int count = json_scan(fields->json, text, members, FIELDS_MEMBERS_MAX, what);
    if (count == -EPROTOTYPE)
        snprintf(why, FIELDS_WHY_SIZE, "must be a JSON object");
    else if (count < 0)
        snprintf(why, FIELDS_WHY_SIZE, "is not JSON: %s", what);
    else if (count > FIELDS_MEMBERS_MAX)
        snprintf(why, FIELDS_WHY_SIZE, "has more than %d members", FIELDS_MEMBERS_MAX);
    bool is_good = count >= 0 && count <= FIELDS_MEMBERS_MAX;
    for (int i = 0; is_good && i < count; i++)
        put_raw(member(first, members[i].key), members[i].raw);
    free(members);
    return is_good ? 0 : -EINVAL;
}

int fields_load(struct fields *fields, struct slice text, char why[static FIELDS_WHY_SIZE])
{
    char *padded = keep(text);
    int error = load(fields, &fields->first, slice_of(padded, text.size), why);
    free(padded);
    return error;
}

/* ---- paths ---- */

/* Takes the first name off `path`, with "\." made ".". 0, or -EINVAL: it is empty or too long. */
static int take_name(struct slice *path, char *name, size_t room, size_t *size)
{
    size_t at = 0;
    *size = 0;
    while (at < path->size && path->at[at] != '.') {
        if (path->at[at] == '\\' && at + 1 < path->size && path->at[at + 1] == '.')
            at++;
        if (*size == room)
            return -EINVAL;
        name[(*size)++] = path->at[at++];
    }
    bool is_last = at == path->size;
    *path = slice_skip(*path, at + 1);
    return *size == 0 || (!is_last && path->size == 0) ? -EINVAL : 0;
}

/* Makes an object of what is not one yet. */
static int open_object(struct fields *fields, struct field *field, char *why)
{
    if (!field->raw)
        return 0;
    struct field *first = NULL;
    if (field->raw[0] == '{') {
        int error = load(fields, &first, slice_of(field->raw, field->raw_size), why);
        if (error)
            return error;
    }
    free(field->raw);
    field->raw = NULL;
    field->first = first;
    return 0;
}

static int find(struct fields *fields, struct slice path, struct field **found, char *why)
{
    struct field **first = &fields->first;
    struct slice rest = path;
    for (unsigned depth = 0; depth < FIELDS_DEPTH_MAX; depth++) {
        char name[256];
        size_t size;
        if (take_name(&rest, name, sizeof name, &size) < 0)
            break;
        *found = member(first, slice_of(name, size));
        if (rest.size == 0)
            return 0;
        int error = open_object(fields, *found, why);
        if (error)
            return error;
        first = &(*found)->first;
    }
    snprintf(why, FIELDS_WHY_SIZE, "'%.*s' is not a path to a field", SLICE_ARGS(path));
    return -EINVAL;
}

/* ---- setting ---- */

static bool is_json(struct fields *fields, struct slice text, char what[static JSON_WHY_SIZE])
{
    struct json_value root;
    char *padded = keep(text);
    int error = json_read(fields->json, slice_of(padded, text.size), &root, what);
    free(padded);
    return error == 0;
}

static int set_raw(struct fields *fields, struct slice path, struct slice raw, char *why)
{
    struct field *found;
    int error = find(fields, path, &found, why);
    if (!error)
        put_raw(found, raw);
    return error;
}

int fields_set_json(struct fields *fields, struct slice path, struct slice value,
                    char why[static FIELDS_WHY_SIZE])
{
    char what[JSON_WHY_SIZE];
    if (is_json(fields, value, what))
        return set_raw(fields, path, slice_trim(value), why);
    snprintf(why, FIELDS_WHY_SIZE, "'%.*s' is not JSON: %s", value.size < 40 ? (int)value.size : 40,
             value.at, what);
    return -EINVAL;
}

/* A byte may print as six. */
static struct text quoted(struct slice value)
{
    struct text text;
    size_t room = 6 * value.size + 2;
    char *at = malloc(room);
    must(at);
    text_init(&text, at, room);
    text_json(&text, value);
    must(text_ok(&text));
    return text;
}

int fields_set_text(struct fields *fields, struct slice path, struct slice value,
                    char why[static FIELDS_WHY_SIZE])
{
    struct text text = quoted(value);
    int error = set_raw(fields, path, text_slice(&text), why);
    free(text.at);
    return error;
}

int fields_set(struct fields *fields, struct slice path, struct slice value,
               char why[static FIELDS_WHY_SIZE])
{
    char what[JSON_WHY_SIZE];
    return is_json(fields, value, what) ? set_raw(fields, path, slice_trim(value), why)
                                        : fields_set_text(fields, path, value, why);
}

/* Writes one more element into the array's text. */
static void add_text(struct field *field, struct slice value)
{
    struct text element = quoted(value);
    size_t old = field->is_texts ? field->raw_size - 1 : 0; /* without its ']' */
    size_t size = old + element.size + 2;
    char *raw = calloc(1, size + JSON_PADDING);
    must(raw);
    if (old)
        memcpy(raw, field->raw, old);
    raw[old] = old ? ',' : '[';
    memcpy(raw + old + 1, element.at, element.size);
    raw[size - 1] = ']';
    free(element.at);
    put_raw(field, slice_of(raw, size));
    field->is_texts = true;
    free(raw);
}

int fields_add_texts(struct fields *fields, struct slice path, struct slice values,
                     char why[static FIELDS_WHY_SIZE])
{
    struct field *found;
    int error = find(fields, path, &found, why);
    if (!error && !values.size)
        put_raw(found, SLICE("[]"));
    while (!error && values.size) {
        struct slice value = slice_of(values.at, slice_find(values, ','));
        add_text(found, slice_trim(value));
        values = slice_skip(values, value.size + 1);
    }
    return error;
}

/* ---- printing ---- */

static size_t room_for(const struct field *field)
{
    size_t room = 2;
    for (; field; field = field->next)
        room +=
            6 * strlen(field->name) + 4 + (field->raw ? field->raw_size : room_for(field->first));
    return room;
}

static void print(const struct field *field, struct text *text)
{
    const char *comma = "{";
    if (!field)
        text_char(text, '{');
    for (; field; field = field->next) {
        text_put(text, slice_str(comma));
        text_json(text, slice_str(field->name));
        text_char(text, ':');
        if (field->raw)
            text_put(text, slice_of(field->raw, field->raw_size));
        else
            print(field->first, text);
        comma = ",";
    }
    text_char(text, '}');
}

struct text fields_print(const struct fields *fields)
{
    struct text text;
    size_t room = room_for(fields->first);
    char *at = malloc(room);
    must(at);
    text_init(&text, at, room);
    print(fields->first, &text);
    must(text_ok(&text));
    return text;
}
