/* http_connection.h - one connection of an HTTP server. Shared by http_server.c (who listens),
 * http_connection.c (requests in) and http_answer.c (answers out); nobody else's business.
 */
#ifndef NET_HTTP_CONNECTION_H
#define NET_HTTP_CONNECTION_H

#include "base/list.h"
#include "base/pool.h"
#include "net/http_server.h"

enum {
    HTTP_ANSWER_INLINE = 1024,      /* answers up to this size need no buffer */
    HTTP_ANSWER_PIECE = 256 * 1024, /* of an answer given to the stream at once */
    HTTP_PIPELINE_MAX =
        16 * 1024,         /* bytes kept while an answer is due; then the peer is held back */
    HTTP_LINGER_MS = 2000, /* how long and how much is drained after the last answer */
    HTTP_LINGER_BYTES = 256 * 1024,
};

/* See http_connection.c for the moves between them. */
enum http_connection_state {
    CONNECTION_OPENING,
    CONNECTION_IDLE,
    CONNECTION_HEAD,
    CONNECTION_BODY,
    CONNECTION_WAITING,
    CONNECTION_ANSWERING,
    CONNECTION_LINGERING,
    CONNECTION_CLOSING,
};

struct http_connection {
    struct stream stream;
    struct http_server *server;
    struct list_node link; /* on server->open */
    struct timer timer;
    uint64_t timer_ms;    /* when `timer` fires, if it is armed: never after deadline_ms */
    uint64_t deadline_ms; /* WHEEL_NEVER: none */
    uint8_t state;
    uint8_t label;   /* of the request at hand */
    bool keep_alive; /* after the answer to this request */
    bool is_http_1_0, is_head_request;
    bool is_deaf; /* what comes is not read as requests any more */
    bool is_paused;
    bool peer_ended;

    /* The bytes not used up. `buffer` is NULL while they are none, or in the stream's buffer. */
    char *at;
    size_t size;
    char *buffer;

    /* the request whose body is being read */
    size_t head_size;
    size_t body_max;  /* chunked: the most; else the length */
    size_t body_size; /* chunked: what is decoded, directly behind the head */
    size_t scanned;   /* chunked: from `at` to what is not decoded yet */
    struct http_chunks chunks;
    bool is_chunked;

    /* The answer, in `inline_answer` or a buffer. */
    char *answer;
    size_t answer_size, answer_sent;
    size_t in_flight; /* bytes of it that the stream is sending; 0: it sends something else, or
                         nothing */
    size_t drained;   /* bytes that came while deaf */
    char inline_answer[HTTP_ANSWER_INLINE];
};

struct http_server {
    struct http_server_options options;
    struct loop *loop;
    struct wheel *wheel;
    struct buddy *buddy;
    struct pool connections;
    uint64_t *waiting; /* for each object of the pool: the serial of the request that waits, or 0 */
    struct list_node open, listeners;
    uint64_t last_serial;
    bool is_draining;
    struct http_server_counters counters;

    /* The head parsed last, and what from: it need not be parsed again if it is still that. */
    struct http_head head;
    const struct http_connection *head_of;
    const char *head_at;

    char date[HTTP_DATE_SIZE];
    uint64_t date_until_ms; /* by the wheel */
};

/* Where the serial of a connection's waiting request is kept: tickets outlive connections. */
static inline uint64_t *http_connection_waiting(const struct http_server *server,
                                                const struct http_connection *connection)
{
    const struct pool *pool = &server->connections;
    size_t index = (size_t)((const char *)connection - pool->memory) / pool->object_size;
    must(index < pool->capacity);
    return &server->waiting[index];
}

extern const struct stream_events http_connection_events;

/* Makes `connection` ready for stream_accept(). */
void http_connection_init(struct http_connection *connection, struct http_server *server);
void http_connection_close(struct http_connection *connection);

/* Nothing of a request has arrived, and no answer is due. */
bool http_connection_is_idle(const struct http_connection *connection);

void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_ms);

/* Begins to send an answer. */
void http_answer_start(struct http_connection *connection, const struct http_response *response);
void http_answer_problem(struct http_connection *connection, int status, const char *detail,
                         struct slice headers);

/* "HTTP/1.1 100 Continue" */
void http_answer_continue(struct http_connection *connection);

/* The stream has sent what it was given. True when the answer is gone as a whole. */
bool http_answer_sent(struct http_connection *connection);
void http_answer_free(struct http_connection *connection);

#endif
