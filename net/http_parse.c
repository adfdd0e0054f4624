/* http_parse.c - heads of requests and responses, in one pass over the buffer.
 *
 * A reader walks the octets in order, and each step says GOOD, MORE (the buffer ended first) or
 * refuses. Checks are made where their octets end, and those that need several fields at the empty
 * line, so what a head comes to depends on its octets alone and never on how they were cut: parsing
 * a prefix gives MORE, or the refusal that the whole would get.
 *
 * Strict throughout: line ends are CRLF, nothing is folded, one way to state a length. Section
 * numbers are RFC 9112's.
 */
#include "net/http_parse.h"

#include "net/http_octet.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { MORE = 0, GOOD = 1 };

struct reader {
    struct http_head *head;
    const char *at, *end;
    const char *why;
    struct slice authority; /* of an absolute-form target */
    bool is_response;
    bool has_host, has_coding, says_close, says_keep_alive;
};

static int refuse(struct reader *reader, int status, const char *why)
{
    reader->why = why;
    return -status;
}

/* ---- runs of octets ---- */

static const char *skip_token(const char *at, const char *end)
{
    while (at < end && octet_is(*at, OCTET_TOKEN))
        at++;
    return at;
}

static const char *skip_value(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i unit = _mm_set1_epi8(0x1f), tab = _mm_set1_epi8('\t');
    const __m128i delete = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i octets = _mm_loadu_si128((const __m128i *)at);
        __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(octets, unit), octets);
        control = _mm_andnot_si128(_mm_cmpeq_epi8(octets, tab), control);
        control = _mm_or_si128(control, _mm_cmpeq_epi8(octets, delete));
        int stops = _mm_movemask_epi8(control);
        if (stops)
            return at + __builtin_ctz((unsigned)stops);
    }
#endif
    while (at < end && octet_is(*at, OCTET_VALUE))
        at++;
    return at;
}

static const char *skip_target(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i first = _mm_set1_epi8(0x21), hash = _mm_set1_epi8('#');
    const __m128i delete = _mm_set1_epi8(0x7f);
    for (; end - at >= 16; at += 16) {
        __m128i octets = _mm_loadu_si128((const __m128i *)at);
        __m128i others = _mm_cmplt_epi8(octets, first); /* signed: octets over 0x7f as well */
        others = _mm_or_si128(others, _mm_cmpeq_epi8(octets, hash));
        others = _mm_or_si128(others, _mm_cmpeq_epi8(octets, delete));
        int stops = _mm_movemask_epi8(others);
        if (stops)
            return at + __builtin_ctz((unsigned)stops);
    }
#endif
    while (at < end && octet_is(*at, OCTET_TARGET))
        at++;
    return at;
}

/* Section 2.2: CRLF, and neither half alone. The reader stands on something that is not a value. */
static int read_line_end(struct reader *reader)
{
    if (*reader->at == '\n')
        return refuse(reader, 400, "a line ends in LF without CR");
    if (*reader->at != '\r')
        return refuse(reader, 400, "a control character in the head");
    if (reader->end - reader->at < 2)
        return MORE;
    if (reader->at[1] != '\n')
        return refuse(reader, 400, "CR without LF");
    reader->at += 2;
    return GOOD;
}

/* Is `name`, made of token octets, that lower-case word? Setting bit 5 cannot turn another token
 * octet into a letter or '-'. */
static bool name_is(struct slice name, const char *word)
{
    for (size_t i = 0; i < name.size; i++)
        if ((name.at[i] | 0x20) != word[i])
            return false;
    return true;
}

/* ---- start lines ---- */

/* Section 2.3: HTTP/ DIGIT . DIGIT, of which we speak 1.0 and 1.1. */
static int read_version(struct reader *reader)
{
    static const char form[] = "HTTP/1.1";
    for (unsigned i = 0; i < sizeof form - 1; i++) {
        if (reader->at + i == reader->end)
            return MORE;
        char octet = reader->at[i];
        if (octet_is_digit(form[i]) ? !octet_is_digit(octet) : octet != form[i])
            return refuse(reader, 400, "not an HTTP version");
    }
    if (reader->at[5] != '1' || (reader->at[7] != '0' && reader->at[7] != '1'))
        return refuse(reader, 505, "the HTTP version is neither 1.0 nor 1.1");
    reader->head->http_1_0 = reader->at[7] == '0';
    reader->at += sizeof form - 1;
    return GOOD;
}

