/* stream.c - a TCP connection's life.
 *
 *     CONNECTING --connected--> HANDSHAKE (TLS only) --> OPEN (in the clear: back to HANDSHAKE
 * once) |                        |
 *          +------ fail() ----------+--> FAILED
 *
 * Beside the state stand a few facts: `ended` (no more on_data; on_end has been called unless the
 * stream failed to open), `sending` (the owner's stream_send() is not answered yet), `ending`
 * (stream_end() was called) and `closing` (stream_close() was called: from then on only on_closed).
 *
 * Callbacks may call anything here, stream_close() included, and on_closed may free the stream. So
 * every way in counts itself in `calls`, and only leave(), on the way out of the outermost, closes.
 * Nothing touches the stream after leave().
 *
 * Under TLS, send_op carries whatever the session wants to say: handshake, alerts and the
 * owner's data, in the order in which they were encrypted. The owner's send is done when all
 * output is gone.
 *
 * Ownership: see stream.h. Threads: a stream belongs to its loop's; the buffer that plaintext is
 * decrypted into is one for each thread, and no on_data runs inside another.
 */
#include "net/stream.h"

#include "base/clock.h"
#include "base/list.h"

#include <errno.h>
#include <poll.h>

enum stream_state { STREAM_CONNECTING, STREAM_HANDSHAKE, STREAM_OPEN, STREAM_FAILED };

enum { PLAIN_MAX = 16384 }; /* a TLS record's */

static _Thread_local char plain[PLAIN_MAX + LOOP_SLACK];

static void on_connect_done(struct loop_op *op, const struct loop_event *event);
static void on_recv_done(struct loop_op *op, const struct loop_event *event);
static void on_send_done(struct loop_op *op, const struct loop_event *event);

static bool is_busy(const struct stream *stream)
{
    return loop_op_busy(&stream->connect_op) || loop_op_busy(&stream->recv_op) ||
           loop_op_busy(&stream->send_op);
}

static void enter(struct stream *stream)
{
    stream->calls++;
}

/* The stream may be gone after this. */
static void leave(struct stream *stream)
{
    must(stream->calls > 0);
    if (--stream->calls > 0 || !stream->closing || is_busy(stream))
        return;

    tls_close(stream->tls);
    stream->tls = NULL;
    loop_close_socket(stream->loop, stream->fd);
    stream->events->on_closed(stream);
}

/* ---- receiving ---- */

static bool wants_data(const struct stream *stream)
{
    if (stream->ended || stream->closing)
        return false;
    return stream->state == STREAM_HANDSHAKE || (stream->state == STREAM_OPEN && !stream->paused);
}

/* A cancelled recv_op comes back here when it has ended. */
static void update_reading(struct stream *stream)
{
    bool wanted = wants_data(stream);
    if (wanted && !loop_op_busy(&stream->recv_op))
        loop_recv(stream->loop, &stream->recv_op, stream->fd);
    else if (!wanted)
        loop_cancel(stream->loop, &stream->recv_op);
}

/* Nothing more can be received: tells the owner, once, by on_open or on_end. */
static void end_receiving(struct stream *stream, int result, const char *reason)
{
    if (stream->ended || stream->closing)
        return;

    stream->ended = true;
    stream->error = result;
    stream->reason = reason;
    update_reading(stream);
    if (stream->state == STREAM_OPEN) {
        stream->events->on_end(stream, result);
    } else {
        if (stream->state == STREAM_HANDSHAKE && result != -EPROTO) {
            result = stream->error = -EPROTO;
            stream->reason = "the connection ended during the TLS handshake";
        }
        stream->state = STREAM_FAILED;
        stream->events->on_open(stream, result);
    }
}

/* ---- sending ---- */

/* Sends what the TLS session has to say, unless it is doing so. */
static void flush(struct stream *stream)
{
    if (loop_op_busy(&stream->send_op) || stream->closing)
        return;

    struct slice output = tls_output(stream->tls);
    if (output.size == 0)
        return;
    stream->parts[0] = (struct iovec){(void *)(uintptr_t)output.at, output.size};
    loop_send(stream->loop, &stream->send_op, stream->fd, stream->parts, 1);
}

/* The FIN that stream_end() asked for, when everything before it is with the kernel. */
static void continue_end(struct stream *stream)
{
    if (!stream->ending || stream->end_sent || stream->sending || stream->closing ||
        stream->state != STREAM_OPEN)
        return;

    if (stream->tls && !stream->notified) {
        stream->notified = true;
        tls_end(stream->tls);
        flush(stream);
    }
    if (loop_op_busy(&stream->send_op))
        return;
    stream->end_sent = true;
    loop_end_sending(stream->loop, stream->fd);
}

