/* Any bytes as a URL: what is accepted is made of parts of the text, and safe to put into a head.
 */
#include "net/url.h"

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
    struct url url;
    char why[URL_WHY_SIZE] = "";
    struct slice text = slice_of(data, size);
    if (url_parse(text, &url, why) != 0) {
        check(why[0] != '\0');
        return 0;
    }
    check(size <= URL_SIZE_MAX && url.port > 0);
    check(url.host.size > 0 && url.host.at > text.at &&
          url.host.at + url.host.size <= text.at + size);
    check(url.authority.size >= url.host.size && http_is_field_value(url.authority));
    check(url.target.at + url.target.size == text.at + size && http_is_field_value(url.target));
    check(url.target.size == 0 || url.target.at[0] == '/' || url.target.at[0] == '?');

    /* The server reads it as the client meant it. */
    static struct http_head head;
    static char request[3 * URL_SIZE_MAX];
    size_t at = 0;
    const struct slice parts[] = {SLICE("GET "), SLICE("/"),
                                  url.target,    SLICE(" HTTP/1.1\r\nHost: "),
                                  url.authority, SLICE("\r\n\r\n")};
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (i == 1 && url.target.size > 0 && url.target.at[0] == '/')
            continue;
        if (parts[i].size > 0)
            memcpy(request + at, parts[i].at, parts[i].size);
        at += parts[i].size;
    }
    const char *reason;
    check(http_parse_request(&head, request, at, &reason) == (long)at);
    check(slice_equal(head.host, url.authority));
    return 0;
}
