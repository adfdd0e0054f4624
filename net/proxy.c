/* proxy.c - see proxy.h. No state; any thread. */
#include "net/proxy.h"

#include "net/url.h"

#include <errno.h>
#include <openssl/base64.h>
#include <openssl/mem.h>
#include <stdio.h>

enum { CREDENTIALS_MAX = 256 };

static const char scheme[] = "http://";

static int refuse(char why[static PROXY_WHY_SIZE], const char *reason)
{
    snprintf(why, PROXY_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Adds text with its %XX decoded. False: an escape is broken, or a control character. */
static bool put_decoded(struct text *out, struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        char c = text.at[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.at[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.at[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)c < ' ' || c == 0x7f)
            return false;
        text_char(out, c);
    }
    return true;
}

/* "user:password" as they were before they were encoded (RFC 7617: no colon in the user). */
static bool decode(struct slice credentials, struct text *pair)
{
    size_t colon = slice_find(credentials, ':');
    bool is_good = put_decoded(pair, slice_of(credentials.at, colon)) &&
                   slice_find(text_slice(pair), ':') == pair->size;
    text_char(pair, ':');
    return is_good && put_decoded(pair, slice_skip(credentials, colon + 1)) && text_ok(pair);
}

static bool set_field(struct proxy *proxy, struct slice credentials)
{
    char plain[CREDENTIALS_MAX];
    uint8_t base64[(sizeof plain + 2) / 3 * 4 + 1];
    struct text pair, field;
    text_init(&pair, plain, sizeof plain);
    text_init(&field, proxy->field, sizeof proxy->field);
    bool is_good = decode(credentials, &pair);
    if (is_good) {
        size_t size = EVP_EncodeBlock(base64, (const uint8_t *)plain, pair.size);
        text_put(&field, SLICE("Proxy-Authorization: Basic "));
        text_put(&field, slice_of(base64, size));
        text_put(&field, SLICE("\r\n"));
        must(text_ok(&field));
        proxy->field_size = field.size;
        OPENSSL_cleanse(base64, sizeof base64);
    }
    OPENSSL_cleanse(plain, sizeof plain);
    return is_good;
}

static int set_host(struct proxy *proxy, struct slice authority, char why[static PROXY_WHY_SIZE])
{
    char text[PROXY_TEXT_SIZE];
    struct text url_text;
    struct url url;
    text_init(&url_text, text, sizeof text);
    text_put(&url_text, slice_str(scheme));
    text_put(&url_text, authority);
    if (!text_ok(&url_text))
        return refuse(why, "the host is too long");
    int error = url_parse(text_slice(&url_text), &url, why);
    if (error)
        return error;
    if (url.target.size > 0 && !slice_equal(url.target, SLICE("/")))
        return refuse(why, "a proxy has no path");
    must(url.host.size < sizeof proxy->host);
    memcpy(proxy->host, url.host.at, url.host.size);
    proxy->host_size = url.host.size;
    proxy->port = url.port;
    proxy->host_is_ip = address_parse_ip(url.host, url.port, &proxy->ip) == 0;
    return 0;
}

int proxy_parse(struct proxy *proxy, struct slice url, char why[static PROXY_WHY_SIZE])
{
    _Static_assert((int)URL_WHY_SIZE <= (int)PROXY_WHY_SIZE, "url_parse() gets our buffer");
    *proxy = (struct proxy){0};
    if (!slice_starts_with(url, slice_str(scheme)))
        return refuse(why, "must be http://[user:password@]host[:port]");
    if (url.size > PROXY_URL_MAX)
        return refuse(why, "is too long");
    url = slice_skip(url, sizeof scheme - 1);
    const char *at = url.size ? memrchr(url.at, '@', url.size) : NULL;
    if (at) {
        struct slice credentials = slice_of(url.at, (size_t)(at - url.at));
        if (!set_field(proxy, credentials))
            return refuse(why, "user and password must be percent-encoded, 255 bytes at most");
        url = slice_skip(url, credentials.size + 1);
    }
    return set_host(proxy, url, why);
}

void proxy_print(const struct proxy *proxy, struct text *text)
{
    bool is_ip6 = memchr(proxy->host, ':', proxy->host_size);
    text_printf(text, "%s%s%s%.*s%s:%u", scheme, proxy->field_size ? "***@" : "", is_ip6 ? "[" : "",
                (int)proxy->host_size, proxy->host, is_ip6 ? "]" : "", proxy->port);
}
