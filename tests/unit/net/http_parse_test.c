/* HTTP heads against RFC 9110 and 9112. Each refusal has a test named by what is refused; every
 * text, good or bad, is also parsed at every prefix, from memory that ends where the text ends.
 * Randomly broken heads are in http_parse_model_test.c. */
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct http_head head;
static const char *why;

enum kind { REQUEST, RESPONSE, RESPONSE_TO_HEAD };

/* Parses a copy whose end is the end of its memory, so that reading over it is found out. The
 * head's slices point to the copy, which is kept until the next call. */
static long parse(enum kind kind, struct slice text)
{
    static char *copy;
    free(copy);
    copy = malloc(text.size ? text.size : 1);
    if (text.size)
        memcpy(copy, text.at, text.size);
    why = NULL;
    long result = kind == REQUEST
                      ? http_parse_request(&head, copy, text.size, &why)
                      : http_parse_response(&head, copy, text.size, kind == RESPONSE_TO_HEAD, &why);
    cr_assert(result >= 0 || (why && why[0]), "says why");
    return result;
}

/* The whole gives `expected`, and every prefix of it gives "more" or, if refused, the same. */
static void expect_kind(enum kind kind, struct slice text, long expected)
{
    size_t end = expected > 0 ? (size_t)expected : text.size;
    for (size_t size = 0; size < end; size++) {
        long result = parse(kind, slice_of(text.at, size));
        cr_assert(result == 0 || (result < 0 && result == expected), "%ld for %zu bytes of %.*s",
                  result, size, SLICE_ARGS(text));
    }
    long result = parse(kind, text);
    cr_assert(eq(long, result, expected), "%.*s: %s", SLICE_ARGS(text), why ? why : "");
}

#define ACCEPTS(text)         expect_kind(REQUEST, SLICE(text), sizeof(text) - 1)
#define REFUSES(status, text) expect_kind(REQUEST, SLICE(text), -(status))
#define ACCEPTS_FIELD(field)  ACCEPTS("POST / HTTP/1.1\r\nHost: a\r\n" field "\r\n\r\n")
#define REFUSES_FIELD(status, field) \
    REFUSES(status, "POST / HTTP/1.1\r\nHost: a\r\n" field "\r\n\r\n")
#define ACCEPTS_RESPONSE(text) expect_kind(RESPONSE, SLICE(text), sizeof(text) - 1)
#define REFUSES_RESPONSE(text) expect_kind(RESPONSE, SLICE(text), -502)

static bool is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_str(text));
}

/* ---- requests that are right ---- */

Test(http_request, gives_its_parts)
{
    ACCEPTS("POST /v1/events?x=1 HTTP/1.1\r\nHost: a.example:8080\r\nContent-Length: 12\r\n"
            "X-Empty:\r\nX-Spaces: \t a b \t \r\nX_Under: 1\r\n\r\n");
    cr_assert(is(head.method, "POST"));
    cr_assert(is(head.target, "/v1/events?x=1"));
    cr_assert(is(head.host, "a.example:8080"));
    cr_assert(head.has_length && head.length == 12 && !head.chunked);
    cr_assert(head.keep_alive && !head.http_1_0 && !head.expect_continue);
    cr_assert(eq(u32, head.header_count, 5));
    cr_assert(is(http_find(&head, "x-empty")->value, ""));
    cr_assert(is(http_find(&head, "X-SPACES")->value, "a b"));
    cr_assert(is(http_find(&head, "x_under")->value, "1"));
    cr_assert(http_find(&head, "x") == NULL);
}

