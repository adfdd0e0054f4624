/* json_cover.h - the values that JSON pointers name in a JSON text, which may be cut off anywhere.
 *
 * A pointer is that of RFC 6901, but that a "*" between slashes stands for any member or element:
 * "/user/email", "/items/0/id"; "" is the whole text. Every value that is named is covered, also
 * where names repeat or are written with escapes.
 *
 * The text is walked once, from front to end, without recursion and without memory: what no pointer
 * leads into is skipped. Where the text is no JSON any more, nobody knows what the rest is: then
 * it is covered. A text that begins with neither a brace nor a bracket is none of our business.
 */
#ifndef ENGINE_JSON_COVER_H
#define ENGINE_JSON_COVER_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum { POINTER_TOKENS_MAX = 8, POINTERS_MAX = 32, POINTER_SIZE_MAX = 256 };

struct pointer {
    char text[POINTER_SIZE_MAX]; /* the tokens, unescaped, one after the other */
    struct {
        uint16_t at, size;
    } tokens[POINTER_TOKENS_MAX];
    unsigned count;
};

/* 0, or -EINVAL. */
MUST_CHECK int pointer_compile(struct slice text, struct pointer *pointer);

/* Sets covered[i] to `mark` for each byte of a value that one of the pointers names, the quotes of
 * a string included, and of what cannot be read. */
void json_cover(const struct pointer *pointers, unsigned count, struct slice text, uint8_t mark,
                uint8_t *covered);

#endif
