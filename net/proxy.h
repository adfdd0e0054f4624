/* proxy.h - an HTTP proxy that connections go through: from its URL, and what it is told.
 *
 * "http://[user:password@]host[:port]", user and password percent-encoded; the connection to the
 * proxy itself is in the clear. Plain data.
 */
#ifndef NET_PROXY_H
#define NET_PROXY_H

#include "base/text.h"
#include "net/address.h"

enum {
    PROXY_WHY_SIZE = 64,
    PROXY_URL_MAX = 1023,
    PROXY_TEXT_SIZE = 320,  /* of what proxy_print() prints */
    PROXY_FIELD_SIZE = 512, /* "Proxy-Authorization: Basic ...\r\n" */
    PROXY_REQUEST_SIZE = 320,
};

struct proxy {
    char host[256];
    size_t host_size;
    uint16_t port;
    bool host_is_ip;
    struct address ip; /* if host_is_ip */
    char field[PROXY_FIELD_SIZE];
    size_t field_size; /* 0: no credentials */
    bool forwards;     /* plain HTTP is asked for by name (RFC 9112 section 3.2.2), not tunnelled */
};

/* 0, or -EINVAL and `why`, which tells nothing of the password. */
MUST_CHECK int proxy_parse(struct proxy *proxy, struct slice url, char why[static PROXY_WHY_SIZE]);

/* Its URL without user and password ("***@" in their place). */
void proxy_print(const struct proxy *proxy, struct text *text);

#endif
