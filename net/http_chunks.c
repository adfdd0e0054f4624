/* http_chunks.c - the chunked transfer coding (RFC 9112 section 7.1), decoded octet by octet.
 *
 *   SIZE -> SIZE_MORE -> (extensions) -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *   and after a chunk of size 0: LINE -> (NAME -> VALUE -> VALUE_LF -> LINE)* -> END_LF -> OVER
 *
 * Strict: CRLF everywhere, no white space around sizes and extensions, 16 hex digits at most.
 * Extensions and trailers are checked against the grammar and dropped; both are capped, so that a
 * sender cannot have us read forever without giving a byte of body.
 */
#include "net/http_parse.h"

#include "net/http_octet.h"

#include <errno.h>

enum { SIZE_DIGITS_MAX = 16, CHUNK_LINE_MAX = 256, TRAILERS_MAX = 8 * 1024 };

enum state {
    SIZE,
    SIZE_MORE,
    EXTENSION, /* after ';' */
    EXTENSION_NAME,
    EXTENSION_EQUALS, /* after '=' */
    EXTENSION_TOKEN,
    EXTENSION_QUOTED,
    EXTENSION_ESCAPED,
    EXTENSION_UNQUOTED, /* after the closing quote */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE, /* at the start of a trailer line, or of the empty line that ends all */
    NAME,
    VALUE,
    VALUE_LF,
    END_LF,
    OVER,
    BROKEN,
};

static unsigned hex_value(char digit)
{
    return octet_is_digit(digit) ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a' + 10);
}

/* What may follow a size, an extension's name or its value. */
static enum state after_item(char octet)
{
    if (octet == ';')
        return EXTENSION;
    return octet == '\r' ? SIZE_LF : BROKEN;
}

static enum state step_size(struct http_chunks *chunks, char octet)
{
    if (!octet_is(octet, OCTET_HEX))
        return chunks->digits == 0 ? BROKEN : after_item(octet);
    if (chunks->digits == SIZE_DIGITS_MAX)
        return BROKEN;
    chunks->digits++;
    chunks->left = chunks->left << 4 | hex_value(octet);
    return SIZE_MORE;
}

static enum state step_quoted(enum state state, char octet)
{
    if (state == EXTENSION_QUOTED && octet == '"')
        return EXTENSION_UNQUOTED;
    if (state == EXTENSION_QUOTED && octet == '\\')
        return EXTENSION_ESCAPED;
    return octet_is(octet, OCTET_VALUE) ? EXTENSION_QUOTED : BROKEN;
}

/* chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ), without optional white space. */
static enum state step_extension(enum state state, char octet)
{
    bool is_token = octet_is(octet, OCTET_TOKEN);
    switch (state) {
    case EXTENSION:
        return is_token ? EXTENSION_NAME : BROKEN;
    case EXTENSION_NAME:
        if (is_token)
            return EXTENSION_NAME;
        return octet == '=' ? EXTENSION_EQUALS : after_item(octet);
    case EXTENSION_EQUALS:
        if (octet == '"')
            return EXTENSION_QUOTED;
        return is_token ? EXTENSION_TOKEN : BROKEN;
    case EXTENSION_TOKEN:
        return is_token ? EXTENSION_TOKEN : after_item(octet);
    case EXTENSION_UNQUOTED:
        return after_item(octet);
    default:
        return step_quoted(state, octet);
    }
}

static enum state step_trailer(enum state state, char octet)
{
    switch (state) {
    case LINE:
        if (octet == '\r')
            return END_LF;
        return octet_is(octet, OCTET_TOKEN) ? NAME : BROKEN;
    case NAME:
        if (octet == ':')
            return VALUE;
        return octet_is(octet, OCTET_TOKEN) ? NAME : BROKEN;
    case VALUE:
        if (octet == '\r')
            return VALUE_LF;
        return octet_is(octet, OCTET_VALUE) ? VALUE : BROKEN;
    case VALUE_LF:
        return octet == '\n' ? LINE : BROKEN;
    default:
        return octet == '\n' ? OVER : BROKEN;
    }
}

static enum state begin_size(struct http_chunks *chunks)
{
    chunks->left = 0;
    chunks->digits = 0;
    chunks->line = 0;
    return SIZE;
}

static enum state step(struct http_chunks *chunks, char octet)
{
    enum state state = chunks->state;
    if (state <= SIZE_MORE)
        return step_size(chunks, octet);
    if (state < SIZE_LF)
        return step_extension(state, octet);
    if (state >= LINE)
        return step_trailer(state, octet);
    if (state == DATA_CR)
        return octet == '\r' ? DATA_LF : BROKEN;
    if (octet != '\n')
        return BROKEN;
    if (state == DATA_LF)
        return begin_size(chunks);
    chunks->line = 0;
    return chunks->left > 0 ? DATA : LINE;
}

static const char *why_broken(enum state state)
{
    if (state <= SIZE_MORE)
        return "not a chunk size";
    if (state <= SIZE_LF)
        return "a malformed chunk extension or line end";
    return state <= DATA_LF ? "chunk data is not followed by CRLF" : "a malformed trailer";
}

void http_chunks_init(struct http_chunks *chunks)
{
    *chunks = (struct http_chunks){.state = SIZE};
}

int http_chunks_feed(struct http_chunks *chunks, const char *at, size_t size, size_t *taken,
                     struct slice *data, const char **why)
{
    *data = (struct slice){0};
    for (*taken = 0; *taken < size && chunks->state != DATA; ++*taken) {
        enum state before = chunks->state;
        if (before == OVER)
            return 1;
        chunks->state = (uint8_t)step(chunks, at[*taken]);
        if (chunks->state == BROKEN) {
            *why = why_broken(before);
            chunks->state = (uint8_t)before;
            return -EPROTO;
        }
        if (++chunks->line > (before >= LINE ? TRAILERS_MAX : CHUNK_LINE_MAX)) {
            *why = before >= LINE ? "the trailers are too large" : "a chunk line is too long";
            return -EPROTO;
        }
    }
    if (chunks->state == DATA && *taken < size) {
        size_t run = size - *taken;
        if (run > chunks->left)
            run = (size_t)chunks->left;
        *data = slice_of(at + *taken, run);
        *taken += run;
        chunks->left -= run;
        if (chunks->left == 0) {
            chunks->state = DATA_CR;
            chunks->line = 0;
        }
    }
    return chunks->state == OVER ? 1 : 0;
}