/* Section 3.2.2. The path and query stay as the target; "" becomes "/", or "*" for OPTIONS. */
static int split_absolute_form(struct reader *reader, size_t scheme_size)
{
    struct http_head *head = reader->head;
    struct slice rest = slice_skip(head->target, scheme_size);
    size_t size = 0;
    while (size < rest.size && rest.at[size] != '/' && rest.at[size] != '?')
        size++;
    if (size == 0)
        return refuse(reader, 400, "the request target has no host");
    reader->authority = slice_of(rest.at, size);
    head->target = slice_skip(rest, size);
    if (head->target.size == 0)
        head->target = slice_equal(head->method, SLICE("OPTIONS")) ? SLICE("*") : SLICE("/");
    return GOOD;
}

static int check_target(struct reader *reader)
{
    struct http_head *head = reader->head;
    if (head->target.at[0] == '/')
        return GOOD;
    if (slice_equal(head->target, SLICE("*"))) {
        if (slice_equal(head->method, SLICE("OPTIONS")))
            return GOOD;
        return refuse(reader, 400, "the request target * is for OPTIONS only");
    }
    static const char *const schemes[] = {"http://", "https://"};
    for (unsigned i = 0; i < 2; i++) {
        struct slice scheme = slice_str(schemes[i]);
        struct slice start = slice_of(head->target.at, scheme.size);
        if (head->target.size >= scheme.size && slice_equal_nocase(start, scheme))
            return split_absolute_form(reader, scheme.size);
    }
    return refuse(reader, 400, "the request target is neither a path nor an http URL");
}

static int read_method(struct reader *reader)
{
    struct http_head *head = reader->head;
    const char *end = skip_token(reader->at, reader->end);
    head->method = slice_of(reader->at, (size_t)(end - reader->at));
    if (head->method.size > HTTP_METHOD_MAX)
        return refuse(reader, 501, "the method is too long");
    if (end == reader->end)
        return MORE;
    if (*end != ' ' || head->method.size == 0)
        return refuse(reader, 400, "not a method and one space");
    if (slice_equal(head->method, SLICE("CONNECT")))
        return refuse(reader, 501, "CONNECT is not served here");
    reader->at = end + 1;
    return GOOD;
}

static int read_target(struct reader *reader)
{
    struct http_head *head = reader->head;
    const char *end = skip_target(reader->at, reader->end);
    head->target = slice_of(reader->at, (size_t)(end - reader->at));
    if (head->target.size > HTTP_TARGET_MAX)
        return refuse(reader, 414, "the request target is too long");
    if (end == reader->end)
        return MORE;
    if (*end == '\r' || *end == '\n')
        return refuse(reader, 400, "the request line has no HTTP version");
    if (*end != ' ' || head->target.size == 0)
        return refuse(reader, 400, "not a request target between single spaces");
    reader->at = end + 1;
    return check_target(reader);
}

/* The CRLF after a start line that has nothing more in it. */
static int read_start_line_end(struct reader *reader)
{
    if (reader->at == reader->end)
        return MORE;
    if (octet_is(*reader->at, OCTET_VALUE))
        return refuse(reader, 400, "something follows the HTTP version");
    return read_line_end(reader);
}

/* Section 3, and section 2.2 on one empty line before it. */
static int read_request_line(struct reader *reader)
{
    int result = GOOD;
    if (*reader->at == '\r' || *reader->at == '\n')
        result = read_line_end(reader);
    if (result == GOOD)
        result = read_method(reader);
    if (result == GOOD)
        result = read_target(reader);
    if (result == GOOD)
        result = read_version(reader);
    return result == GOOD ? read_start_line_end(reader) : result;
}

/* Section 4: the space after the status is there even if no reason follows. */
static int read_status_line(struct reader *reader)
{
    int result = read_version(reader);
    if (result != GOOD)
        return result;

    static const char form[] = " 200 ";
    int status = 0;
    for (unsigned i = 0; i < sizeof form - 1; i++, reader->at++) {
        if (reader->at == reader->end)
            return MORE;
        if (form[i] == ' ' ? *reader->at != ' ' : !octet_is_digit(*reader->at))
            return refuse(reader, 502, "not a status line");
        if (form[i] != ' ')
            status = status * 10 + (*reader->at - '0');
    }
    if (status < 100 || status > 599)
        return refuse(reader, 502, "the status is not between 100 and 599");
    reader->head->status = status;

    reader->at = skip_value(reader->at, reader->end);
    return reader->at == reader->end ? MORE : read_line_end(reader);
}

/* ---- fields that matter here ---- */

static bool is_port(struct slice text)
{
    unsigned port = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (!octet_is_digit(text.at[i]) || i == 5)
            return false;
        port = port * 10 + (unsigned)(text.at[i] - '0');
    }
    return text.size > 0 && port <= UINT16_MAX;
}

