/* http_server.h - HTTP/1.1 for a thread that serves: connections, requests whole in memory,
 * one answer each.
 *
 * Requests of one connection are answered in order, one at a time; pipelined ones wait (in the
 * connection's buffer, and when that is full in the kernel). A body is collected whole, chunked
 * ones decoded, before on_request; it is followed by LOOP_SLACK readable bytes. A request that fits
 * one receive buffer is handed over in place, without a copy.
 *
 * What cannot be a request gets its answer here (400, 408, 413, 414, 417, 431, 501, 503, 505;
 * application/problem+json), and after it a lingering close: half-close, then drain for a bounded
 * time (RFC 9112 section 9.6).
 *
 * Memory: connections and small buffers from pools taken at open; bodies from `buddy`. Out of
 * buddy: 503 with Retry-After. Out of connections: the new one is accepted and closed at once.
 */
#ifndef NET_HTTP_SERVER_H
#define NET_HTTP_SERVER_H

#include "base/buddy.h"
#include "net/http_parse.h"
#include "net/stream.h"
#include "net/wheel.h"

struct http_server;
struct http_connection;

/* Names a request that waits for its answer. Stays safe to use when the connection has gone: the
 * answer is then dropped. */
struct http_ticket {
    struct http_connection *connection;
    uint64_t serial;
};

struct http_request {
    struct slice path, query; /* of the target; query without '?' */
    const struct http_head *head;
    struct slice body;
    const struct address *peer;
};

struct http_response {
    int status;
    struct slice content_type; /* empty: no Content-Type */
    struct slice headers;      /* more fields, each ended by CRLF, or empty */
    struct slice body;         /* copied */
    bool close;
};

struct http_server_options {
    unsigned connections_max;
    uint64_t head_timeout_ms; /* from the first byte of a head (or the accept) to its end */
    uint64_t idle_timeout_ms; /* keep-alive without a request */
    uint64_t body_timeout_ms; /* without any progress of a body, or of an answer being sent */
    void *context;

    /* The most bytes the body of this request may have; asked when its head is whole. 0 allows
     * none. */
    size_t (*body_max)(void *context, const struct http_head *head);

    /* A whole request. Everything in it is valid during the call only. Answer now or later with
     * http_server_reply(). */
    void (*on_request)(void *context, struct http_ticket ticket,
                       const struct http_request *request);
};

MUST_CHECK int http_server_open(struct http_server **server, struct loop *loop, struct wheel *wheel,
                                struct buddy *buddy, const struct http_server_options *options);

/* Serves the listening socket `fd`, which it closes in the end; with TLS if `tls`. May be called
 * more than once. */
MUST_CHECK int http_server_listen(struct http_server *server, int fd, struct tls_context *tls);

/* Replaces the TLS context for connections still to come. The old one is the caller's again. */
void http_server_set_tls(struct http_server *server, struct tls_context *tls);

/* What an answer without fields of its own takes from the buddy beyond its body, at most. */
enum { HTTP_ANSWER_HEAD_MAX = 512 };

void http_server_reply(struct http_server *server, struct http_ticket ticket,
                       const struct http_response *response);

/* RFC 9457: answers with {"type":"about:blank","title":<reason>,"status":N,"detail":D}. `headers`
 * as in http_response. */
void http_server_problem(struct http_server *server, struct http_ticket ticket, int status,
                         const char *detail, struct slice headers);

/* No new connections; idle ones are closed; answers still to come say Connection: close. */
void http_server_drain(struct http_server *server);

/* Connections that are open. A drained server whose count is 0 can be closed. */
unsigned http_server_connections(const struct http_server *server);

/* Drops what is open; turn the loop until http_server_connections() is 0 and http_server_idle(),
 * then close. */
void http_server_stop(struct http_server *server);
bool http_server_idle(const struct http_server *server); /* no operation is busy */
void http_server_close(struct http_server *server);

enum { HTTP_LABELS_MAX = 32, HTTP_CLASSES = 4 /* 2xx to 5xx */ };

/* What the answer to a request is counted under: less than HTTP_LABELS_MAX. 0 unless it is said,
 * and for what never was a request. */
void http_server_label(struct http_server *server, struct http_ticket ticket, unsigned label);

struct http_server_counters {
    uint64_t accepted, refused, requests, bad_requests, timeouts;
    uint64_t answers[HTTP_LABELS_MAX][HTTP_CLASSES];
};
struct http_server_counters http_server_counters(const struct http_server *server);

#endif
