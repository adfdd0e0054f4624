/* json_text.c - the grammar of RFC 8259 as a loop over its tokens. What is open is a bit for each
 * level, so outside data cannot make the stack grow.
 */
#include "base/json_text.h"

#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <stdint.h>

/* ---- strings ---- */

/* The value of four hex digits, or -1. */
static long hex4(struct slice text)
{
    if (text.size < 4)
        return -1;
    long value = 0;
    for (size_t i = 0; i < 4; i++) {
        char c = text.at[i], letter = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if (letter >= 'a' && letter <= 'f')
            value = value * 16 + (letter - 'a' + 10);
        else
            return -1;
    }
    return value;
}

/* Reads the escape that `text` begins with, both halves if it is a surrogate pair. Returns its
 * size, or 0 if it is not right. */
static size_t read_escape(struct slice text, uint32_t *code)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (text.size < 2)
        return 0;
    const char *found = memchr(letters, text.at[1], sizeof letters - 1);
    if (found) {
        *code = (unsigned char)meanings[found - letters];
        return 2;
    }
    long first = text.at[1] == 'u' ? hex4(slice_skip(text, 2)) : -1;
    if (first < 0 || (first >= 0xdc00 && first <= 0xdfff))
        return 0;
    *code = (uint32_t)first;
    if (first < 0xd800 || first > 0xdfff)
        return 6;

    text = slice_skip(text, 6);
    long second = slice_starts_with(text, SLICE("\\u")) ? hex4(slice_skip(text, 2)) : -1;
    if (second < 0xdc00 || second > 0xdfff)
        return 0;
    *code = (uint32_t)(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
    return 12;
}

/* Prints one character as UTF-8. */
static void put_code(struct text *text, uint32_t code)
{
    if (code < 0x80) {
        text_char(text, (char)code);
        return;
    }
    char bytes[4];
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size; --i > 0; code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3f));
    bytes[0] = (char)(0xf00 >> size | code);
    text_put(text, slice_of(bytes, size));
}

long json_unescape(struct slice raw, char *out, size_t room)
{
    if (raw.size < 2 || raw.at[0] != '"' || raw.at[raw.size - 1] != '"')
        return -EINVAL;
    struct slice rest = slice_of(raw.at + 1, raw.size - 2);
    struct text text;
    text_init(&text, out, room);

    while (rest.size) {
        size_t plain = slice_find(rest, '\\');
        if (slice_find(slice_of(rest.at, plain), '"') != plain)
            return -EINVAL;
        text_put(&text, slice_of(rest.at, plain));
        rest = slice_skip(rest, plain);
        if (rest.size == 0)
            break;
        uint32_t code;
        size_t size = read_escape(rest, &code);
        if (size == 0)
            return -EINVAL;
        put_code(&text, code);
        rest = slice_skip(rest, size);
    }
    return text_ok(&text) ? (long)text.size : -ENOBUFS;
}

/* ---- the grammar ---- */

enum expected {
    A_VALUE,
    A_VALUE_OR_END, /* after '[' */
    A_KEY,
    A_KEY_OR_END, /* after '{' */
    A_COMMA_OR_END,
};

struct scan {
    struct slice text;
    size_t offset;
    enum expected expected;
    unsigned depth;
    uint64_t is_object[JSON_DEPTH_MAX / 64];
    const char *what; /* what is wrong at `offset`; NULL as long as nothing is */
};

static struct slice rest_of(const struct scan *scan)
{
    return slice_skip(scan->text, scan->offset);
}

/* The byte at `offset`, or NUL at the end: no token has a NUL in it. */
static char peek(const struct scan *scan)
{
    if (scan->offset == scan->text.size)
        return '\0';
    return scan->text.at[scan->offset];
}

