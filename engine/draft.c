/* draft.c - see draft.h. Control's thread. */
#include "draft.h"

#include "base/units.h"

#include <openssl/mem.h>
#include <stdlib.h>

enum { OPENED_SIZE = 4 * SEAL_PLAIN_MAX };

bool draft_take_string(struct draft *draft, struct json_value value, const char *pointer,
                       size_t max, struct slice *string)
{
    if (!json_string(value, string)) {
        faults_add(draft->faults, pointer, "must be a string");
        return false;
    }
    if (string->size > max || slice_find(*string, '\0') < string->size) {
        faults_add(draft->faults, pointer, "must have at most %zu bytes and no NUL", max);
        return false;
    }
    return true;
}

bool draft_take_secret(struct draft *draft, struct json_value value, const char *pointer,
                       size_t max, struct slice *string)
{
    const struct vault_place place = {&draft->made->tenant, &draft->made->id, pointer};
    struct text *opened = &draft->opened;
    struct slice sealed;
    if (!draft->vault)
        return draft_take_string(draft, value, pointer, max, string);
    if (!opened->at) {
        text_init(opened, malloc(OPENED_SIZE), OPENED_SIZE);
        draft->out_of_memory |= !opened->at;
    }
    if (!opened->at ||
        !draft_take_string(draft, value, pointer, (size_t)2 * SEAL_PLAIN_MAX, &sealed))
        return false;
    size_t start = opened->size;
    if (vault_unseal(draft->vault, &place, sealed, opened)) {
        faults_add(draft->faults, pointer, "cannot be decrypted");
        return false;
    }
    *string = slice_skip(text_slice(opened), start);
    return true;
}

void draft_close(struct draft *draft)
{
    if (draft->opened.at)
        OPENSSL_cleanse(draft->opened.at, draft->opened.size);
    free(draft->opened.at);
}

void draft_keep(struct draft *draft, char **field, struct slice string)
{
    free(*field);
    *field = strndup(string.at ? string.at : "", string.size);
    draft->out_of_memory |= !*field;
}

bool draft_take_duration(struct draft *draft, struct json_value value, const char *pointer,
                         uint64_t *duration_ms)
{
    struct slice string;
    if (json_string(value, &string) && units_parse_duration(string, duration_ms) == 0)
        return true;
    faults_add(draft->faults, pointer,
               "must be a duration like \"500ms\", \"5s\", \"2m\" or \"1h\"");
    return false;
}

void draft_check_same(struct draft *draft, struct json_value value, const char *pointer,
                      struct slice now)
{
    struct slice given;
    if (!draft->before)
        faults_add(draft->faults, pointer, "is set by the server");
    else if (!json_string(value, &given) || !slice_equal(given, now))
        faults_add(draft->faults, pointer, "cannot be changed");
}

void draft_walk(struct draft *draft, struct json_value object, const char *base,
                const struct field *fields, unsigned count)
{
    struct form_members members = {.object = object,
                                   .base = base,
                                   .faults = draft->faults,
                                   .fields = fields,
                                   .field_size = sizeof *fields,
                                   .count = count};
    struct json_value value;
    char pointer[FAULT_POINTER_SIZE];
    for (int i; (i = form_next(&members, &value, pointer)) >= 0;)
        fields[i].parse(draft, value, pointer);
}
