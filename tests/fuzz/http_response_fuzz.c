/* Any bytes as a response's head, to HEAD and to other requests. */
#include "net/http_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head head, other;
    const char *why = NULL, *at = (const char *)data;
    long result = http_parse_response(&head, at, size, false, &why);
    check(result == -502 || (result >= 0 && result <= (long)size && result <= HTTP_HEAD_MAX));
    check(http_parse_response(&other, at, size, true, &why) == result);
    if (result > 0)
        check(other.has_length && other.length == 0 && !other.chunked);
    size_t cut = size ? ((size_t)data[size / 2] * 251 + data[size - 1]) % size : 0;
    long prefix = http_parse_response(&other, at, cut, false, &why);
    check(prefix == 0 || prefix == result);
    if (result <= 0)
        return 0;

    check(head.status >= 100 && head.status <= 599);
    check(!head.chunked || (!head.has_length && !head.http_1_0));
    check(head.header_count <= HTTP_HEADERS_MAX);
    for (unsigned i = 0; i < head.header_count; i++)
        check(http_is_token(head.headers[i].name) && http_is_field_value(head.headers[i].value));
    return 0;
}
