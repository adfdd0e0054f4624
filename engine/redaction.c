/* redaction.c - see redaction.h. Pure functions. */
#include "redaction.h"

#include "lines.h"
#include "net/http_parse.h"

#include <errno.h>

enum { SHOWN, COVERED, VALUE_COVERED /* all of a JSON value, quotes included */ };

#define STARS SLICE("***")

int redaction_add_header(struct redaction *redaction, struct slice name)
{
    bool is_prefix = name.size > 1 && name.at[name.size - 1] == '*';
    unsigned at = redaction->header_count;
    name.size -= is_prefix;
    if (!http_is_token(name) || slice_find(name, '*') < name.size ||
        name.size >= REDACTION_HEADER_SIZE_MAX)
        return -EINVAL;
    if (at == REDACTION_HEADERS_MAX)
        return -ENOSPC;
    memcpy(redaction->headers[at].text, name.at, name.size);
    redaction->headers[at].size = name.size;
    redaction->headers[at].is_prefix = is_prefix;
    redaction->header_count++;
    return 0;
}

int redaction_add_pattern(struct redaction *redaction, struct slice pattern)
{
    unsigned at = redaction->pattern_count;
    if (at == REDACTION_PATTERNS_MAX)
        return -ENOSPC;
    int error = pattern_compile(pattern, &redaction->patterns[at]);
    redaction->pattern_count += error == 0;
    return error;
}

int redaction_add_pointer(struct redaction *redaction, struct slice pointer)
{
    unsigned at = redaction->pointer_count;
    if (at == POINTERS_MAX)
        return -ENOSPC;
    int error = pointer_compile(pointer, &redaction->pointers[at]);
    redaction->pointer_count += error == 0;
    return error;
}

static void add_lines(struct redaction *redaction, const char *lines,
                      int (*add)(struct redaction *redaction, struct slice line))
{
    struct slice rest = slice_str(lines);
    while (rest.size)
        must(add(redaction, lines_take(&rest, "\n")) == 0);
}

void redaction_init(struct redaction *redaction, const char *headers, const char *patterns,
                    const char *pointers)
{
    memset(redaction, 0, sizeof *redaction);
    add_lines(redaction, headers, redaction_add_header);
    add_lines(redaction, patterns, redaction_add_pattern);
    add_lines(redaction, pointers, redaction_add_pointer);
}

/* ---- headers ---- */

static bool is_listed(const struct redaction *redaction, struct slice name)
{
    for (unsigned i = 0; i < redaction->header_count; i++) {
        struct slice listed = slice_of(redaction->headers[i].text, redaction->headers[i].size);
        struct slice start = name;
        if (redaction->headers[i].is_prefix && start.size > listed.size)
            start.size = listed.size;
        if (slice_equal_nocase(start, listed))
            return true;
    }
    return false;
}

/* Prints the text with what is covered struck out. */
static void put_shown(struct slice from, const uint8_t *covered, struct text *out)
{
    for (size_t i = 0, end; i < from.size && text_ok(out); i = end) {
        for (end = i + 1; end < from.size && covered[end] == covered[i];)
            end++;
        if (covered[i] == SHOWN)
            text_put(out, slice_of(from.at + i, end - i));
        else
            text_put(out, covered[i] == COVERED ? STARS : SLICE("\"***\""));
    }
}

static void cover_patterns(const struct redaction *redaction, struct slice text, bool is_cut,
                           uint8_t *covered)
{
    for (unsigned i = 0; i < redaction->pattern_count; i++)
        pattern_cover(&redaction->patterns[i], text, is_cut, COVERED, covered);
}

static void put_value(const struct redaction *redaction, const struct redaction *own,
                      struct slice value, struct text *out)
{
    uint8_t covered[LIMIT_HEADERS_CAPTURE] = {0};
    if (value.size > sizeof covered) {
        out->cut = true;
        return;
    }
    cover_patterns(redaction, value, false, covered);
    if (own)
        cover_patterns(own, value, false, covered);
    put_shown(value, covered, out);
}

void redaction_put_header(const struct redaction *redaction, const struct redaction *own,
                          struct slice name, struct slice value, struct text *out)
{
    size_t before = out->size;
    text_put(out, name);
    text_put(out, SLICE(": "));
    if (!is_listed(redaction, name))
        text_put(out, STARS);
    else if (redaction->pattern_count == 0 && (!own || own->pattern_count == 0))
        text_put(out, value);
    else
        put_value(redaction, own, value, out);
    text_char(out, '\n');
    if (!text_ok(out))
        out->size = before;
}

/* ---- bodies ---- */

bool redaction_has_rules(const struct redaction *redaction)
{
    return redaction && (redaction->pattern_count > 0 || redaction->pointer_count > 0);
}

size_t redaction_strike(const struct redaction *redaction, char *body, size_t size, bool *is_cut)
{
    uint8_t covered[LIMIT_RESPONSE_CAPTURE] = {SHOWN};
    char shown[sizeof covered * (sizeof "\"***\"" - 1)];
    struct slice text = slice_of(body, size);
    struct text out;
    if (!redaction_has_rules(redaction))
        return size;
    must(size <= sizeof covered);
    cover_patterns(redaction, text, *is_cut, covered);
    json_cover(redaction->pointers, redaction->pointer_count, text, VALUE_COVERED, covered);
    text_init(&out, shown, sizeof shown);
    put_shown(text, covered, &out);
    must(text_ok(&out));
    size = out.size < sizeof covered ? out.size : sizeof covered;
    *is_cut |= size < out.size;
    memcpy(body, shown, size);
    return size;
}
