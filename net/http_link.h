/* http_link.h - one connection of an HTTP client, and the origins that connections belong to.
 * Shared by http_client.c (calls), http_origin.c (origins, kept connections) and http_link.c (a
 * connection at work); nobody else's business.
 */
#ifndef NET_HTTP_LINK_H
#define NET_HTTP_LINK_H

#include "base/pool.h"
#include "base/table.h"
#include "net/http_client.h"

/* See http_link.c for the moves between them. */
enum http_link_state {
    LINK_CLOSED, /* no stream */
    LINK_RESOLVING,
    LINK_CONNECTING,
    LINK_TUNNELLING, /* a proxy has been asked */
    LINK_CALLING,
    LINK_IDLE,
    LINK_CLOSING,
};

/* What comes when the stream of a closing link has closed. */
enum http_link_after {
    AFTER_END, /* the link goes back to the pool, and the call, if it still has one, is reported */
    AFTER_NEXT_ADDRESS,
    AFTER_RESEND,
};

enum http_link_reading { READING_HEAD, READING_LENGTH, READING_CHUNKS, READING_UNTIL_END };

struct http_link {
    struct stream stream;
    struct http_client *client;
    struct http_origin *origin;
    struct http_call *call; /* NULL: none */
    uint8_t state, after;

    struct resolver_query query;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    unsigned address_count, address_at;
    struct address remote; /* where the request goes, as far as it is known */

    /* with a proxy, whose own addresses are those above */
    struct address targets[RESOLVER_ADDRESSES_MAX];
    unsigned target_count, target_at;
    bool is_tunnelled;
    char request[PROXY_REQUEST_SIZE];

    /* while idle */
    struct list_node origin_link, client_link;
    uint64_t idle_until_ms;

    /* the response being read */
    uint8_t reading;
    bool keep_alive, is_sent, has_byte;
    unsigned informational;
    uint64_t body_left, body_read;
    struct http_chunks chunks;
    size_t head_size; /* of a head that is not whole yet, in `head`: the last, rarely touched */
    char head[HTTP_HEAD_MAX];
};

/* By what an origin is found, beside its host. */
struct http_origin_key {
    bool https, is_unverified;
    uint16_t port;
    bool (*allowed)(void *context, const struct address *address);
    void *context;
    uint8_t trust[TRUST_DIGEST_BYTES]; /* zero: the usual */
};

struct http_origin {
    struct table_node node;
    struct http_client *client;
    unsigned holders, link_count, idle_count;
    bool is_retired;       /* nobody takes it, and its links are not kept */
    struct list_node idle; /* used last: last */
    struct http_origin_key key;
    struct tls_context *tls; /* the client's, or its own; NULL: none that can be used */
    bool host_is_ip;
    struct address ip; /* if host_is_ip */
    size_t host_size;
    char host[]; /* in lower case */
};

struct http_client {
    struct http_client_options options;
    struct loop *loop;
    struct wheel *wheel;
    struct resolver *resolver;
    struct pool links;
    struct table origins;
    struct list_node idle;   /* links, idle for the longest first */
    struct timer idle_timer; /* fires when the first is too old, or before */
    bool is_stopping;
    struct http_client_counters counters;
    struct histogram handshakes;
    struct http_head head; /* the one parsed last */
};

/* A new link of the origin, LINK_CLOSED, or NULL if there is none to be had. */
struct http_link *http_link_take(struct http_origin *origin);

/* Sends link->call's request: over the connection that is there, or over a new one. */
void http_link_send(struct http_link *link);
void http_link_open(struct http_link *link);

/* Tries link->addresses, from address_at on. */
void http_link_connect(struct http_link *link);

/* May a connection of this link go there? */
bool http_link_allows(const struct http_link *link, const struct address *address);

/* The connection leads through the proxy to the receiver now. */
void http_link_enter_tunnel(struct http_link *link);

/* Closes it, and connects anew by http_link_connect(). */
void http_link_close_for_next(struct http_link *link);

/* Ends the link's call with `outcome`, and the link with it. */
void http_link_fail(struct http_link *link, enum http_outcome outcome, const char *why);

/* Closes an idle link. */
void http_link_close(struct http_link *link);

/* Keeps a link for the origin's next call. False: it is not wanted. */
bool http_origin_keep(struct http_link *link);

/* The origin's link that was used last, or NULL. */
struct http_link *http_origin_take_idle(struct http_origin *origin);
void http_origin_forget_idle(struct http_link *link);

/* Frees the origin if nobody holds it and it has no links. */
void http_origin_free_unused(struct http_origin *origin);

void http_origin_init_idle(struct http_client *client);

#endif