Test(http_request, ends_where_its_empty_line_ends)
{
    static const char two[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n";
    expect_kind(REQUEST, SLICE(two), 27);
    cr_assert(not(head.has_length));
    cr_assert(not(head.chunked), "without a length there is no body");
}

Test(http_request, may_follow_one_empty_line)
{
    ACCEPTS("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, may_have_an_absolute_target)
{
    ACCEPTS("GET http://A.example:80/x?y HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
    cr_assert(is(head.target, "/x?y"));
    cr_assert(is(head.host, "A.example:80"));
    ACCEPTS("GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(is(head.target, "/"));
    ACCEPTS("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(is(head.target, "?q"));
    ACCEPTS("OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(is(head.target, "*"));
    ACCEPTS("GET http://a/ HTTP/1.0\r\n\r\n");
    cr_assert(is(head.host, "a"));
}

Test(http_request, may_be_options_for_the_server)
{
    ACCEPTS("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    cr_assert(is(head.target, "*"));
}

Test(http_request, keeps_the_connection_as_its_version_says)
{
    ACCEPTS("GET / HTTP/1.0\r\n\r\n");
    cr_assert(head.http_1_0 && !head.keep_alive);
    ACCEPTS("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n");
    cr_assert(head.keep_alive);
    ACCEPTS_FIELD("Connection: upgrade ,\tCLOSE");
    cr_assert(not(head.keep_alive));
    ACCEPTS_FIELD("Connection: close\r\nConnection: keep-alive");
    cr_assert(not(head.keep_alive));
    ACCEPTS_FIELD("Connection: closed");
    cr_assert(head.keep_alive);
}

Test(http_request, takes_a_length_with_leading_zeros_as_decimal)
{
    ACCEPTS_FIELD("Content-Length: 0000000000000000010");
    cr_assert(eq(u64, head.length, 10));
    ACCEPTS_FIELD("content-LENGTH:9999999999999999999");
    cr_assert(eq(u64, head.length, UINT64_C(9999999999999999999)));
}

Test(http_request, may_be_chunked)
{
    ACCEPTS_FIELD("Transfer-Encoding: \tchunked ");
    cr_assert(head.chunked && !head.has_length);
    ACCEPTS_FIELD("TRANSFER-encoding:CHUNKED");
    cr_assert(head.chunked);
}

Test(http_request, may_expect_to_be_continued)
{
    ACCEPTS_FIELD("Expect: 100-Continue\r\nContent-Length: 1");
    cr_assert(head.expect_continue);
    ACCEPTS("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n");
    cr_assert(not(head.expect_continue), "it means nothing in HTTP/1.0");
}

Test(http_request, accepts_hosts_of_every_kind)
{
    ACCEPTS("GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n");
    ACCEPTS("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    ACCEPTS("GET / HTTP/1.1\r\nHost: a_b-c.example:65535\r\n\r\n");
}

Test(http_request, accepts_bytes_over_0x7f_in_values)
{
    ACCEPTS_FIELD("X: gr\xc3\xbc\xdf");
    cr_assert(is(head.headers[1].value, "gr\xc3\xbc\xdf"));
}

/* ---- requests that are refused ---- */

Test(http_request, refuses_bare_lf_as_line_end)
{
    REFUSES(400, "GET / HTTP/1.1\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a\r\n\n");
    REFUSES(400, "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_bare_cr)
{
    REFUSES(400, "GET / HTTP/1.1\rHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\rHost: a\r\n\r\n");
    REFUSES(400, "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a\r\n\rX: y\r\n\r\n");
    REFUSES_FIELD(400, "X: a\rb");
    REFUSES_FIELD(400, "X\r: a");
    REFUSES_FIELD(400, "X: a\r\r");
}

Test(http_request, refuses_white_space_before_the_first_field)
{
    REFUSES(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_a_method_that_is_no_token)
{
    REFUSES(400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "G(T / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "G\xc3T / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET\r\n\r\n");
    REFUSES(400, "\x16\x03\x01\x02");
}

Test(http_request, refuses_a_method_that_is_too_long)
{
    ACCEPTS("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(501, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_other_than_single_spaces_in_the_request_line)
{
    REFUSES(400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /  HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /\x0bHTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / a HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_malformed_versions)
{
    REFUSES(400, "GET / http/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1,1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/11\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.10\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1x\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET / HTTPS/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_other_versions)
{
    REFUSES(505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n");
    REFUSES(505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n");
    REFUSES(505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_http_0_9)
{
    REFUSES(400, "GET /\r\n\r\n");
    REFUSES(400, "GET / \r\n\r\n");
}

Test(http_request, refuses_the_preface_of_http_2)
{
    REFUSES(400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
}

Test(http_request, refuses_controls_fragments_and_high_bytes_in_the_target)
{
    REFUSES(400, "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /a\x80 HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /0123456789abcdef0123\xff HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /0123456789abcdef0123\x01 HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n");
}

static char big[2 * HTTP_HEAD_MAX];

/* `prefix`, then 'a's up to `size` in all, then `suffix`. */
static struct slice stretched(const char *prefix, size_t size, const char *suffix)
{
    memset(big, 'a', sizeof big);
    memcpy(big, prefix, strlen(prefix));
    memcpy(big + size - strlen(suffix), suffix, strlen(suffix));
    return slice_of(big, size);
}

Test(http_request, refuses_a_target_that_is_too_long)
{
    static const char suffix[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
    size_t most = 4 + HTTP_TARGET_MAX + sizeof suffix - 1;
    cr_assert(eq(long, parse(REQUEST, stretched("GET /", most, suffix)), (long)most));
    cr_assert(eq(long, parse(REQUEST, stretched("GET /", most + 1, suffix)), -414));
    cr_assert(eq(long, parse(REQUEST, stretched("GET /", 4 + HTTP_TARGET_MAX, "")), 0));
    cr_assert(eq(long, parse(REQUEST, stretched("GET /", 5 + HTTP_TARGET_MAX, "")), -414));
}

Test(http_request, refuses_a_target_that_is_neither_a_path_nor_an_http_url)
{
    REFUSES(400, "GET a HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_an_absolute_target_that_differs_from_host)
{
    REFUSES(400, "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n");
    REFUSES(400, "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "GET http://u@a/ HTTP/1.0\r\n\r\n");
}

Test(http_request, refuses_connect)
{
    REFUSES(501, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n");
}

Test(http_request, refuses_the_asterisk_for_other_methods_than_options)
{
    REFUSES(400, "GET * HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "options * HTTP/1.1\r\nHost: a\r\n\r\n");
    REFUSES(400, "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n");
}

Test(http_request, refuses_a_missing_host)
{
    REFUSES(400, "GET / HTTP/1.1\r\n\r\n");
    REFUSES(400, "GET http://a/ HTTP/1.1\r\n\r\n");
}

Test(http_request, refuses_repeated_hosts)
{
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n");
}

Test(http_request, refuses_invalid_hosts)
{
    REFUSES(400, "GET / HTTP/1.1\r\nHost:\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a:\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: :80\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: a:8x\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: []\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n");
    REFUSES(400, "GET / HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n");
}

Test(http_request, refuses_field_names_that_are_no_tokens)
{
    REFUSES_FIELD(400, ": a");
    REFUSES_FIELD(400, "X");
    REFUSES_FIELD(400, "X\xc3\xa4: a");
    REFUSES_FIELD(400, "X(: a");
    REFUSES_FIELD(400, "X\0Y: a");
    REFUSES_FIELD(400, "X Y: a");
    REFUSES_FIELD(400, "X\x0b: a");
}

Test(http_request, refuses_white_space_before_the_colon)
{
    REFUSES_FIELD(400, "X : a");
    REFUSES_FIELD(400, "X\t: a");
    REFUSES_FIELD(400, "Content-Length : 1");
    REFUSES_FIELD(400, "Transfer-Encoding : chunked");
}

Test(http_request, refuses_folded_fields)
{
    REFUSES_FIELD(400, "X: a\r\n b");
    REFUSES_FIELD(400, "X: a\r\n\tb");
    REFUSES_FIELD(400, "X:\r\n b");
    REFUSES_FIELD(400, "Transfer-Encoding:\r\n chunked");
}

Test(http_request, refuses_controls_in_values)
{
    REFUSES_FIELD(400, "X: a\0b");
    REFUSES_FIELD(400, "X: a\x01");
    REFUSES_FIELD(400, "X: \x7f");
    REFUSES_FIELD(400, "X: a\nb");
    REFUSES_FIELD(400, "X: \x0b");
    REFUSES_FIELD(400, "X: 0123456789abcdef0123456789\x1f");
    REFUSES_FIELD(400, "X: 0123456789abcdef0123456789\x7f");
    ACCEPTS_FIELD("X: a\tb\t0123456789\tabcdef0123456789\t.");
}

Test(http_request, refuses_too_many_fields)
{
    size_t size = (size_t)sprintf(big, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < HTTP_HEADERS_MAX; i++)
        size += (size_t)sprintf(big + size, "X%u: y\r\n", i);
    strcpy(big + size, "\r\n");
    cr_assert(eq(long, parse(REQUEST, slice_of(big, size + 2)), (long)size + 2));
    cr_assert(eq(u32, head.header_count, HTTP_HEADERS_MAX));
    strcpy(big + size, "One: more\r\n\r\n");
    cr_assert(eq(long, parse(REQUEST, slice_of(big, size + 13)), -431));
}

Test(http_request, refuses_a_head_that_is_too_large)
{
    static const char prefix[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    size_t most = HTTP_HEAD_MAX;
    cr_assert(eq(long, parse(REQUEST, stretched(prefix, most, "\r\n\r\n")), (long)most));
    cr_assert(eq(long, parse(REQUEST, stretched(prefix, most + 1, "\r\n\r\n")), -431));
    cr_assert(eq(long, parse(REQUEST, stretched(prefix, most, "")), -431));
    cr_assert(eq(long, parse(REQUEST, stretched(prefix, most - 1, "")), 0));
}

Test(http_request, refuses_lengths_that_are_not_plain_digits)
{
    REFUSES_FIELD(400, "Content-Length:");
    REFUSES_FIELD(400, "Content-Length: +1");
    REFUSES_FIELD(400, "Content-Length: -1");
    REFUSES_FIELD(400, "Content-Length: 1_0");
    REFUSES_FIELD(400, "Content-Length: 0x1");
    REFUSES_FIELD(400, "Content-Length: 1 0");
    REFUSES_FIELD(400, "Content-Length: 1.0");
    REFUSES_FIELD(400, "Content-Length: 1a");
    REFUSES_FIELD(400, "Content-Length: \xd9\xa1");
}

Test(http_request, refuses_lengths_of_more_than_19_digits)
{
    REFUSES_FIELD(400, "Content-Length: 18446744073709551616");
    REFUSES_FIELD(400, "Content-Length: 00000000000000000001");
}

Test(http_request, refuses_repeated_lengths)
{
    REFUSES_FIELD(400, "Content-Length: 1\r\nContent-Length: 2");
    REFUSES_FIELD(400, "Content-Length: 1\r\nContent-Length: 1");
    REFUSES_FIELD(400, "Content-Length: 1, 1");
    REFUSES_FIELD(400, "Content-Length: 1,2");
}

Test(http_request, refuses_a_length_beside_a_transfer_coding)
{
    REFUSES_FIELD(400, "Transfer-Encoding: chunked\r\nContent-Length: 1");
    REFUSES_FIELD(400, "Content-Length: 0\r\nTransfer-Encoding: chunked");
}

Test(http_request, refuses_transfer_codings_in_http_1_0)
{
    REFUSES(400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n");
}

Test(http_request, refuses_codings_after_chunked)
{
    REFUSES_FIELD(400, "Transfer-Encoding: chunked, gzip");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked, identity");
}

Test(http_request, refuses_unknown_transfer_codings)
{
    REFUSES_FIELD(501, "Transfer-Encoding: gzip");
    REFUSES_FIELD(501, "Transfer-Encoding: identity");
    REFUSES_FIELD(501, "Transfer-Encoding: xchunked");
    REFUSES_FIELD(501, "Transfer-Encoding: gzip, chunked");
}

Test(http_request, refuses_malformed_transfer_codings)
{
    REFUSES_FIELD(400, "Transfer-Encoding:");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked, chunked");
    REFUSES_FIELD(400, "Transfer-Encoding: ,chunked");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked,");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked;a=b");
    REFUSES_FIELD(400, "Transfer-Encoding: chun ked");
    REFUSES_FIELD(400, "Transfer-Encoding: \"chunked\"");
    REFUSES_FIELD(400, "Transfer-Encoding: \x0b"
                       "chunked");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked\x0c");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked\0");
    REFUSES_FIELD(400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked");
}

Test(http_request, refuses_other_expectations)
{
    REFUSES_FIELD(417, "Expect: 101-continue");
    REFUSES_FIELD(417, "Expect: 100-continue, x");
    REFUSES_FIELD(417, "Expect:");
}

/* ---- responses ---- */

Test(http_response, gives_its_parts)
{
    ACCEPTS_RESPONSE(
        "HTTP/1.1 503 Try later, gr\xfc\xdf\r\nContent-Length: 5\r\nRetry-After: 7\r\n\r\n");
    cr_assert(eq(int, head.status, 503));
    cr_assert(head.has_length && head.length == 5 && head.keep_alive);
    cr_assert(is(http_find(&head, "retry-after")->value, "7"));
    ACCEPTS_RESPONSE("HTTP/1.1 200 \r\n\r\n");
    cr_assert(not(head.chunked));
    cr_assert(not(head.has_length), "it lasts until the connection ends");
    ACCEPTS_RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    cr_assert(head.chunked && !head.keep_alive);
    ACCEPTS_RESPONSE("HTTP/1.0 200 OK\r\n\r\n");
    cr_assert(not(head.keep_alive));
}

Test(http_response, has_no_body_in_certain_cases)
{
    static const char *const texts[] = {
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (unsigned i = 0; i < 3; i++) {
        struct slice text = slice_str(texts[i]);
        expect_kind(RESPONSE, text, (long)text.size);
        cr_assert(head.has_length && head.length == 0 && !head.chunked, "%s", texts[i]);
    }
    struct slice to_head = SLICE("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    expect_kind(RESPONSE_TO_HEAD, to_head, (long)to_head.size);
    cr_assert(head.has_length && head.length == 0);
}

Test(http_response, refuses_malformed_status_lines)
{
    REFUSES_RESPONSE("HTTP/1.1 200\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1  200 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 20 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 2000 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 2x0 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 +20 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1\t200 OK\r\n\r\n");
    REFUSES_RESPONSE("http/1.1 200 OK\r\n\r\n");
    REFUSES_RESPONSE("HTTP/2.0 200 OK\r\n\r\n");
    REFUSES_RESPONSE("\r\nHTTP/1.1 200 OK\r\n\r\n");
    REFUSES_RESPONSE("<html>");
    REFUSES_RESPONSE("SSH-2.0-x\r\n");
}

Test(http_response, refuses_statuses_out_of_range)
{
    REFUSES_RESPONSE("HTTP/1.1 099 x\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 600 x\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 000 x\r\n\r\n");
}

Test(http_response, refuses_controls_in_the_reason)
{
    REFUSES_RESPONSE("HTTP/1.1 200 O\x01K\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 O\0K\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 O\rK\r\n\r\n");
}

Test(http_response, refuses_bare_line_ends)
{
    REFUSES_RESPONSE("HTTP/1.1 200 OK\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX: y\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX: y\r\n\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\rX: y\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n");
}

Test(http_response, refuses_folded_fields_and_malformed_names)
{
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\n X: y\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX : y\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nX\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\n: y\r\n\r\n");
}

Test(http_response, refuses_ambiguous_lengths)
{
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
}

Test(http_response, refuses_transfer_codings_other_than_chunked)
{
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n");
    REFUSES_RESPONSE("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
}

Test(http_response, refuses_a_head_that_is_too_large)
{
    static const char prefix[] = "HTTP/1.1 200 OK\r\nX: ";
    cr_assert(eq(long, parse(RESPONSE, stretched(prefix, HTTP_HEAD_MAX, "")), -502));
    cr_assert(eq(long, parse(RESPONSE, stretched(prefix, HTTP_HEAD_MAX - 1, "")), 0));
}
