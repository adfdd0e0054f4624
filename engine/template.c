/* template.c - see template.h. */
#include "template.h"

#include "base/id.h"
#include "net/http_parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { IN_CONTENT = 1, IN_HEADER = 2, SHOWN_MAX = 24 };

static const struct {
    struct slice name;
    unsigned where;
    size_t size_max; /* of what is put in, in a header */
} names[PART_KINDS] = {
    [PART_ID] = {{"id", 2}, IN_CONTENT | IN_HEADER, ID_TEXT_SIZE},
    [PART_TIMESTAMP] = {{"timestamp", 9}, IN_CONTENT | IN_HEADER, 20},
    [PART_BODY] = {{"body", 4}, IN_CONTENT, 0},
    [PART_HEX] = {{"hex", 3}, IN_HEADER, 64},
    [PART_BASE64] = {{"base64", 6}, IN_HEADER, 44},
};

static enum part_kind find_name(struct slice name, unsigned where)
{
    for (unsigned kind = PART_ID; kind < PART_KINDS; kind++)
        if ((names[kind].where & where) && slice_equal(names[kind].name, name))
            return (enum part_kind)kind;
    return PART_TEXT;
}

static int refuse(struct template_fault *fault, const char *why)
{
    snprintf(fault->why, sizeof fault->why, "%s", why);
    return -EINVAL;
}

/* Takes what `text` begins with, up to the next brace, or the name that it opens with. */
static int take_part(struct slice *text, unsigned where, struct part *part,
                     struct template_fault *fault)
{
    size_t open = slice_find(*text, '{'), close = slice_find(*text, '}');
    size_t size = open < close ? open : close;
    if (size > 0) {
        *part = (struct part){PART_TEXT, slice_of(text->at, size)};
        *text = slice_skip(*text, size);
        return 0;
    }
    if (open > close)
        return refuse(fault, "has a } that closes nothing; there is no way to write a brace");
    if (close == text->size)
        return refuse(fault, "has a { that is not closed; there is no way to write a brace");
    struct slice name = slice_of(text->at + 1, close - 1);
    part->kind = find_name(name, where);
    if (part->kind == PART_TEXT) {
        snprintf(fault->why, sizeof fault->why, "has {%.*s}, which is none of %s",
                 (int)(name.size < SHOWN_MAX ? name.size : SHOWN_MAX), name.at,
                 where == IN_HEADER ? "{id} {timestamp} {hex} {base64}"
                                    : "{id} {timestamp} {body}");
        return -EINVAL;
    }
    *text = slice_skip(*text, close + 1);
    return 0;
}

static int take_parts(struct slice text, unsigned where, struct part *list, unsigned *count,
                      struct template_fault *fault)
{
    fault->in_header = where == IN_HEADER;
    for (*count = 0; text.size; (*count)++) {
        if (*count == PARTS_MAX)
            return refuse(fault, "has too many parts");
        int error = take_part(&text, where, &list[*count], fault);
        if (error)
            return error;
    }
    return 0;
}

/* The most bytes that the value may have when it is filled in. */
static size_t size_max(struct parts value)
{
    size_t size = 0;
    for (unsigned i = 0; i < value.count; i++)
        size += value.list[i].kind == PART_TEXT ? value.list[i].text.size
                                                : names[value.list[i].kind].size_max;
    return size;
}

static int check_whole(const struct template *made, struct slice value,
                       struct template_fault *fault)
{
    if (!parts_have(made->content, PART_BODY)) {
        fault->in_header = false;
        return refuse(fault, "must have {body}, or the body would not be signed");
    }
    if (!parts_have(made->value, PART_HEX) && !parts_have(made->value, PART_BASE64))
        return refuse(fault, "must have {hex} or {base64}, the signature");
    if (!http_is_field_value(value))
        return refuse(fault, "has a byte that cannot be sent in a header");
    if (size_max(made->value) > TEMPLATE_VALUE_MAX)
        return refuse(fault, "becomes too long when it is filled in");
    return 0;
}

/* `texts`: the room behind the struct, which has the parts before it. */
static int compile(struct template *made, struct part *list, struct template_fault *fault)
{
    int error = take_parts(made->content_text, IN_CONTENT, list, &made->content.count, fault);
    if (error)
        return error;
    made->content.list = list;
    list += made->content.count;

    size_t colon = slice_find(made->header_text, ':');
    fault->in_header = true;
    if (colon == made->header_text.size)
        return refuse(fault, "must be \"Name: value\"");
    made->name = slice_of(made->header_text.at, colon);
    struct slice value = slice_trim(slice_skip(made->header_text, colon + 1));
    error = take_parts(value, IN_HEADER, list, &made->value.count, fault);
    made->value.list = list;
    return error ? error : check_whole(made, value, fault);
}

int template_compile(struct slice content, struct slice header, struct template **made,
                     struct template_fault *fault)
{
    if (content.size > TEMPLATE_TEXT_MAX || header.size > TEMPLATE_TEXT_MAX) {
        fault->in_header = content.size <= TEMPLATE_TEXT_MAX;
        return refuse(fault, "must have at most 256 bytes");
    }
    const size_t parts = 2 * (size_t)PARTS_MAX;
    struct template *template =
        calloc(1, sizeof *template + parts * sizeof(struct part) + content.size + header.size);
    if (!template)
        return -ENOMEM;
    struct part *list = (struct part *)(template + 1);
    char *texts = (char *)(list + parts);
    memcpy(texts, content.at, content.size);
    memcpy(texts + content.size, header.at, header.size);
    template->content_text = slice_of(texts, content.size);
    template->header_text = slice_of(texts + content.size, header.size);

    int error = compile(template, list, fault);
    if (error)
        free(template);
    else
        *made = template;
    return error;
}

struct template *template_copy(const struct template *from)
{
    struct template *copy;
    struct template_fault fault;
    int error = template_compile(from->content_text, from->header_text, &copy, &fault);
    must(error == 0 || error == -ENOMEM);
    return error ? NULL : copy;
}

void parts_fill(struct parts parts, const struct slice values[static PART_KINDS],
                struct slice filled[static PARTS_MAX])
{
    must(parts.count <= PARTS_MAX);
    for (unsigned i = 0; i < parts.count; i++) {
        const struct part *part = &parts.list[i];
        filled[i] = part->kind == PART_TEXT ? part->text : values[part->kind];
    }
}

bool parts_have(struct parts parts, enum part_kind kind)
{
    for (unsigned i = 0; i < parts.count; i++)
        if (parts.list[i].kind == kind)
            return true;
    return false;
}