static void skip_space(struct scan *scan)
{
    while (peek(scan) == ' ' || peek(scan) == '\t' || peek(scan) == '\n' || peek(scan) == '\r')
        scan->offset++;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void scan_string(struct scan *scan)
{
    size_t start = scan->offset++;
    while (!scan->what && peek(scan) != '"') {
        struct slice rest = rest_of(scan);
        uint32_t code;
        size_t size = 1;
        if (rest.size == 0) {
            scan->offset = start;
            scan->what = "a string without its end";
        } else if (rest.at[0] == '\\') {
            size = read_escape(rest, &code);
            scan->what = size ? NULL : "a bad escape";
        } else if ((unsigned char)rest.at[0] < 0x20) {
            scan->what = "a control character in a string";
        } else {
            size = text_utf8_size(rest);
            scan->what = size ? NULL : "invalid UTF-8";
        }
        if (!scan->what)
            scan->offset += size;
    }
    if (!scan->what)
        scan->offset++;
}

static void scan_digits(struct scan *scan)
{
    if (!is_digit(peek(scan)))
        scan->what = "a bad number";
    while (is_digit(peek(scan)))
        scan->offset++;
}

static void scan_number(struct scan *scan)
{
    if (peek(scan) == '-')
        scan->offset++;
    if (peek(scan) == '0')
        scan->offset++;
    else
        scan_digits(scan);
    if (!scan->what && peek(scan) == '.') {
        scan->offset++;
        scan_digits(scan);
    }
    if (!scan->what && (peek(scan) | 0x20) == 'e') {
        scan->offset++;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->offset++;
        scan_digits(scan);
    }
}

static void scan_word(struct scan *scan)
{
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (slice_starts_with(rest_of(scan), slice_str(words[i]))) {
            scan->offset += strlen(words[i]);
            return;
        }
    }
    scan->what = scan->offset < scan->text.size ? "expected a value" : "the text ends too early";
}

static void open_container(struct scan *scan)
{
    bool object = peek(scan) == '{';
    uint64_t bit = UINT64_C(1) << scan->depth % 64;
    uint64_t *word = &scan->is_object[scan->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    scan->depth++;
    scan->offset++;
    scan->expected = object ? A_KEY_OR_END : A_VALUE_OR_END;
}

static void close_container(struct scan *scan)
{
    scan->depth--;
    scan->offset++;
    scan->expected = A_COMMA_OR_END;
}

static bool in_object(const struct scan *scan)
{
    unsigned level = scan->depth - 1;
    return scan->is_object[level / 64] >> level % 64 & 1;
}

static void scan_value(struct scan *scan)
{
    char c = peek(scan);
    if (c == '{' || c == '[') {
        open_container(scan);
        return;
    }
    if (c == ']' && scan->expected == A_VALUE_OR_END) {
        close_container(scan);
        return;
    }
    scan->expected = A_COMMA_OR_END;
    if (c == '"')
        scan_string(scan);
    else if (c == '-' || is_digit(c))
        scan_number(scan);
    else
        scan_word(scan);
}

static void scan_key(struct scan *scan)
{
    char c = peek(scan);
    if (c == '}' && scan->expected == A_KEY_OR_END) {
        close_container(scan);
        return;
    }
    if (c != '"') {
        scan->what = "expected a key";
        return;
    }
    scan_string(scan);
    if (scan->what)
        return;
    skip_space(scan);
    if (peek(scan) == ':')
        scan->offset++;
    else
        scan->what = "expected ':'";
    scan->expected = A_VALUE;
}

static void scan_comma(struct scan *scan)
{
    bool object = in_object(scan);
    char c = peek(scan);
    if (c == ',') {
        scan->offset++;
        scan->expected = object ? A_KEY : A_VALUE;
    } else if (c == (object ? '}' : ']')) {
        close_container(scan);
    } else {
        scan->what = object ? "expected ',' or '}'" : "expected ',' or ']'";
    }
}

bool json_find_fault(struct slice text, struct json_fault *fault)
{
    struct scan scan = {.text = text, .expected = A_VALUE};
    do {
        skip_space(&scan);
        if (scan.depth == JSON_DEPTH_MAX && peek(&scan) != ']' && peek(&scan) != '}')
            scan.what = "nested too deep";
        else if (scan.expected == A_COMMA_OR_END)
            scan_comma(&scan);
        else if (scan.expected == A_KEY || scan.expected == A_KEY_OR_END)
            scan_key(&scan);
        else
            scan_value(&scan);
    } while (!scan.what && (scan.depth || scan.expected != A_COMMA_OR_END));

    if (!scan.what) {
        skip_space(&scan);
        if (scan.offset < text.size)
            scan.what = "more text after the value";
    }
    *fault = (struct json_fault){scan.what, scan.offset};
    return scan.what != NULL;
}
