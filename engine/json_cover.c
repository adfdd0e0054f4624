/* json_cover.c - see json_cover.h. Pure functions.
 *
 * A frame is a container that some pointer leads into; there are as many as a pointer has tokens at
 * most. Which pointers have led to a place is a set of bits.
 */
#include "json_cover.h"

#include "base/json_pointer.h"
#include "base/text.h"

#include <errno.h>

enum { ESCAPE_SIZE = 6 /* \uXXXX */ };

int pointer_compile(struct slice text, struct pointer *pointer)
{
    uint16_t size = 0;
    pointer->count = 0;
    if (text.size >= POINTER_SIZE_MAX || !json_pointer_is_valid(text))
        return -EINVAL;
    while (text.size > 0) {
        if (pointer->count == POINTER_TOKENS_MAX)
            return -EINVAL;
        unsigned token = pointer->count++;
        pointer->tokens[token].at = size;
        text = slice_skip(text, 1);
        while (text.size > 0 && text.at[0] != '/')
            pointer->text[size++] = json_pointer_take(&text);
        pointer->tokens[token].size = (uint16_t)(size - pointer->tokens[token].at);
    }
    return 0;
}

/* ---- reading ---- */

struct frame {
    uint32_t led; /* the pointers that led here */
    bool is_array;
    unsigned long index; /* of the next element */
};

struct walk {
    const struct pointer *pointers;
    unsigned count;
    struct slice text;
    size_t at;
    struct frame frames[POINTER_TOKENS_MAX];
    unsigned depth;
    bool is_broken;
};

static char peek(const struct walk *walk)
{
    if (walk->at == walk->text.size)
        return '\0';
    return walk->text.at[walk->at];
}

static void skip_white(struct walk *walk)
{
    while (walk->at < walk->text.size && strchr(" \t\r\n", walk->text.at[walk->at]) &&
           walk->text.at[walk->at] != '\0')
        walk->at++;
}

/* At a quote. Ends behind the other one, or at the end of the text. */
static void skip_string(struct walk *walk)
{
    for (walk->at++; walk->at < walk->text.size; walk->at++) {
        char c = walk->text.at[walk->at];
        if (c == '\\') {
            walk->at++;
        } else if (c == '"') {
            walk->at++;
            return;
        }
    }
    walk->at = walk->text.size;
}

static void skip_container(struct walk *walk)
{
    size_t depth = 0;
    while (walk->at < walk->text.size) {
        char c = peek(walk);
        if (c == '"') {
            skip_string(walk);
            continue;
        }
        walk->at++;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        if (depth == 0)
            return;
    }
}

static void skip_value(struct walk *walk)
{
    char c = peek(walk);
    if (c == '"')
        skip_string(walk);
    else if (c == '{' || c == '[')
        skip_container(walk);
    else
        while (walk->at < walk->text.size && !strchr(",]} \t\r\n", peek(walk)))
            walk->at++;
}

/* ---- names ---- */

static unsigned hex4(const char *at)
{
    unsigned value = 0;
    for (unsigned i = 0; i < 4; i++) {
        char c = at[i], lower = (char)(c | 0x20);
        unsigned digit = c >= '0' && c <= '9'           ? (unsigned)(c - '0')
                         : lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10)
                                                        : 16;
        if (digit == 16)
            return UINT32_MAX;
        value = value << 4 | digit;
    }
    return value;
}

static unsigned put_utf8(uint32_t point, char out[static 4])
{
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    unsigned size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (unsigned i = size; i-- > 1; point >>= 6)
        out[i] = (char)(0x80 | (point & 0x3f));
    out[0] = (char)(leads[size] | point);
    return size;
}

/* Takes \uXXXX off the front, or two that make one character. */
static unsigned take_unicode(struct slice *rest, char out[static 4])
{
    uint32_t high = rest->size >= ESCAPE_SIZE ? hex4(rest->at + 2) : UINT32_MAX;
    if (high == UINT32_MAX)
        return 0;
    *rest = slice_skip(*rest, ESCAPE_SIZE);
    if (high < 0xd800 || high > 0xdbff)
        return put_utf8(high, out);
    bool has_low = rest->size >= ESCAPE_SIZE && rest->at[0] == '\\' && rest->at[1] == 'u';
    uint32_t low = has_low ? hex4(rest->at + 2) : UINT32_MAX;
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *rest = slice_skip(*rest, ESCAPE_SIZE);
    return put_utf8(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00), out);
}

/* Takes one character, or a part of one, off the front of what is between two quotes. Its size, or
 * 0 if it is wrongly written. */
