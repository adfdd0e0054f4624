/* receiver.c - see receiver.h. A connection reads on while an answer is delayed, so that it notices
 * when the other side goes away; what comes meanwhile is kept, within bounds.
 */
#include "bench/load/receiver.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/pool.h"
#include "net/stream.h"
#include "net/wheel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { NS_PER_MS = 1000000, REPLY_SIZE = 128 };

struct connection {
    struct stream stream;
    struct list_node link;
    struct receiver *receiver;
    struct timer timer;
    struct receiver_reply reply;
    bool answering, closing, close_after;
    char *kept; /* what has come and is not used up */
    size_t kept_size, kept_room;
    char text[REPLY_SIZE];
};

struct receiver {
    struct loop *loop;
    struct receiver_options options;
    struct wheel wheel;
    struct pool pool;
    struct list_node connections;
    struct loop_op accept_op;
    int fd;
};

static struct connection *connection_of(struct stream *stream)
{
    return container_of(stream, struct connection, stream);
}

static void drop(struct connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    timer_disarm(&connection->timer);
    stream_close(&connection->stream);
}

/* ---- answering ---- */

static void send_reply(struct connection *connection)
{
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    int status = connection->reply.status;
    struct iovec part = {(void *)(uintptr_t)ok, sizeof ok - 1};
    if (status != 200 || connection->close_after) {
        int size = snprintf(
            connection->text, REPLY_SIZE, "HTTP/1.1 %d %s\r\nContent-Length: 0\r\n%s\r\n", status,
            http_reason(status), connection->close_after ? "Connection: close\r\n" : "");
        part = (struct iovec){connection->text, (size_t)size};
    }
    stream_send(&connection->stream, &part, 1);
}

