/* url.h - http and https URLs, split and checked (RFC 3986, RFC 9110 section 4.2). */
#ifndef NET_URL_H
#define NET_URL_H

#include "base/must.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { URL_WHY_SIZE = 64, URL_SIZE_MAX = 2048 };

/* Slices of the text that was parsed. */
struct url {
    bool https;
    struct slice host; /* as written; an IPv6 literal without its brackets */
    bool host_is_ip;   /* a literal, v4 or v6 */
    uint16_t port;     /* the scheme's own if not written */
    bool port_is_default;
    struct slice authority; /* host[:port] as it belongs in the Host field */
    struct slice target;    /* path and query; empty means "/" (with a query it begins with '?') */
};

/* 0, or -EINVAL with `why`: user info, a fragment, white space, controls, bytes over 0x7e, a bad
 * port or host, a scheme other than http and https, more than URL_SIZE_MAX. IPv4 hosts in odd forms
 * (octal, hex, one number: "0x7f.1") are refused. */
MUST_CHECK int url_parse(struct slice text, struct url *url, char why[static URL_WHY_SIZE]);

#endif