static void finish_send(struct stream *stream, int result)
{
    if (stream->closing)
        return;
    stream->sending = false;
    stream->send_error = 0;
    stream->events->on_sent(stream, result);
    continue_end(stream);
}

static void send_parts(struct stream *stream)
{
    loop_send(stream->loop, &stream->send_op, stream->fd, &stream->parts[stream->part_at],
              stream->part_count - stream->part_at);
}

/* Drops the `count` bytes that were sent from the front of the parts. */
static void skip_sent(struct stream *stream, size_t count)
{
    while (stream->part_at < stream->part_count) {
        struct iovec *part = &stream->parts[stream->part_at];
        if (count < part->iov_len) {
            part->iov_base = (char *)part->iov_base + count;
            part->iov_len -= count;
            return;
        }
        count -= part->iov_len;
        stream->part_at++;
    }
    must(count == 0);
}

static void on_plain_sent(struct stream *stream, int result)
{
    if (result < 0) {
        finish_send(stream, result);
        return;
    }

    skip_sent(stream, (size_t)result);
    if (stream->part_at == stream->part_count)
        finish_send(stream, 0);
    else if (result == 0)
        finish_send(stream, -EPIPE);
    else if (!stream->closing)
        send_parts(stream); /* something went wrong midway: this says what */
}

static void on_cipher_sent(struct stream *stream, int result)
{
    if (result > 0)
        tls_output_sent(stream->tls, (size_t)result);
    if (result >= 0)
        flush(stream);
    if (loop_op_busy(&stream->send_op))
        return;

    if (stream->sending)
        finish_send(stream, result < 0 ? result : 0);
    else if (result < 0 && stream->state == STREAM_HANDSHAKE)
        end_receiving(stream, result, NULL);
    else
        continue_end(stream);
}

static void on_send_done(struct loop_op *op, const struct loop_event *event)
{
    struct stream *stream = container_of(op, struct stream, send_op);
    enter(stream);
    if (stream->closing)
        ; /* cancelled, or too late to matter */
    else if (stream->send_error)
        finish_send(stream, stream->send_error);
    else if (stream->tls)
        on_cipher_sent(stream, event->result);
    else
        on_plain_sent(stream, event->result);
    leave(stream);
}

void stream_send(struct stream *stream, const struct iovec *parts, unsigned count)
{
    must(stream->state == STREAM_OPEN && !stream->closing);
    must(!stream->sending && !stream->ending && count > 0 && count <= STREAM_PARTS_MAX);
    stream->sending = true;

    if (!stream->tls) {
        memcpy(stream->parts, parts, count * sizeof *parts);
        stream->part_at = 0;
        stream->part_count = count;
        send_parts(stream);
        return;
    }

    int error = 0;
    for (unsigned i = 0; i < count && !error; i++)
        error = tls_write(stream->tls, parts[i].iov_base, parts[i].iov_len);
    if (error) {
        stream->send_error = error; /* on_sent must still come from a turn of the loop */
        if (!loop_op_busy(&stream->send_op))
            loop_poll(stream->loop, &stream->send_op, stream->fd, POLLOUT);
        return;
    }
    flush(stream);
    must(loop_op_busy(&stream->send_op)); /* the parts were not empty */
}

bool stream_is_sending(const struct stream *stream)
{
    return stream->sending;
}

/* ---- opening ---- */

static void open_now(struct stream *stream)
{
    stream->state = STREAM_OPEN;
    stream->events->on_open(stream, 0);
    update_reading(stream);
    continue_end(stream);
}

static void take_plain(struct stream *stream)
{
    while (!stream->closing && !stream->ended) {
        long size = tls_read(stream->tls, plain, PLAIN_MAX);
        if (size <= 0)
            return; /* if it failed, tls_state() says so */
        stream->events->on_data(stream, plain, (size_t)size);
    }
}

/* Moves the session on. The last flight of a handshake is sent by the flush at the end, or together
 * with what the owner sends from on_open. */
static void take_cipher(struct stream *stream, const char *cipher, size_t size)
{
    enum tls_state state = tls_feed(stream->tls, cipher, size);
    if (state == TLS_OPEN && stream->state == STREAM_HANDSHAKE)
        open_now(stream);
    if (stream->state == STREAM_OPEN)
        take_plain(stream);
    flush(stream);

    state = tls_state(stream->tls);
    if (state == TLS_ENDED)
        end_receiving(stream, 0, NULL);
    else if (state == TLS_FAILED)
        end_receiving(stream, -EPROTO, NULL);
}

