/* speech.c - see speech.h. */
#include "speech.h"

#include "base/must.h"

#include <stdint.h>
#include <stdlib.h>

void speech_add(struct speech *speech, const char *bytes, size_t size)
{
    if (speech->size + size > speech->room) {
        speech->room = 2 * (speech->size + size);
        speech->at = realloc(speech->at, speech->room);
        must(speech->at);
    }
    memcpy(speech->at + speech->size, bytes, size);
    speech->size += size;
}

struct slice said_field(const struct said *said, const char *name)
{
    struct slice rest = said->fields, wanted = slice_str(name);
    while (rest.size > 0) {
        size_t end = slice_find(rest, '\r');
        struct slice line = slice_of(rest.at, end);
        size_t colon = slice_find(line, ':');
        if (slice_equal_nocase(slice_of(line.at, colon), wanted))
            return slice_trim(slice_skip(line, colon + 1));
        rest = slice_skip(rest, end + 2);
    }
    return slice_of(NULL, 0);
}

bool speech_find(const struct speech *speech, struct said *said)
{
    if (speech->size == 0)
        return false;
    const char *end = memmem(speech->at, speech->size, "\r\n\r\n", 4);
    if (!end)
        return false;
    struct slice head = slice_of(speech->at, (size_t)(end - speech->at) + 2);
    size_t line = slice_find(head, '\r');
    said->first_line = slice_of(head.at, line);
    said->fields = slice_skip(head, line + 2);
    unsigned long length = 0;
    struct slice field = said_field(said, "content-length");
    if (field.size)
        must(slice_to_u64(field, &length));
    said->body = slice_of(end + 4, length);
    said->size = head.size + 2 + length;
    return said->size <= speech->size;
}

void speech_drop(struct speech *speech, size_t size)
{
    speech->size -= size;
    memmove(speech->at, speech->at + size, speech->size);
}

void speech_clear(struct speech *speech)
{
    free(speech->at);
    *speech = (struct speech){0};
}

/* ---- JSON ---- */

static bool move_behind(struct slice *from, const char *name)
{
    char wanted[64];
    size_t size = strlen(name);
    must(size + 3 < sizeof wanted);
    wanted[0] = '"';
    memcpy(wanted + 1, name, size);
    memcpy(wanted + 1 + size, "\":", 2);
    const char *found = from->size ? memmem(from->at, from->size, wanted, size + 3) : NULL;
    if (!found)
        return false;
    *from = slice_skip(*from, (size_t)(found - from->at) + size + 3);
    return true;
}

uint64_t json_number_after(struct slice *from, const char *name)
{
    unsigned long number;
    size_t digits = 0;
    if (!move_behind(from, name))
        return UINT64_MAX;
    while (digits < from->size && from->at[digits] >= '0' && from->at[digits] <= '9')
        digits++;
    return slice_to_u64(slice_of(from->at, digits), &number) ? number : UINT64_MAX;
}

struct slice json_text_after(struct slice *from, const char *name)
{
    if (!move_behind(from, name) || from->size == 0 || from->at[0] != '"')
        return slice_of(NULL, 0);
    struct slice rest = slice_skip(*from, 1);
    size_t end = slice_find(rest, '"');
    *from = slice_skip(rest, end);
    return slice_of(rest.at, end);
}
