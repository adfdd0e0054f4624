/* draft_redact.c - what is struck out of a receiver's responses before they are on record:
 * "redact".
 */
#include "draft.h"
#include "lines.h"
#include "redaction.h"

#include <errno.h>

/* An array of texts, each of which `add` takes. */
static void take_lines(struct draft *draft, struct json_value value, const char *pointer,
                       char **field, int (*add)(struct redaction *trial, struct slice line),
                       const char *expected)
{
    char lines[LIMIT_REDACT_SIZE] = "";
    struct json_value element;
    uint64_t cursor = 0;
    unsigned index = 0;
    if (json_kind(value) != JSON_ARRAY) {
        faults_add(draft->faults, pointer, "must be an array");
        return;
    }
    while (json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        struct slice text;
        int error = -EINVAL;
        pointer_element(place, pointer, index++);
        if (json_string(element, &text) && text.size > 0 && slice_find(text, '\n') == text.size &&
            slice_find(text, '\0') == text.size)
            error = lines_add(lines, sizeof lines, text, "\n", add);
        if (error == -ENOSPC)
            faults_add(draft->faults, pointer, "must be at most 32, of %d bytes together",
                       LIMIT_REDACT_SIZE);
        else if (error)
            faults_add(draft->faults, place, "must be %s", expected);
        if (error)
            return;
    }
    if (index > 0)
        draft_keep(draft, field, slice_str(lines));
}

static void parse_pointers(struct draft *draft, struct json_value value, const char *pointer)
{
    take_lines(draft, value, pointer, &draft->made->redact_pointers, redaction_add_pointer,
               "a JSON pointer of at most 8 names, like \"/user/email\" or \"/items/*/id\"");
}

static void parse_patterns(struct draft *draft, struct json_value value, const char *pointer)
{
    take_lines(draft, value, pointer, &draft->made->redact_patterns, redaction_add_pattern,
               "a pattern of at most 64 bytes that is more than ? and *, like \"sk_live_*\"");
}

void draft_parse_redact(struct draft *draft, struct json_value value, const char *pointer)
{
    static const struct field fields[] = {{"pointers", parse_pointers},
                                          {"patterns", parse_patterns}};
    DRAFT_WALK(draft, value, pointer, fields);
}
