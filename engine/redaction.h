/* redaction.h - what of requests and responses may be on record: it is applied before an attempt is
 * written, so what it strikes out is never on disk.
 *
 * Of headers, the names are kept and the values of those that are listed; of bodies, all but what
 * JSON pointers name (json_cover.h) and what patterns find (pattern.h). Patterns look at the values
 * of headers too. What is struck out reads "***".
 *
 * Immutable once it is made; any thread.
 */
#ifndef ENGINE_REDACTION_H
#define ENGINE_REDACTION_H

#include "base/text.h"
#include "json_cover.h"
#include "limits.h"
#include "pattern.h"

enum {
    REDACTION_HEADERS_MAX = 64,
    REDACTION_PATTERNS_MAX = 32,
    REDACTION_HEADER_SIZE_MAX = 128,
};

struct redaction {
    struct {
        char text[REDACTION_HEADER_SIZE_MAX];
        size_t size;
        bool is_prefix; /* it was "text*" */
    } headers[REDACTION_HEADERS_MAX];
    struct pattern patterns[REDACTION_PATTERNS_MAX];
    struct pointer pointers[POINTERS_MAX];
    unsigned header_count, pattern_count, pointer_count;
};

/* Each 0, -EINVAL, or -ENOSPC if there are too many. */
MUST_CHECK int redaction_add_header(struct redaction *redaction, struct slice name);
MUST_CHECK int redaction_add_pattern(struct redaction *redaction, struct slice pattern);
MUST_CHECK int redaction_add_pointer(struct redaction *redaction, struct slice pointer);

/* Prints "name: value\n", or nothing if that does not fit: then text_ok() is false. `own`: more
 * patterns, or NULL. */
void redaction_put_header(const struct redaction *redaction, const struct redaction *own,
                          struct slice name, struct slice value, struct text *out);

/* Takes over all of three lists, which have been checked: an entry on each line. */
void redaction_init(struct redaction *redaction, const char *headers, const char *patterns,
                    const char *pointers);

/* Does it say anything of bodies? NULL does not. */
bool redaction_has_rules(const struct redaction *redaction);

/* Strikes out in place; at most LIMIT_RESPONSE_CAPTURE bytes. NULL leaves all as it is. Returns how
 * many there are then. `is_cut`: the body went on. It is set if there was no room for what has
 * become longer. */
size_t redaction_strike(const struct redaction *redaction, char *body, size_t size, bool *is_cut);

#endif
