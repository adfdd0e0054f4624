/* stream.h - a TCP connection, in the clear or under TLS, with its whole life from connect or
 * accept to the moment its memory may be used again.
 *
 * Life: stream_connect() or stream_accept() -> on_open -> on_data, on_sent, ... -> stream_close()
 * -> on_closed. An accepted stream in the clear is open at once; on_open is called (from
 * stream_accept) all the same. The owner always calls stream_close() itself, also after on_end or a
 * failed on_open; on_closed comes once, when no operation is busy any more, maybe before
 * stream_close() returns. Between stream_close() and on_closed no other callback comes.
 *
 * Ownership: a struct stream is embedded in its owner. With TLS it holds a session (allocated); in
 * the clear nothing.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "net/loop.h"
#include "net/tls.h"

enum { STREAM_PARTS_MAX = 8 };

struct stream;

struct stream_events {
    /* 0: bytes can be exchanged. Else -errno: -ECONNREFUSED, ... or -EPROTO when TLS failed (see
     * stream_why()). */
    void (*on_open)(struct stream *stream, int result);

    /* Received plaintext, LOOP_SLACK readable bytes behind it; valid during the call only. */
    void (*on_data)(struct stream *stream, char *at, size_t size);

    /* The last stream_send() is with the kernel: 0, or -errno. Its memory may be used again. */
    void (*on_sent)(struct stream *stream, int result);

    /* No more data will come: 0 an orderly end (under TLS: close_notify was seen), else -errno
     * (-ECONNRESET, -EPROTO). */
    void (*on_end)(struct stream *stream, int result);

    void (*on_closed)(struct stream *stream);
};

struct stream {
    const struct stream_events *events;
    struct loop *loop;
    struct tls *tls; /* NULL: in the clear */
    int fd;
    struct loop_op connect_op, recv_op, send_op;
    struct address address; /* the peer's */
    uint64_t connected_ns;  /* monotonic, when bytes could be exchanged in the clear; 0: not yet */

    /* private */
    struct iovec parts[STREAM_PARTS_MAX];
    unsigned part_at, part_count; /* of `parts`, those still to be sent */
    int error, send_error;
    const char *reason;
    uint8_t state, calls;
    bool paused, ended, sending, closing, ending, notified, end_sent;
};

/* 0, or -errno (no socket to be had: on_open is not called and the stream is closed). The stream's
 * memory may be anything before. For TLS call stream_use_tls_client() next. */
MUST_CHECK int stream_connect(struct stream *stream, struct loop *loop,
                              const struct stream_events *events, const struct address *address);

/* Call after stream_connect() and before on_open: the connection is to speak TLS. */
MUST_CHECK int stream_use_tls_client(struct stream *stream, struct tls_context *context,
                                     struct slice host, bool host_is_ip, bool verify);

/* Call when a stream in the clear is open and nothing of it is being sent: from now on it is to
 * speak TLS. on_open is called once more. 0, or -ENOMEM. */
MUST_CHECK int stream_start_tls(struct stream *stream, struct tls_context *context,
                                struct slice host, bool host_is_ip, bool verify);

/* Takes over the accepted socket `fd`; `context` may be NULL. 0, or -ENOMEM (and `fd` is closed).
 */
MUST_CHECK int stream_accept(struct stream *stream, struct loop *loop,
                             const struct stream_events *events, int fd,
                             struct tls_context *context);

/* Sends all of the parts, at most STREAM_PARTS_MAX. The bytes (not the array) must stay until
 * on_sent. One at a time: must not be called again before on_sent. */
void stream_send(struct stream *stream, const struct iovec *parts, unsigned count);
bool stream_is_sending(const struct stream *stream);

/* Stops and restarts on_data; bytes wait in the kernel, so the peer is held back. A few calls of
 * on_data may still come after stream_pause(). */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);

/* Half-close: close_notify and FIN after what is being sent; on_data may still come. */
void stream_end(struct stream *stream);

/* Drops the connection. on_closed follows. */
void stream_close(struct stream *stream);

/* Why on_open or on_end reported -EPROTO, else a plain errno text. */
const char *stream_why(const struct stream *stream);

#endif
