/* form.c - see form.h. */
#include "form.h"

#include "base/id.h"
#include "limits.h"

#include <stdlib.h>

static unsigned find_row(const struct form_members *members, struct slice key)
{
    const char *row = members->fields;
    unsigned i = 0;
    while (i < members->count &&
           !slice_equal(key, slice_str(*(const char *const *)(const void *)row))) {
        row += members->field_size;
        i++;
    }
    return i;
}

int form_next(struct form_members *members, struct json_value *value,
              char pointer[static FAULT_POINTER_SIZE])
{
    struct slice key;
    must(members->count <= 64);
    if (json_kind(members->object) != JSON_OBJECT) {
        faults_add(members->faults, members->base, "must be an object");
        return -1;
    }
    while (json_next(members->object, &members->cursor, &key, value)) {
        unsigned i = find_row(members, key);
        uint64_t bit = i < members->count ? UINT64_C(1) << i : 0;
        bool is_again = members->seen & bit;
        members->seen |= bit;
        pointer_member(pointer, members->base, key);
        if (i == members->count)
            faults_add(members->faults, pointer, "unknown field");
        else if (is_again)
            faults_add(members->faults, pointer, "is given twice");
        else if (json_kind(*value) != JSON_NULL) /* which stands for the default */
            return (int)i;
    }
    return -1;
}

void form_walk(struct form *form, struct json_value object, const char *base,
               const struct form_field *fields, unsigned count)
{
    struct form_members members = {.object = object,
                                   .base = base,
                                   .faults = form->faults,
                                   .fields = fields,
                                   .field_size = sizeof *fields,
                                   .count = count};
    struct json_value value;
    char pointer[FAULT_POINTER_SIZE];
    for (int i; (i = form_next(&members, &value, pointer)) >= 0;)
        fields[i].parse(form, value, pointer);
}

bool form_string(struct form *form, struct json_value value, const char *pointer, size_t max,
                 struct slice *string)
{
    if (!json_string(value, string)) {
        faults_add(form->faults, pointer, "must be a string");
        return false;
    }
    if (string->size > max || slice_find(*string, '\0') < string->size) {
        faults_add(form->faults, pointer, "must have at most %zu bytes and no NUL", max);
        return false;
    }
    return true;
}

bool form_u64(struct form *form, struct json_value value, const char *pointer, uint64_t max,
              uint64_t *number)
{
    uint64_t given;
    if (!json_u64(value, &given) || given < 1 || given > max) {
        faults_add(form->faults, pointer, "must be a whole number from 1 to %llu",
                   (unsigned long long)max);
        return false;
    }
    *number = given;
    return true;
}

bool form_number(struct form *form, struct json_value value, const char *pointer,
                 const double bounds[2], double *number)
{
    double given;
    if (!json_double(value, &given) || given < bounds[0] || given > bounds[1]) {
        faults_add(form->faults, pointer, "must be a number from %.7g to %.7g", bounds[0],
                   bounds[1]);
        return false;
    }
    *number = given;
    return true;
}

bool form_bool(struct form *form, struct json_value value, const char *pointer, bool *flag)
{
    if (json_bool(value, flag))
        return true;
    faults_add(form->faults, pointer, "must be true or false");
    return false;
}

bool form_is_name(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return false;
    }
    return text.size > 0;
}

bool form_is_uid(struct slice text, const char *prefix)
{
    struct id id;
    return form_is_name(text) && !slice_equal(text, SLICE(".")) &&
           !slice_equal(text, SLICE("..")) && id_parse(text, prefix, &id) != 0;
}

void form_keep(struct form *form, char **field, struct slice string)
{
    free(*field);
    *field = strndup(string.at ? string.at : "", string.size);
    form->out_of_memory |= !*field;
}

void form_metadata(struct form *form, struct json_value value, const char *pointer, char **field)
{
    char text[LIMIT_METADATA_SIZE];
    if (json_kind(value) != JSON_OBJECT) {
        faults_add(form->faults, pointer, "must be an object");
        return;
    }
    long size = json_print(value, text, sizeof text);
    if (size < 0)
        faults_add(form->faults, pointer, "must have at most %d bytes", LIMIT_METADATA_SIZE);
    else
        form_keep(form, field, slice_of(text, (size_t)size));
}
