/* Any bytes as a request's head: what is accepted is within its bounds and means one thing, and a
 * prefix is never accepted, nor refused with another status. */
#include "net/http_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool is_inside(struct slice part, const char *at, long size)
{
    return part.at >= at && part.at + part.size <= at + size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head, other;
    const char *why = NULL, *at = (const char *)data;
    long result = http_parse_request(&head, at, size, &why);
    check(result <= (long)size && result <= HTTP_HEAD_MAX);
    check(result >= 0 || why);
    size_t cut = size ? ((size_t)data[size / 2] * 251 + data[size - 1]) % size : 0;
    long prefix = http_parse_request(&other, at, cut, &why);
    check(prefix == 0 || prefix == result);
    if (result <= 0)
        return 0;

    check(prefix == 0 || cut >= (size_t)result);
    check(!head.chunked || (!head.has_length && !head.http_1_0));
    check(head.method.size <= HTTP_METHOD_MAX && http_is_token(head.method));
    check(head.target.size > 0 && head.target.size <= HTTP_TARGET_MAX);
    check(head.host.size > 0 || head.http_1_0);
    check(head.header_count <= HTTP_HEADERS_MAX);
    for (unsigned i = 0; i < head.header_count; i++) {
        check(http_is_token(head.headers[i].name));
        check(http_is_field_value(head.headers[i].value));
        check(is_inside(head.headers[i].name, at, result));
        check(is_inside(head.headers[i].value, at, result));
    }
    return 0;
}
