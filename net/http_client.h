/* http_client.h - HTTP/1.1 requests to origins, over pools of kept-alive connections.
 *
 * An origin is a scheme, host and port, and all that is asked of connections to them; calls to one
 * origin share its connections, used last in first out. A connection carries one call at a time. An
 * idle one that receives anything or ends is closed. When a *reused* connection dies before the
 * first byte of a response, the call is sent once more on a fresh one, silently (RFC 9112
 * section 9.3.1; deliveries carry an id). Redirects are not followed. 1xx are skipped (8 at most).
 * Responses are read to their end, 64 KiB at most unless more is wanted: a longer one counts by its
 * status, and its connection is closed.
 *
 * Each address is offered to `allowed`, the origin's or else the client's, right before the
 * connection to it; the addresses of a name are tried in turn. Through a proxy the same holds for
 * the addresses that it is asked for; its own is not asked about (see http_tunnel.h).
 *
 * Threads: one client for each shard. Memory: connections from a pool taken at open.
 */
#ifndef NET_HTTP_CLIENT_H
#define NET_HTTP_CLIENT_H

#include "base/histogram.h"
#include "net/http_parse.h"
#include "net/proxy.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "net/url.h"
#include "net/wheel.h"

struct http_client;
struct http_origin;

enum http_outcome {
    HTTP_RESPONSE, /* a whole response: see status */
    HTTP_TIMEOUT,
    HTTP_CONNECT_REFUSED,
    HTTP_CONNECT_FAILED,
    HTTP_DNS_FAILED,
    HTTP_TLS_FAILED,
    HTTP_BLOCKED_ADDRESS,  /* no address of the host was allowed */
    HTTP_RESPONSE_INVALID, /* not HTTP, broken framing, or ended before a whole response */
    HTTP_CANCELLED,
    HTTP_NO_CONNECTION, /* the client's pool is empty: nothing was sent, try again later */
};

enum { HTTP_CALL_WHY_SIZE = 96, HTTP_CALL_PARTS = 3 };

struct http_call {
    /* given by the caller; must stay as it is until on_done */
    struct iovec parts[HTTP_CALL_PARTS]; /* the request: head and body */
    unsigned part_count;
    bool is_head;         /* the method is HEAD */
    uint64_t deadline_ms; /* by the wheel's time, for the whole call */
    char *capture;        /* where to put the beginning of the response body */
    size_t capture_room;
    void (*on_head)(struct http_call *call,
                    const struct http_head *head); /* may be NULL: the final response's head */
    void (*on_sent)(struct http_call *call); /* may be NULL: the parts' memory is not read any more,
                                                unless the call is sent again (see `resend`) */
    void (*on_done)(struct http_call *call); /* once; the call may be reused or freed in it */

    /* May be NULL. Before a silent second sending: fill `parts` again and return true, or return
     * false to refuse it (the call then ends as HTTP_RESPONSE_INVALID). With NULL the parts are
     * taken to be still there. */
    bool (*resend)(struct http_call *call);

    /* results */
    enum http_outcome outcome;
    int status;
    size_t captured;
    bool reused;    /* went over a kept-alive connection */
    bool truncated; /* the body was longer than capture_room */
    struct address remote;
    /* Monotonic moments; 0: did not happen. They are the ends of what comes one after the other. */
    uint64_t start_ns, dns_ns, connect_ns, tls_ns, first_byte_ns, end_ns;
    char why[HTTP_CALL_WHY_SIZE]; /* for people; "" with HTTP_RESPONSE */

    /* private */
    struct timer deadline;
    struct http_link *via; /* the connection that carries it; NULL: it is not open */
};

struct http_client_options {
    unsigned connections_max;
    unsigned idle_per_origin_max;
    uint64_t idle_timeout_ms; /* kept-alive connections are closed after this */
    uint64_t response_max;    /* bytes of a body that are read; 0: 64 KiB */
    struct tls_context *tls;  /* for https */
    void *context;
    bool (*allowed)(void *context, const struct address *address); /* NULL: all */
    const struct proxy *proxy; /* that all connections go through; NULL: none. Borrowed */
};

MUST_CHECK int http_client_open(struct http_client **client, struct loop *loop, struct wheel *wheel,
                                struct resolver *resolver,
                                const struct http_client_options *options);

struct http_origin_options {
    bool is_unverified; /* https: any certificate will do, but for pins in `trust` */
    struct trust trust; /* https: borrowed for the call */
    /* NULL: the client's. An answer must stay what it was for as long as the origin is held: what
     * is connected already is not asked about again. */
    bool (*allowed)(void *context, const struct address *address);
    void *context;
};

/* The origin of `url`, counted: give each back with http_origin_give(). `options` may be NULL.
 * NULL: out of memory. Origins with equal options are one, and those with others share nothing: no
 * connection, no TLS session. Idle connections are closed when nobody holds it. Calls to an origin
 * whose `trust` cannot be used (see tls_check_identity()) end as HTTP_TLS_FAILED. */
struct http_origin *http_origin_take(struct http_client *client, const struct url *url,
                                     const struct http_origin_options *options);
void http_origin_give(struct http_client *client, struct http_origin *origin);

/* As http_origin_give(), for one whose answers of `allowed` have changed: who takes an equal one
 * gets another, and its connections end with their calls. */
void http_origin_retire(struct http_client *client, struct http_origin *origin);

/* on_done may be called before this returns (no connection, blocked address). */
void http_client_call(struct http_client *client, struct http_origin *origin,
                      struct http_call *call);

/* Ends an open call with HTTP_CANCELLED. on_done is called before this returns; but if the kernel
 * is still reading the parts, then as soon as it has stopped, in a turn of the loop. (Timeouts are
 * reported in the same way.) A call whose end is on its way to be reported stays as it is. */
void http_client_cancel(struct http_client *client, struct http_call *call);

/* Drops all connections; turn the loop until http_client_idle(), then close. No call may be open.
 */
void http_client_stop(struct http_client *client);
bool http_client_idle(const struct http_client *client);

/* All origins must have been given back. */
void http_client_close(struct http_client *client);

struct http_client_counters {
    uint64_t connects, reuses, resends, blocked, tls_handshakes, tls_resumed;
    uint64_t tls_failures; /* calls that ended as HTTP_TLS_FAILED */
    unsigned open, idle;
};
struct http_client_counters http_client_counters(const struct http_client *client);

/* How long TLS handshakes that came to their end took (us). */
const struct histogram *http_client_handshakes(const struct http_client *client);

#endif
