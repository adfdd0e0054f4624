/* receiver.h - a lean HTTP/1.1 server that takes whole requests and answers with a bare status:
 * now, later, never, or by resetting the connection.
 *
 * Leaner than net/http_server.h for the same reason as lane.h. Bodies need a Content-Length (411
 * otherwise). A request that arrives whole is looked at where it lies; only one that comes in
 * pieces is copied. Requests of one connection are answered in order, one at a time.
 *
 * Memory: a fixed number of connections; further ones are closed as they come.
 * Threads: its loop's.
 */
#ifndef LOAD_RECEIVER_H
#define LOAD_RECEIVER_H

#include "net/http_parse.h"
#include "net/loop.h"
#include "net/tls.h"

struct receiver;

struct receiver_request {
    const struct http_head *head;
    struct slice body;
};

enum receiver_fate {
    RECEIVER_REPLY,
    RECEIVER_HANG,  /* never answer, and keep the connection open */
    RECEIVER_RESET, /* TCP reset */
};

struct receiver_reply {
    enum receiver_fate fate;
    int status;
    uint64_t delay_ms; /* before any of these */
};

struct receiver_options {
    unsigned connections_max;
    size_t body_max;
    struct tls_context *tls; /* NULL: in the clear */
    void *context;
    /* The request is valid during the call only. */
    struct receiver_reply (*on_request)(void *context, const struct receiver_request *request);
};

/* Serves the listening socket `fd`, which it closes in the end. 0, or -ENOMEM. */
MUST_CHECK int receiver_open(struct receiver **receiver, struct loop *loop, int fd,
                             const struct receiver_options *options);

/* Turns the loop once, and no longer than until `until_ns`; fires what was delayed. */
void receiver_turn(struct receiver *receiver, uint64_t until_ns);

void receiver_close(struct receiver *receiver); /* NULL is allowed */

#endif
