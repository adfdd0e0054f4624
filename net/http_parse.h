/* http_parse.h - HTTP/1.1 heads and chunked bodies, strict (RFC 9112; where it allows
 * leniency, we do not).
 *
 * Heads are parsed from a buffer that holds them whole; one that is not whole yet is parsed
 * anew when more has come, at most 16 KiB. All slices borrow from the buffer. Nothing here
 * allocates or copies.
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include "base/must.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    HTTP_HEADERS_MAX = 100,
    HTTP_HEAD_MAX = 16 * 1024,
    HTTP_TARGET_MAX = 8 * 1024,
    HTTP_METHOD_MAX = 32,
};

struct http_header {
    struct slice name, value; /* value without white space at its ends */
};

struct http_head {
    /* a request's */
    struct slice method;
    struct slice target; /* in origin-form, or "*"; of an absolute-form the path and query: "?..."
                            if it has no path, a constant "/" (for OPTIONS "*") if it has neither */
    struct slice host;   /* of Host, or of an absolute-form target */
    bool expect_continue;
    /* a response's */
    int status;
    /* both */
    bool http_1_0;
    bool keep_alive;
    bool chunked;
    bool has_length;
    uint64_t length;
    unsigned header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
};

/* Results of the two head parsers: > 0 the bytes that the head takes (its empty line included); 0
 * not whole yet; < 0 refused: -(status to answer with), with a reason in *why (a constant string):
 * 400, 414, 417, 431, 501, 505. For a response -502 stands for anything that is not allowed. */
MUST_CHECK long http_parse_request(struct http_head *head, const char *at, size_t size,
                                   const char **why);

/* `to_head`: the response is to a HEAD request (no body). For 1xx, 204 and 304 has_length is set
 * and length is 0. A response with neither chunked nor has_length lasts until the connection ends.
 */
MUST_CHECK long http_parse_response(struct http_head *head, const char *at, size_t size,
                                    bool to_head, const char **why);

/* The first header of that name (case ignored), or NULL. */
const struct http_header *http_find(const struct http_head *head, const char *name);

/* ---- chunked bodies: a machine fed any pieces ---- */

struct http_chunks {
    uint64_t left; /* of the chunk being read */
    uint32_t line; /* bytes of the current chunk line, extension or trailer section, all capped */
    uint8_t state, digits;
};

void http_chunks_init(struct http_chunks *chunks);

/* Takes bytes from `at`: *taken says how many. Whenever body bytes are met they are given as *data
 * (a slice of `at`), one run a call: call again with what is left. Returns 1 when the body and its
 * trailers are over, 0 for more input, -EPROTO with *why. */
MUST_CHECK int http_chunks_feed(struct http_chunks *chunks, const char *at, size_t size,
                                size_t *taken, struct slice *data, const char **why);

/* ---- checks on what others configure ---- */

/* RFC 9110 section 5.6.2: one or more token characters. */
bool http_is_token(struct slice text);
/* A field value that may be sent: no controls but HTAB, no white space at its ends. */
bool http_is_field_value(struct slice text);

/* "Bad Request" for 400; "" if unknown. */
const char *http_reason(int status);

/* RFC 9110 section 5.6.7 dates (all three forms), to seconds since 1970. 0, or -EINVAL. */
MUST_CHECK int http_parse_date(struct slice text, uint64_t *seconds);

enum { HTTP_DATE_SIZE = 48 };

/* The first of those forms (IMF-fixdate), with a NUL. */
void http_print_date(uint64_t seconds, char out[static HTTP_DATE_SIZE]);

#endif
