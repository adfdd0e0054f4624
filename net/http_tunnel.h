/* http_tunnel.h - the way through a proxy. For http_link.c.
 *
 * The proxy is told addresses, not names: those of the receiver that were found and allowed here
 * (`targets`), so that it cannot be led elsewhere by another answer to the same question. Where the
 * proxy forwards plain HTTP, which is by name, all addresses of the name have to be allowed; what
 * the proxy then finds is its own affair.
 */
#ifndef NET_HTTP_TUNNEL_H
#define NET_HTTP_TUNNEL_H

#include "net/http_link.h"

/* What a status of 407 means, which can only be the proxy's. */
#define HTTP_TUNNEL_407 "the proxy answered 407: it wants other credentials"

/* The receiver's addresses are in link->addresses: keeps them as targets, and puts the proxy's in
 * their place. http_link_connect() follows, or the end of the call. */
void http_tunnel_open(struct http_link *link);

/* Is this connection to a proxy that is still to be asked for a tunnel? */
bool http_tunnel_is_wanted(const struct http_link *link);

/* Asks it, over the connection that is there. */
void http_tunnel_ask(struct http_link *link);

/* Its answer, a piece of it. http_link_enter_tunnel() follows a good one. */
void http_tunnel_hear(struct http_link *link, struct slice bytes);

/* The request has been sent. */
void http_tunnel_sent(struct http_link *link);

/* Whether the proxy is sent the requests themselves, and then the parts of such a one. */
bool http_tunnel_forwards(const struct http_link *link);
unsigned http_tunnel_parts(struct http_link *link, struct iovec parts[static STREAM_PARTS_MAX]);

#endif