static unsigned take_char(struct slice *rest, char out[static 4])
{
    static const char codes[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    out[0] = rest->at[0];
    if (out[0] != '\\') {
        *rest = slice_skip(*rest, 1);
        return 1;
    }
    if (rest->size < 2)
        return 0;
    if (rest->at[1] == 'u')
        return take_unicode(rest, out);
    const char *code = rest->at[1] ? strchr(codes, rest->at[1]) : NULL;
    if (!code)
        return 0;
    out[0] = meant[code - codes];
    *rest = slice_skip(*rest, 2);
    return 1;
}

static struct slice token_of(const struct pointer *pointer, unsigned index)
{
    return slice_of(pointer->text + pointer->tokens[index].at, pointer->tokens[index].size);
}

/* Is the name, as it is written between its quotes, the token? */
static bool is_name(struct slice written, struct slice token)
{
    char c[4];
    while (written.size > 0) {
        unsigned size = take_char(&written, c);
        if (size == 0 || size > token.size || memcmp(token.at, c, size) != 0)
            return false;
        token = slice_skip(token, size);
    }
    return token.size == 0;
}

static bool is_index(struct slice token, unsigned long index)
{
    unsigned long number;
    return slice_to_u64(token, &number) && number == index;
}

/* Those of the pointers that led to `frame` which lead on to this member or element. */
static uint32_t lead_on(const struct walk *walk, const struct frame *frame, struct slice name)
{
    uint32_t led = 0;
    for (unsigned i = 0; i < walk->count; i++) {
        const struct pointer *pointer = &walk->pointers[i];
        if (!(frame->led & UINT32_C(1) << i) || pointer->count < walk->depth)
            continue;
        struct slice token = token_of(pointer, walk->depth - 1);
        if (slice_equal(token, SLICE("*")) ||
            (frame->is_array ? is_index(token, frame->index) : is_name(name, token)))
            led |= UINT32_C(1) << i;
    }
    return led;
}

/* Does one of them end at depth `depth`? */
static bool is_named(const struct walk *walk, uint32_t led, unsigned depth)
{
    for (unsigned i = 0; i < walk->count; i++)
        if ((led & UINT32_C(1) << i) && walk->pointers[i].count == depth)
            return true;
    return false;
}

/* ---- walking ---- */

/* At a brace or bracket. */
static void enter(struct walk *walk, uint32_t led)
{
    must(walk->depth < POINTER_TOKENS_MAX);
    walk->frames[walk->depth++] = (struct frame){.led = led, .is_array = peek(walk) == '['};
    walk->at++;
}

/* Reads "name" and the colon; false at the end of the text, or if they are not there. */
static bool read_name(struct walk *walk, struct slice *name)
{
    size_t from = walk->at + 1;
    walk->is_broken = peek(walk) != '"';
    if (walk->is_broken)
        return false;
    skip_string(walk);
    size_t end = walk->at - 1; /* of no use, if the text ends here: then there is no colon */
    skip_white(walk);
    if (walk->at == walk->text.size)
        return false;
    walk->is_broken = peek(walk) != ':';
    *name = slice_of(walk->text.at + from, end - from);
    walk->at += !walk->is_broken;
    return !walk->is_broken;
}

static void cover(const struct walk *walk, size_t from, uint8_t mark, uint8_t *covered)
{
    memset(covered + from, mark, walk->at - from);
}

/* One member or element; in front of it there is no white space. */
static void read_member(struct walk *walk, uint8_t mark, uint8_t *covered)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    struct slice name = SLICE("");
    if (!frame->is_array && !read_name(walk, &name))
        return;
    skip_white(walk);
    uint32_t led = lead_on(walk, frame, name);
    frame->index++;
    size_t from = walk->at;
    char c = peek(walk);
    if (is_named(walk, led, walk->depth)) {
        skip_value(walk);
        cover(walk, from, mark, covered);
    } else if (led && (c == '{' || c == '[')) {
        enter(walk, led);
        return;
    } else {
        skip_value(walk);
    }
    walk->is_broken = walk->at == from && from < walk->text.size;
}

static void walk_on(struct walk *walk, uint8_t mark, uint8_t *covered)
{
    while (walk->depth > 0 && !walk->is_broken) {
        skip_white(walk);
        if (walk->at == walk->text.size)
            return;
        char end = walk->frames[walk->depth - 1].is_array ? ']' : '}';
        if (peek(walk) == end) {
            walk->depth--;
            walk->at++;
        } else if (peek(walk) == ',') {
            walk->at++;
        } else {
            read_member(walk, mark, covered);
        }
    }
}

void json_cover(const struct pointer *pointers, unsigned count, struct slice text, uint8_t mark,
                uint8_t *covered)
{
    struct walk walk = {.pointers = pointers, .count = count, .text = text};
    uint32_t all = count == POINTERS_MAX ? UINT32_MAX : (UINT32_C(1) << count) - 1;
    must(count <= POINTERS_MAX);
    if (slice_starts_with(text, SLICE("\xef\xbb\xbf")))
        walk.at = 3;
    if (is_named(&walk, all, 0)) {
        walk.at = text.size;
        cover(&walk, 0, mark, covered);
        return;
    }
    skip_white(&walk);
    while (!walk.is_broken && (peek(&walk) == '{' || peek(&walk) == '[')) {
        enter(&walk, all);
        walk_on(&walk, mark, covered);
        skip_white(&walk);
    }
    size_t from = walk.at;
    walk.at = text.size;
    if (walk.is_broken)
        cover(&walk, from, mark, covered);
}
