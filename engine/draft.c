/* draft.c - see draft.h. Control's thread. */
#include "draft.h"

#include "base/units.h"

#include <openssl/mem.h>
#include <stdlib.h>

enum { ONLY_TEXT_SIZE = 64, OPENED_SIZE = 4 * SEAL_PLAIN_MAX };

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

/* Minified JSON compares as text: `only` is written the way json_print() prints. */
static void check_only(struct draft *draft, struct json_value value, const char *pointer,
                       const char *only)
{
    char text[ONLY_TEXT_SIZE];
    long size = json_print(value, text, sizeof text);
    if (size < 0 || !slice_equal(slice_of(text, (size_t)size), slice_str(only)))
        faults_add(draft->faults, pointer, "not supported by this version: only %s", only);
}

void draft_walk(struct draft *draft, struct json_value object, const char *base,
                const struct field *fields, unsigned count)
{
    if (json_kind(object) != JSON_OBJECT) {
        faults_add(draft->faults, base, "must be an object");
        return;
    }
    uint64_t cursor = 0, seen = 0;
    struct slice key;
    struct json_value value;
    while (json_next(object, &cursor, &key, &value)) {
        char pointer[FAULT_POINTER_SIZE];
        pointer_member(pointer, base, key);
        unsigned i = 0;
        while (i < count && !slice_equal(key, slice_str(fields[i].name)))
            i++;
        if (i == count)
            faults_add(draft->faults, pointer, "unknown field");
        else if (seen & UINT64_C(1) << i)
            faults_add(draft->faults, pointer, "is given twice");
        else if (json_kind(value) == JSON_NULL)
            ; /* null stands for the default */
        else if (fields[i].only)
            check_only(draft, value, pointer, fields[i].only);
        else
            fields[i].parse(draft, value, pointer);
        seen |= i < count ? UINT64_C(1) << i : 0;
    }
}
