/* schema_patterns.c - see schema_patterns.h. */
#include "schema_patterns.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { USES_AT_FIRST = 4 };

struct schema_pattern_use {
    uint64_t place;
    const struct regex *regex;
};

static int reserve(struct schema_patterns *patterns)
{
    if (patterns->use_count < patterns->use_room)
        return 0;
    unsigned room = patterns->use_room ? 2 * patterns->use_room : USES_AT_FIRST;
    struct schema_pattern_use *uses = realloc(patterns->uses, room * sizeof *uses);
    if (!uses)
        return -ENOMEM;
    patterns->uses = uses;
    patterns->use_room = room;
    return 0;
}

/* The number of the expression with this text, compiled if it is new. */
static int find_or_compile(struct schema_patterns *patterns, struct slice text,
                           char why[static REGEX_WHY_SIZE])
{
    for (unsigned i = 0; i < patterns->count; i++)
        if (slice_equal(patterns->list[i].text, text))
            return (int)i;
    if (patterns->count == SCHEMA_PATTERNS_MAX) {
        snprintf(why, REGEX_WHY_SIZE, "a schema may have %d that differ", SCHEMA_PATTERNS_MAX);
        return -EINVAL;
    }
    int error = regex_open(&patterns->list[patterns->count].regex, text, why);
    if (error)
        return error;
    patterns->list[patterns->count].text = text;
    return (int)patterns->count++;
}

int schema_patterns_add(struct schema_patterns *patterns, struct json_value place,
                        struct slice text, char why[static REGEX_WHY_SIZE])
{
    int found = reserve(patterns);
    if (!found)
        found = find_or_compile(patterns, text, why);
    if (found < 0)
        return found;
    must(patterns->use_count == 0 || patterns->uses[patterns->use_count - 1].place < place.place);
    patterns->uses[patterns->use_count++] =
        (struct schema_pattern_use){place.place, patterns->list[found].regex};
    return 0;
}

static int compare(const void *place, const void *use)
{
    uint64_t wanted = *(const uint64_t *)place,
             found = ((const struct schema_pattern_use *)use)->place;
    return wanted < found ? -1 : wanted > found;
}

const struct regex *schema_patterns_at(const struct schema_patterns *patterns,
                                       struct json_value place)
{
    if (patterns->use_count == 0)
        return NULL;
    const struct schema_pattern_use *use =
        bsearch(&place.place, patterns->uses, patterns->use_count, sizeof *use, compare);
    return use ? use->regex : NULL;
}

void schema_patterns_close(struct schema_patterns *patterns)
{
    for (unsigned i = 0; i < patterns->count; i++)
        regex_close(patterns->list[i].regex);
    free(patterns->uses);
    *patterns = (struct schema_patterns){0};
}