static void reset(struct connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(connection->stream.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop(connection);
}

static void meet_fate(struct connection *connection)
{
    switch (connection->reply.fate) {
    case RECEIVER_REPLY:
        send_reply(connection);
        break;
    case RECEIVER_RESET:
        reset(connection);
        break;
    case RECEIVER_HANG:
        break;
    }
}

static void on_delay_over(struct timer *timer)
{
    meet_fate(container_of(timer, struct connection, timer));
}

static void answer(struct connection *connection, struct receiver_reply reply)
{
    struct wheel *wheel = &connection->receiver->wheel;
    connection->reply = reply;
    connection->answering = true;
    if (reply.delay_ms > 0) {
        uint64_t now_ms = clock_monotonic_ns() / NS_PER_MS;
        wheel_arm(wheel, &connection->timer, now_ms + reply.delay_ms + 1);
    } else {
        meet_fate(connection);
    }
}

static void refuse(struct connection *connection, int status)
{
    connection->close_after = true;
    answer(connection, (struct receiver_reply){.fate = RECEIVER_REPLY, .status = status});
}

/* ---- taking in ---- */

/* Takes one request from the front, and begins to answer it. Returns its size, or 0 if it is not
 * whole (or was refused: then the connection answers and closes). */
static size_t take_request(struct connection *connection, const char *at, size_t size)
{
    struct receiver *receiver = connection->receiver;
    struct http_head head;
    const char *why;
    long head_size = http_parse_request(&head, at, size, &why);
    if (head_size == 0)
        return 0;
    if (head_size < 0) {
        refuse(connection, (int)-head_size);
        return 0;
    }
    if (head.chunked || (head.has_length && head.length > receiver->options.body_max)) {
        refuse(connection, head.chunked ? 411 : 413);
        return 0;
    }
    size_t body_size = head.has_length ? (size_t)head.length : 0;
    if (size - (size_t)head_size < body_size)
        return 0;

    struct receiver_request request = {.head = &head, .body = slice_of(at + head_size, body_size)};
    connection->close_after = !head.keep_alive;
    answer(connection, receiver->options.on_request(receiver->options.context, &request));
    return (size_t)head_size + body_size;
}

/* Takes requests as long as there is nothing to answer. Returns the bytes that are used up. */
static size_t take_requests(struct connection *connection, const char *at, size_t size)
{
    size_t used = 0;
    while (used < size && !connection->answering && !connection->closing) {
        size_t taken = take_request(connection, at + used, size - used);
        if (taken == 0)
            break;
        used += taken;
    }
    return used;
}

static bool keep(struct connection *connection, const char *at, size_t size)
{
    size_t most = HTTP_HEAD_MAX + connection->receiver->options.body_max;
    size_t needed = connection->kept_size + size;
    if (needed > connection->kept_room) {
        size_t room = needed * 2;
        char *kept = needed <= 2 * most ? realloc(connection->kept, room) : NULL;
        if (!kept)
            return false;
        connection->kept = kept;
        connection->kept_room = room;
    }
    memcpy(connection->kept + connection->kept_size, at, size);
    connection->kept_size = needed;
    return true;
}

static void take_kept(struct connection *connection)
{
    size_t used = take_requests(connection, connection->kept, connection->kept_size);
    connection->kept_size -= used;
    if (used > 0 && connection->kept_size > 0)
        memmove(connection->kept, connection->kept + used, connection->kept_size);
}

static void on_data(struct stream *stream, char *at, size_t size)
{
    struct connection *connection = connection_of(stream);
    if (connection->kept_size == 0) {
        size_t used = take_requests(connection, at, size);
        at += used;
        size -= used;
    }
    if (size == 0 || connection->closing)
        return;
    if (!keep(connection, at, size)) {
        drop(connection);
        return;
    }
    if (connection->kept_size > size)
        take_kept(connection);
}

static void on_sent(struct stream *stream, int result)
{
    struct connection *connection = connection_of(stream);
    connection->answering = false;
    if (result < 0 || connection->close_after)
        drop(connection);
    else if (connection->kept_size > 0)
        take_kept(connection);
}

static void on_open(struct stream *stream, int result)
{
    if (result < 0)
        drop(connection_of(stream));
}

static void on_end(struct stream *stream, int result)
{
    (void)result;
    drop(connection_of(stream));
}

static void on_closed(struct stream *stream)
{
    struct connection *connection = connection_of(stream);
    free(connection->kept);
    list_remove(&connection->link);
    pool_give(&connection->receiver->pool, connection);
}

static const struct stream_events connection_events = {on_open, on_data, on_sent, on_end,
                                                       on_closed};

static void on_accept(struct loop_op *op, const struct loop_event *event)
{
    struct receiver *receiver = container_of(op, struct receiver, accept_op);
    if (event->result < 0)
        return;
    struct connection *connection = pool_take(&receiver->pool);
    if (!connection) {
        loop_close_socket(receiver->loop, event->result);
        return;
    }
    *connection = (struct connection){.receiver = receiver};
    timer_init(&connection->timer, on_delay_over);
    list_push_back(&receiver->connections, &connection->link);
    int error = stream_accept(&connection->stream, receiver->loop, &connection_events,
                              event->result, receiver->options.tls);
    if (error) {
        list_remove(&connection->link);
        pool_give(&receiver->pool, connection);
    }
}

/* ---- life ---- */

int receiver_open(struct receiver **receiver, struct loop *loop, int fd,
                  const struct receiver_options *options)
{
    *receiver = calloc(1, sizeof **receiver);
    if (!*receiver ||
        pool_open(&(*receiver)->pool, sizeof(struct connection), options->connections_max) < 0) {
        free(*receiver);
        *receiver = NULL;
        return -ENOMEM;
    }
    (*receiver)->loop = loop;
    (*receiver)->options = *options;
    (*receiver)->fd = fd;
    (*receiver)->accept_op.on_done = on_accept;
    list_init(&(*receiver)->connections);
    wheel_init(&(*receiver)->wheel, clock_monotonic_ns() / NS_PER_MS);
    loop_accept(loop, &(*receiver)->accept_op, fd);
    return 0;
}

void receiver_turn(struct receiver *receiver, uint64_t until_ns)
{
    uint64_t next_ms = wheel_next_ms(&receiver->wheel);
    if (next_ms != WHEEL_NEVER && next_ms * NS_PER_MS < until_ns)
        until_ns = next_ms * NS_PER_MS;
    loop_turn(receiver->loop, until_ns);
    wheel_advance(&receiver->wheel, clock_monotonic_ns() / NS_PER_MS);
}

void receiver_close(struct receiver *receiver)
{
    if (!receiver)
        return;
    loop_cancel(receiver->loop, &receiver->accept_op);
    while (list_is_linked(&receiver->connections) || loop_op_busy(&receiver->accept_op)) {
        struct list_node all;
        list_take_all(&all, &receiver->connections);
        while (list_is_linked(&all)) {
            struct connection *connection = container_of(all.next, struct connection, link);
            list_remove(&connection->link);
            list_push_back(&receiver->connections, &connection->link);
            drop(connection);
        }
        if (list_is_linked(&receiver->connections) || loop_op_busy(&receiver->accept_op))
            loop_turn(receiver->loop, UINT64_MAX);
    }
    loop_close_socket(receiver->loop, receiver->fd);
    pool_close(&receiver->pool);
    free(receiver);
}
