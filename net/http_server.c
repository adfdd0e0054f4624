/* http_server.c - who listens, and the connections that come of it. What happens on a connection is
 * in http_connection.c, what it answers in http_answer.c.
 *
 * Ownership: the server owns its listening sockets and, by the pool, all connections. A listener is
 *   allocated when it is added, and lives until the server is closed.
 * Threads: all of it belongs to the loop's.
 */
#include "net/http_connection.h"

#include <errno.h>
#include <stdlib.h>

struct listener {
    struct loop_op accept_op;
    struct list_node link;
    struct http_server *server;
    struct tls_context *tls;
    int fd; /* -1: closed */
};

static void close_listener(struct listener *listener)
{
    loop_close_socket(listener->server->loop, listener->fd);
    listener->fd = -1;
}

static void accept_socket(struct listener *listener, int fd)
{
    struct http_server *server = listener->server;
    struct http_connection *connection =
        server->is_draining ? NULL : pool_take(&server->connections);
    if (!connection) {
        server->counters.refused += !server->is_draining;
        loop_close_socket(server->loop, fd);
        return;
    }
    server->counters.accepted++;
    http_connection_init(connection, server);
    int error = stream_accept(&connection->stream, server->loop, &http_connection_events, fd,
                              listener->tls);
    if (error) {
        timer_disarm(&connection->timer);
        list_remove(&connection->link);
        pool_give(&server->connections, connection);
    }
}

static void on_accept(struct loop_op *op, const struct loop_event *event)
{
    struct listener *listener = container_of(op, struct listener, accept_op);
    if (event->result >= 0)
        accept_socket(listener, event->result);
    if (event->more)
        return;
    close_listener(listener); /* cancelled; what passes by itself is the loop's own affair */
}

int http_server_open(struct http_server **server, struct loop *loop, struct wheel *wheel,
                     struct buddy *buddy, const struct http_server_options *options)
{
    must(options->body_max && options->on_request);
    struct http_server *opened = calloc(1, sizeof *opened);
    if (!opened)
        return -ENOMEM;
    opened->options = *options;
    opened->loop = loop;
    opened->wheel = wheel;
    opened->buddy = buddy;
    list_init(&opened->open);
    list_init(&opened->listeners);
    int error =
        pool_open(&opened->connections, sizeof(struct http_connection), options->connections_max);
    opened->waiting = calloc(options->connections_max, sizeof *opened->waiting);
    if (!error && !opened->waiting)
        error = -ENOMEM;
    if (error) {
        http_server_close(opened);
        return error;
    }
    *server = opened;
    return 0;
}

int http_server_listen(struct http_server *server, int fd, struct tls_context *tls)
{
    struct listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        loop_close_socket(server->loop, fd);
        return -ENOMEM;
    }
    *listener =
        (struct listener){.accept_op.on_done = on_accept, .server = server, .tls = tls, .fd = fd};
    list_push_back(&server->listeners, &listener->link);
    loop_accept(server->loop, &listener->accept_op, fd);
    return 0;
}

void http_server_set_tls(struct http_server *server, struct tls_context *tls)
{
    for (struct list_node *node = server->listeners.next; node != &server->listeners;
         node = node->next) {
        struct listener *listener = container_of(node, struct listener, link);
        if (listener->tls)
            listener->tls = tls;
    }
}

/* ---- answers ---- */

/* The ticket's connection, if it still waits for this answer. Asks `waiting` first, because the
 * connection may have ended, or be another by now. */
static struct http_connection *find_waiting(const struct http_server *server,
                                            struct http_ticket ticket)
{
    must(ticket.serial > 0);
    bool is_waiting = *http_connection_waiting(server, ticket.connection) == ticket.serial;
    return is_waiting ? ticket.connection : NULL;
}

void http_server_reply(struct http_server *server, struct http_ticket ticket,
                       const struct http_response *response)
{
    struct http_connection *connection = find_waiting(server, ticket);
    if (!connection)
        return;
    http_answer_start(connection, response);
}

void http_server_problem(struct http_server *server, struct http_ticket ticket, int status,
                         const char *detail, struct slice headers)
{
    struct http_connection *connection = find_waiting(server, ticket);
    if (!connection)
        return;
    http_answer_problem(connection, status, detail, headers);
}

void http_server_label(struct http_server *server, struct http_ticket ticket, unsigned label)
{
    struct http_connection *connection = find_waiting(server, ticket);
    must(label < HTTP_LABELS_MAX);
    if (connection)
        connection->label = (uint8_t)label;
}

/* ---- the end ---- */

static void stop_listening(struct http_server *server)
{
    server->is_draining = true;
    for (struct list_node *node = server->listeners.next; node != &server->listeners;
         node = node->next)
        loop_cancel(server->loop, &container_of(node, struct listener, link)->accept_op);
}

static void close_connections(struct http_server *server, bool only_idle)
{
    struct list_node *next;
    for (struct list_node *node = server->open.next; node != &server->open; node = next) {
        struct http_connection *connection = container_of(node, struct http_connection, link);
        next = node->next; /* closing takes out this node at most */
        if (!only_idle || http_connection_is_idle(connection))
            http_connection_close(connection);
    }
}

void http_server_drain(struct http_server *server)
{
    stop_listening(server);
    close_connections(server, true);
}

void http_server_stop(struct http_server *server)
{
    stop_listening(server);
    close_connections(server, false);
}

unsigned http_server_connections(const struct http_server *server)
{
    return (unsigned)server->connections.used;
}

bool http_server_idle(const struct http_server *server)
{
    for (struct list_node *node = server->listeners.next; node != &server->listeners;
         node = node->next)
        if (loop_op_busy(&container_of(node, struct listener, link)->accept_op))
            return false;
    return server->connections.used == 0;
}

void http_server_close(struct http_server *server)
{
    if (!server)
        return;
    must(http_server_idle(server));
    struct list_node *next;
    for (struct list_node *node = server->listeners.next; node != &server->listeners; node = next) {
        struct listener *listener = container_of(node, struct listener, link);
        next = node->next;
        if (listener->fd >= 0)
            close_listener(listener);
        free(listener);
    }
    pool_close(&server->connections);
    free(server->waiting);
    free(server);
}

struct http_server_counters http_server_counters(const struct http_server *server)
{
    return server->counters;
}