/* uri-host [ ":" port ], where a port that is announced must be there. */
static bool is_authority(struct slice text)
{
    size_t host = 0;
    if (text.size > 0 && text.at[0] == '[') {
        for (host = 1; host < text.size && text.at[host] != ']'; host++)
            if (!octet_is(text.at[host], OCTET_HEX) && text.at[host] != ':' && text.at[host] != '.')
                return false;
        if (host < 3 || host == text.size)
            return false;
        host++;
    } else {
        while (host < text.size && octet_is(text.at[host], OCTET_HOST))
            host++;
    }
    if (host == 0 || host == text.size)
        return host > 0;
    return text.at[host] == ':' && is_port(slice_skip(text, host + 1));
}

static int note_host(struct reader *reader, struct slice value)
{
    if (reader->is_response)
        return GOOD;
    if (reader->has_host)
        return refuse(reader, 400, "more than one Host field");
    if (!is_authority(value))
        return refuse(reader, 400, "the Host field is not a host");
    reader->has_host = true;
    reader->head->host = value;
    return GOOD;
}

/* Section 6.3; at most 19 digits, which 64 bits always hold. */
static int note_content_length(struct reader *reader, struct slice value)
{
    struct http_head *head = reader->head;
    if (head->has_length)
        return refuse(reader, 400, "more than one Content-Length field");
    if (value.size == 0 || value.size > 19)
        return refuse(reader, 400, "Content-Length is not a number of 1 to 19 digits");
    for (size_t i = 0; i < value.size; i++) {
        if (!octet_is_digit(value.at[i]))
            return refuse(reader, 400, "Content-Length is not a number of 1 to 19 digits");
        head->length = head->length * 10 + (uint64_t)(value.at[i] - '0');
    }
    head->has_length = true;
    return GOOD;
}

/* Takes the next element of a comma-separated list, without the white space around it. */
static struct slice take_element(struct slice *list)
{
    struct slice element = slice_of(list->at, slice_find(*list, ','));
    *list = slice_skip(*list, element.size + 1);
    while (element.size > 0 && (*element.at == ' ' || *element.at == '\t'))
        element = slice_skip(element, 1);
    while (element.size > 0 &&
           (element.at[element.size - 1] == ' ' || element.at[element.size - 1] == '\t'))
        element.size--;
    return element;
}

/* Section 6.1: "chunked" alone is all that is spoken. Other codings that could be right are 501. */
static int note_transfer_encoding(struct reader *reader, struct slice value)
{
    if (reader->head->http_1_0)
        return refuse(reader, 400, "Transfer-Encoding in HTTP/1.0");
    if (reader->has_coding)
        return refuse(reader, 400, "more than one Transfer-Encoding field");
    reader->has_coding = true;
    if (slice_equal_nocase(value, SLICE("chunked"))) {
        reader->head->chunked = true;
        return GOOD;
    }
    if (value.size == 0 || value.at[value.size - 1] == ',')
        return refuse(reader, 400, "Transfer-Encoding is not a list of codings");
    while (value.size > 0) {
        struct slice coding = take_element(&value);
        if (!http_is_token(coding))
            return refuse(reader, 400, "Transfer-Encoding is not a list of codings");
        if (value.size > 0 && slice_equal_nocase(coding, SLICE("chunked")))
            return refuse(reader, 400, "the transfer coding chunked is not the last");
    }
    return refuse(reader, 501, "a transfer coding other than chunked");
}

static int note_connection(struct reader *reader, struct slice value)
{
    while (value.size > 0) {
        struct slice option = take_element(&value);
        if (slice_equal_nocase(option, SLICE("close")))
            reader->says_close = true;
        else if (slice_equal_nocase(option, SLICE("keep-alive")))
            reader->says_keep_alive = true;
    }
    return GOOD;
}

/* RFC 9110 section 10.1.1; of no meaning in HTTP/1.0. */
static int note_expect(struct reader *reader, struct slice value)
{
    if (reader->is_response)
        return GOOD;
    if (!slice_equal_nocase(value, SLICE("100-continue")))
        return refuse(reader, 417, "an expectation other than 100-continue");
    reader->head->expect_continue = !reader->head->http_1_0;
    return GOOD;
}

static int note_field(struct reader *reader, struct slice name, struct slice value)
{
    switch (name.size) {
    case 4:
        return name_is(name, "host") ? note_host(reader, value) : GOOD;
    case 6:
        return name_is(name, "expect") ? note_expect(reader, value) : GOOD;
    case 10:
        return name_is(name, "connection") ? note_connection(reader, value) : GOOD;
    case 14:
        return name_is(name, "content-length") ? note_content_length(reader, value) : GOOD;
    case 17:
        return name_is(name, "transfer-encoding") ? note_transfer_encoding(reader, value) : GOOD;
    default:
        return GOOD;
    }
}

/* ---- the field section ---- */

