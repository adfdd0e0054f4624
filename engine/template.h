/* template.h - texts with names in braces: what is signed, and the header that it is sent in.
 *
 * A text is cut into parts once; filling it in is then a walk over them. What is put in for a name
 * is never looked at again, so that no value can name another.
 *
 *   content   {id} {timestamp} {body}                    has {body}
 *   header    {id} {timestamp} {hex} {base64}            "Name: value"; has {hex} or {base64}
 *
 * Anything else in braces is refused, and so is a brace that is none of a name: there is no way to
 * write one.
 */
#ifndef ENGINE_TEMPLATE_H
#define ENGINE_TEMPLATE_H

#include "base/must.h"
#include "base/slice.h"

enum part_kind {
    PART_TEXT, /* as it is */
    PART_ID,
    PART_TIMESTAMP,
    PART_BODY,
    PART_HEX,    /* of the signature */
    PART_BASE64, /* likewise */
    PART_KINDS
};

struct part {
    enum part_kind kind;
    struct slice text; /* of PART_TEXT */
};

struct parts {
    const struct part *list;
    unsigned count;
};

enum {
    PARTS_MAX = 16,
    TEMPLATE_TEXT_MAX = 256,  /* of content and header each */
    TEMPLATE_VALUE_MAX = 512, /* of the header's value, filled in */
    TEMPLATE_WHY_SIZE = 128,
};

/* Immutable, in one piece of memory. */
struct template
{
    struct slice content_text, header_text; /* as they were given */
    struct slice name;                      /* of the header */
    struct parts content, value;
};

struct template_fault {
    bool in_header;
    char why[TEMPLATE_WHY_SIZE];
};

/* 0; -EINVAL and the fault; -ENOMEM. To be given to free(). The name is not judged here but by
 * draft_headers.c. */
MUST_CHECK int template_compile(struct slice content, struct slice header, struct template **made,
                                struct template_fault *fault);

/* Another of the same. NULL: out of memory. */
struct template *template_copy(const struct template *from);

/* Writes the slice that stands for each part. */
void parts_fill(struct parts parts, const struct slice values[static PART_KINDS],
                struct slice filled[static PARTS_MAX]);

/* Is there a part of this kind? */
bool parts_have(struct parts parts, enum part_kind kind);

#endif