static void start(struct stream *stream)
{
    stream->connected_ns = clock_monotonic_ns();
    if (!stream->tls) {
        open_now(stream);
        return;
    }
    stream->state = STREAM_HANDSHAKE;
    update_reading(stream);
    take_cipher(stream, NULL, 0);
}

static void on_connect_done(struct loop_op *op, const struct loop_event *event)
{
    struct stream *stream = container_of(op, struct stream, connect_op);
    enter(stream);
    if (event->result < 0)
        end_receiving(stream, event->result, NULL);
    else if (!stream->closing)
        start(stream);
    leave(stream);
}

static void on_recv_end(struct stream *stream, int result)
{
    if (result < 0)
        end_receiving(stream, result, NULL);
    else if (!stream->tls)
        end_receiving(stream, 0, NULL);
    else if (stream->state == STREAM_HANDSHAKE)
        end_receiving(stream, -ECONNRESET, "connection closed during the TLS handshake");
    else
        end_receiving(stream, -ECONNRESET, "connection closed without a TLS close_notify");
}

static void on_recv_done(struct loop_op *op, const struct loop_event *event)
{
    struct stream *stream = container_of(op, struct stream, recv_op);
    enter(stream);
    if (stream->closing || stream->ended)
        ; /* nobody is interested any more */
    else if (event->result == -ECANCELED)
        update_reading(stream); /* paused; but it may have been resumed since */
    else if (event->result <= 0)
        on_recv_end(stream, event->result);
    else if (stream->tls)
        take_cipher(stream, event->data, (size_t)event->result);
    else
        stream->events->on_data(stream, event->data, (size_t)event->result);
    leave(stream);
}

static void init(struct stream *stream, struct loop *loop, const struct stream_events *events,
                 int fd)
{
    *stream = (struct stream){
        .events = events,
        .loop = loop,
        .fd = fd,
        .connect_op.on_done = on_connect_done,
        .recv_op.on_done = on_recv_done,
        .send_op.on_done = on_send_done,
    };
}

int stream_connect(struct stream *stream, struct loop *loop, const struct stream_events *events,
                   const struct address *address)
{
    int fd = loop_socket(address);
    if (fd < 0)
        return fd;

    init(stream, loop, events, fd);
    stream->address = *address;
    loop_connect(loop, &stream->connect_op, fd, &stream->address);
    return 0;
}

int stream_use_tls_client(struct stream *stream, struct tls_context *context, struct slice host,
                          bool host_is_ip, bool verify)
{
    must(stream->state == STREAM_CONNECTING && !stream->tls);
    return tls_open_client(&stream->tls, context, host, host_is_ip, verify);
}

int stream_start_tls(struct stream *stream, struct tls_context *context, struct slice host,
                     bool host_is_ip, bool verify)
{
    must(stream->state == STREAM_OPEN && !stream->tls && !stream->closing && !stream->ended);
    must(!stream->sending && !loop_op_busy(&stream->send_op));
    int error = tls_open_client(&stream->tls, context, host, host_is_ip, verify);
    if (error)
        return error;
    enter(stream);
    start(stream);
    leave(stream);
    return 0;
}

int stream_accept(struct stream *stream, struct loop *loop, const struct stream_events *events,
                  int fd, struct tls_context *context)
{
    init(stream, loop, events, fd);
    stream->address = loop_peer(fd);
    if (context) {
        int error = tls_open_server(&stream->tls, context);
        if (error) {
            loop_close_socket(loop, fd);
            return error;
        }
    }

    enter(stream);
    start(stream);
    leave(stream);
    return 0;
}

/* ---- the owner's wishes ---- */

void stream_pause(struct stream *stream)
{
    stream->paused = true;
    update_reading(stream);
}

void stream_resume(struct stream *stream)
{
    stream->paused = false;
    update_reading(stream);
}

void stream_end(struct stream *stream)
{
    stream->ending = true;
    continue_end(stream);
}

void stream_close(struct stream *stream)
{
    must(!stream->closing);
    stream->closing = true;

    enter(stream);
    loop_cancel(stream->loop, &stream->connect_op);
    loop_cancel(stream->loop, &stream->recv_op);
    loop_cancel(stream->loop, &stream->send_op);
    leave(stream);
}

const char *stream_why(const struct stream *stream)
{
    if (stream->reason)
        return stream->reason;
    if (stream->error == -EPROTO && stream->tls)
        return tls_why(stream->tls);
    const char *text = strerrordesc_np(-stream->error);
    return text ? text : "unknown error";
}