/* Section 5.1: a token and at once its colon. */
static int read_name(struct reader *reader, struct slice *name)
{
    const char *end = skip_token(reader->at, reader->end);
    if (end == reader->end)
        return MORE;
    if (*end != ':') {
        bool is_space = *end == ' ' || *end == '\t';
        return refuse(reader, 400,
                      is_space ? "white space in or after a field name" : "not a field name");
    }
    *name = slice_of(reader->at, (size_t)(end - reader->at));
    if (name->size == 0)
        return refuse(reader, 400, "an empty field name");
    reader->at = end + 1;
    return GOOD;
}

static int read_value(struct reader *reader, struct slice *value)
{
    const char *start = reader->at;
    while (start < reader->end && (*start == ' ' || *start == '\t'))
        start++;
    const char *end = skip_value(start, reader->end);
    if (end == reader->end)
        return MORE;
    reader->at = end;
    while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *value = slice_of(start, (size_t)(end - start));
    return read_line_end(reader);
}

static int read_field(struct reader *reader)
{
    struct http_head *head = reader->head;
    if (*reader->at == ' ' || *reader->at == '\t')
        return refuse(reader, 400,
                      head->header_count == 0 ? "white space before the first field"
                                              : "a folded field");
    if (head->header_count == HTTP_HEADERS_MAX)
        return refuse(reader, 431, "too many fields");

    struct http_header *header = &head->headers[head->header_count];
    int result = read_name(reader, &header->name);
    if (result == GOOD)
        result = read_value(reader, &header->value);
    if (result != GOOD)
        return result;
    head->header_count++;
    return note_field(reader, header->name, header->value);
}

static int read_fields(struct reader *reader)
{
    while (reader->at < reader->end) {
        if (*reader->at == '\r' || *reader->at == '\n')
            return read_line_end(reader);
        int result = read_field(reader);
        if (result != GOOD)
            return result;
    }
    return MORE;
}

/* ---- whole heads ---- */

/* Section 9.3, and section 6.1 against two lengths. */
static int finish(struct reader *reader)
{
    struct http_head *head = reader->head;
    if (reader->has_coding && head->has_length)
        return refuse(reader, 400, "both Transfer-Encoding and Content-Length");
    head->keep_alive = !reader->says_close && (!head->http_1_0 || reader->says_keep_alive);
    return GOOD;
}

/* Sections 3.2 and 3.2.2. */
static int finish_request(struct reader *reader)
{
    struct http_head *head = reader->head;
    if (!reader->has_host && !head->http_1_0)
        return refuse(reader, 400, "no Host field");
    if (reader->authority.size > 0) {
        if (!is_authority(reader->authority))
            return refuse(reader, 400, "the request target has no valid host");
        if (reader->has_host && !slice_equal_nocase(reader->authority, head->host))
            return refuse(reader, 400, "the request target and the Host field differ");
        head->host = reader->authority;
    }
    return finish(reader);
}

/* Section 6.3: these have no body, whatever their fields say. */
static int finish_response(struct reader *reader, bool to_head)
{
    struct http_head *head = reader->head;
    int result = finish(reader);
    if (result == GOOD &&
        (to_head || head->status < 200 || head->status == 204 || head->status == 304)) {
        head->chunked = false;
        head->has_length = true;
        head->length = 0;
    }
    return result;
}

/* Only what comes before the headers: the array is long, and its count says what of it is set. */
static struct reader start(struct http_head *head, const char *at, size_t size)
{
    memset(head, 0, offsetof(struct http_head, headers));
    size_t whole = size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX;
    return (struct reader){.head = head, .at = at, .end = at + whole};
}

long http_parse_request(struct http_head *head, const char *at, size_t size, const char **why)
{
    if (size == 0)
        return MORE;
    struct reader reader = start(head, at, size);
    int result = read_request_line(&reader);
    if (result == GOOD)
        result = read_fields(&reader);
    if (result == MORE && size >= HTTP_HEAD_MAX)
        result = refuse(&reader, 431, "the head is too large");
    if (result == GOOD)
        result = finish_request(&reader);
    if (result == GOOD)
        return reader.at - at;
    *why = reader.why;
    return result;
}

long http_parse_response(struct http_head *head, const char *at, size_t size, bool to_head,
                         const char **why)
{
    struct reader reader = start(head, at, size);
    reader.is_response = true;
    int result = read_status_line(&reader);
    if (result == GOOD)
        result = read_fields(&reader);
    if (result == MORE && size >= HTTP_HEAD_MAX)
        result = refuse(&reader, 502, "the head is too large");
    if (result == GOOD)
        result = finish_response(&reader, to_head);
    if (result == GOOD)
        return reader.at - at;
    *why = reader.why;
    return result == MORE ? MORE : -502;
}
