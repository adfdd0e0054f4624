/* url.c - http and https URLs as people configure them, refused unless they mean one thing only.
 *
 * Parsers that disagree on a URL's host are how requests reach hosts they should not. So what
 * others read in different ways is refused: user info, escapes and odd octets in hosts, numbers
 * that some take for IPv4 addresses.
 */
#include "net/url.h"

#include "net/address.h"

#include <errno.h>
#include <stdio.h>

enum { HOST_NAME_MAX_SIZE = 253, LABEL_MAX_SIZE = 63 };

static int refuse(char *why, const char *reason)
{
    snprintf(why, URL_WHY_SIZE, "%s", reason);
    return -EINVAL;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_label_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* A last label that is a number, decimal or hex, makes others read the host as an IPv4 address. */
static bool is_numeric(struct slice label)
{
    bool is_hex = label.size >= 2 && label.at[0] == '0' && (label.at[1] | 0x20) == 'x';
    for (size_t i = is_hex ? 2 : 0; i < label.size; i++) {
        char lower = (char)(label.at[i] | 0x20);
        if (!is_digit(label.at[i]) && !(is_hex && lower >= 'a' && lower <= 'f'))
            return false;
    }
    return true;
}

/* Labels of letters, digits, '-' and '_', none of them empty. `last` gets the last one. */
static bool is_host_name(struct slice host, struct slice *last)
{
    if (host.size == 0 || host.size > HOST_NAME_MAX_SIZE)
        return false;
    for (size_t from = 0; from <= host.size;) {
        struct slice label = slice_skip(host, from);
        label.size = slice_find(label, '.');
        if (label.size == 0 || label.size > LABEL_MAX_SIZE)
            return false;
        for (size_t i = 0; i < label.size; i++)
            if (!is_label_char(label.at[i]))
                return false;
        *last = label;
        from += label.size + 1;
    }
    return true;
}

static int check_name(struct url *url, char *why)
{
    struct slice last;
    if (!is_host_name(url->host, &last))
        return refuse(why, "the host is not a name or an address");
    if (!is_numeric(last))
        return 0;
    struct address address;
    if (address_parse_ip(url->host, 0, &address) < 0)
        return refuse(why, "the host is not an IPv4 address in its usual form");
    url->host_is_ip = true;
    return 0;
}

static int check_ipv6(struct url *url, char *why)
{
    struct address address;
    if (slice_find(url->host, ':') == url->host.size ||
        address_parse_ip(url->host, 0, &address) < 0)
        return refuse(why, "the host is not an IPv6 address");
    url->host_is_ip = true;
    return 0;
}

/* `text`: what follows the host in the authority: nothing, or ':' and the port. */
static int parse_port(struct url *url, struct slice text, char *why)
{
    unsigned standard = url->https ? 443 : 80, port = 0;
    if (text.size == 0) {
        port = standard;
    } else {
        struct slice digits = slice_skip(text, 1);
        if (text.at[0] != ':' || digits.size == 0 || digits.size > 5 || digits.at[0] == '0')
            return refuse(why, "the port is not a number from 1 to 65535");
        for (size_t i = 0; i < digits.size; i++) {
            if (!is_digit(digits.at[i]))
                return refuse(why, "the port is not a number from 1 to 65535");
            port = port * 10 + (unsigned)(digits.at[i] - '0');
        }
        if (port > UINT16_MAX)
            return refuse(why, "the port is not a number from 1 to 65535");
    }
    url->port = (uint16_t)port;
    url->port_is_default = port == standard;
    return 0;
}

static int parse_authority(struct url *url, struct slice text, char *why)
{
    if (slice_find(text, '@') < text.size)
        return refuse(why, "user names and passwords do not belong in a URL");

    size_t size; /* of the host as written, brackets included */
    if (text.size > 0 && text.at[0] == '[') {
        size = slice_find(text, ']');
        if (size == text.size)
            return refuse(why, "the host's bracket is not closed");
        url->host = slice_of(text.at + 1, size - 1);
        size++;
    } else {
        size = slice_find(text, ':');
        url->host = slice_of(text.at, size);
    }
    int result = parse_port(url, slice_skip(text, size), why);
    if (result < 0)
        return result;
    url->authority = url->port_is_default ? slice_of(text.at, size) : text;
    return url->host.at == text.at ? check_name(url, why) : check_ipv6(url, why);
}

int url_parse(struct slice text, struct url *url, char why[static URL_WHY_SIZE])
{
    *url = (struct url){0};
    if (text.size > URL_SIZE_MAX)
        return refuse(why, "longer than 2048 bytes");
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.at[i] <= 0x20 || (unsigned char)text.at[i] >= 0x7f)
            return refuse(why, "white space, a control character or a byte over 0x7e");
    if (slice_find(text, '#') < text.size)
        return refuse(why, "a fragment (#) does not belong in this URL");

    struct slice rest;
    if (text.size >= 7 && slice_equal_nocase(slice_of(text.at, 7), SLICE("http://")))
        rest = slice_skip(text, 7);
    else if (text.size >= 8 && slice_equal_nocase(slice_of(text.at, 8), SLICE("https://")))
        rest = slice_skip(text, 8);
    else
        return refuse(why, "the URL does not begin with http:// or https://");
    url->https = rest.at - text.at == 8;

    size_t size = 0;
    while (size < rest.size && rest.at[size] != '/' && rest.at[size] != '?')
        size++;
    url->target = slice_skip(rest, size);
    return parse_authority(url, slice_of(rest.at, size), why);
}
