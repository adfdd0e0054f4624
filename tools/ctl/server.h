/* server.h - an engine's admin port, asked one thing after another.
 *
 * Each call turns a loop of its own until the answer is here or its time is over. Connections are
 * kept between calls.
 */
#ifndef CTL_SERVER_H
#define CTL_SERVER_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

enum { SERVER_WHY_SIZE = 512, SERVER_ANSWER_MAX = 32 * 1024 * 1024 };

struct server;

struct server_options {
    const char *url;
    struct slice key, tenant; /* may be empty */
    const char *ca_file;      /* NULL: the system's roots */
    uint64_t timeout_ms;      /* of each call */
};

/* 0; -EINVAL and `why`: what was given is wrong; else -errno and `why`. */
MUST_CHECK int server_open(struct server **server, const struct server_options *options,
                           char why[static SERVER_WHY_SIZE]);
void server_close(struct server *server); /* NULL is allowed */

struct server_call {
    const char *method;
    struct slice target;             /* path and query */
    struct slice body, content_type; /* empty: none */
    /* results: */
    int status;
    struct slice answer; /* valid until the next call; JSON_PADDING bytes follow */
};

/* 0: there is an answer, whatever its status. Else -errno and `why`: the server cannot be reached,
 * or does not speak HTTP. */
MUST_CHECK int server_ask(struct server *server, struct server_call *call,
                          char why[static SERVER_WHY_SIZE]);

#endif
