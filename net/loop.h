/* loop.h - one thread's io_uring, and the only door to sockets.
 *
 * An operation is a struct loop_op embedded in what waits for it; when something happens the loop
 * calls its on_done. Operations that give more than one result (accept, recv) say with `more`
 * whether they are still armed. Every operation ends with exactly one result without `more`, also
 * when cancelled; until then its memory must stay. Callbacks run only inside loop_turn(), never
 * inside the call that started the operation.
 *
 * The simulator replaces loop.c, so nothing else in the program makes a socket call.
 *
 * Threads: a loop belongs to the thread that opened it. Only loop_wake() concerns another
 * thread's loop.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/must.h"
#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct loop;

enum {
    LOOP_WHY_SIZE = 256,
    LOOP_SLACK = 64, /* readable bytes behind received data, as the JSON parser needs */
};

struct loop_event {
    int result; /* >= 0: as the system call gives; else -errno */
    bool more;  /* the operation is still armed */
    char *data; /* recv: `result` bytes and LOOP_SLACK behind them, valid (and writable) during the
                   callback only */
};

struct loop_op {
    void (*on_done)(struct loop_op *op, const struct loop_event *event);
    uint8_t kind;         /* private */
    bool busy;            /* private: ask loop_op_busy() */
    int fd;               /* private */
    struct loop_op *next; /* private */
};

struct loop_options {
    unsigned entries;      /* submission queue; the completion queue has 8 times as many */
    unsigned buffers;      /* receive buffers, a power of two */
    unsigned buffer_bytes; /* of each, LOOP_SLACK not counted */
};

/* 0, or -errno with a `why` for the person who started the program: it names io_uring, and if it is
 * missing or blocked says what to do (sysctl kernel.io_uring_disabled, a container's seccomp
 * profile, RLIMIT_MEMLOCK). Must be called on the thread that will use the loop. */
MUST_CHECK int loop_open(struct loop **loop, const struct loop_options *options,
                         char why[static LOOP_WHY_SIZE]);
void loop_close(struct loop *loop);

/* What to do about an error (-errno) of setting up io_uring: the `why` of loop_open(). */
void loop_explain(int error, char why[static LOOP_WHY_SIZE]);

/* Submits what was started, waits until something completes or the monotonic clock reaches
 * `until_ns` (0: do not wait; UINT64_MAX: no limit), and calls back for everything that has
 * completed. */
void loop_turn(struct loop *loop, uint64_t until_ns);

/* Makes a turn of `to`, which waits on another thread, return soon. Costs no system call of its
 * own: it goes with the next submission of `from`. Both must be open. */
void loop_wake(struct loop *from, struct loop *to);

/* Ties the thread's wheel to its turns: a turn then ends its wait when a timer is due, and moves
 * the wheel to the time after the wait before anything is called back, so that callbacks find the
 * present in wheel->now_ms. `wheel` stays the caller's. */
struct wheel;
void loop_set_wheel(struct loop *loop, struct wheel *wheel);

/* Submits now what was started, without waiting. */
void loop_submit(struct loop *loop);

static inline bool loop_op_busy(const struct loop_op *op)
{
    return op->busy;
}

/* ---- operations: `op` must not be busy, and op->on_done must be set ---- */

/* Multishot. Each result is a new socket (non-blocking not needed, close-on-exec, TCP_NODELAY set).
 */
void loop_accept(struct loop *loop, struct loop_op *op, int fd);

/* `address` must stay until the result. */
void loop_connect(struct loop *loop, struct loop_op *op, int fd, const struct address *address);

/* Multishot. Results: > 0 bytes in `data`; 0 the peer has ended (not `more`); < 0 an error (not
 * `more`). Running out of buffers is the loop's own affair and is not reported. */
void loop_recv(struct loop *loop, struct loop_op *op, int fd);

/* Sends all of the parts (MSG_WAITALL|MSG_NOSIGNAL); the result is the count of bytes, which after
 * an error in the middle may be short. The array and the bytes must stay until the result. At most
 * one send is busy on a socket. */
void loop_send(struct loop *loop, struct loop_op *op, int fd, const struct iovec *parts,
               unsigned count);

/* Once: the result is the poll mask that came true. */
void loop_poll(struct loop *loop, struct loop_op *op, int fd, short events);

/* Asks `op` to end; it does so with -ECANCELED, or with a result that came first. Not busy: nothing
 * happens. */
void loop_cancel(struct loop *loop, struct loop_op *op);

/* ---- sockets ---- */

/* A listening socket (SO_REUSEADDR; SO_REUSEPORT if `shared`), or -errno. `bound` gets the address
 * with the port that was given. */
MUST_CHECK int loop_listen(const struct address *address, bool shared, struct address *bound);

/* A TCP socket for connecting, TCP_NODELAY set, or -errno. */
MUST_CHECK int loop_socket(const struct address *to);

/* No operation may be busy on `fd`. */
void loop_close_socket(struct loop *loop, int fd);

/* Sends FIN; what the peer sends can still be received. */
void loop_end_sending(struct loop *loop, int fd);

/* The peer's address; a zero address (family 0) if unknown. */
struct address loop_peer(int fd);

/* For metrics: how often the completion queue overflowed, receive buffers ran out, an accept failed
 * (and was tried again), and the kernel was entered. */
struct loop_counters {
    uint64_t overflows, buffer_shortages, accept_failures, turns, completions;
};
struct loop_counters loop_counters(const struct loop *loop);

#endif
