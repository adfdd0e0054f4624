/* loop.c - the virtual loop: stands in for net/loop.c and net/socket.c.
 *
 * A loop has a queue of what its next turn will call back. A thread that waits in loop_turn() is a
 * fiber that waits; a completion or a wake ends its wait. As with the ring, a wake goes with the
 * next submission of its sender, and not before.
 */
#include "net/loop.h"

#include "net/wheel.h"
#include "network.h"
#include "world.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { FD_FIRST = 10000, LISTENERS_MAX = 64, WAKES_MAX = 64, BACKLOG_MAX = 1024 };

enum op_kind {
    OP_ACCEPT = 1,
    OP_CONNECT,
    OP_RECV,
    OP_SEND,
    OP_POLL,
    OP_KIND = 0x0f,
    OP_OVER = 0x40
};

/* What a turn is to do: a look at a wire, or an operation's end. */
struct completion {
    struct wire *wire;
    struct loop_op *op;
    int result;
    bool more;
};

struct loop {
    struct fiber *fiber;
    struct completion *queue;
    size_t count, room;
    struct loop *wakes[WAKES_MAX];
    unsigned wake_count;
    bool is_woken, turning, waiting;
    struct wheel *wheel;
    char *buffer;
    unsigned buffer_bytes;
    struct loop_counters counters;
};

struct listener {
    int fd;
    struct address address;
    struct loop *loop;
    struct loop_op *op; /* NULL: does not accept yet */
    struct wire *backlog[BACKLOG_MAX];
    unsigned backlog_count;
};

static struct {
    struct wire **wires; /* by descriptor */
    int count, room;
    struct listener listeners[LISTENERS_MAX];
    unsigned listener_count;
    struct loop *poll_loop;
    struct loop_op *poll_op;
    bool is_raised;
} sockets;

/* ---- opening ---- */

int loop_open(struct loop **out, const struct loop_options *options, char why[static LOOP_WHY_SIZE])
{
    why[0] = '\0';
    struct loop *loop = calloc(1, sizeof *loop);
    must(loop);
    loop->fiber = fiber_current();
    loop->buffer_bytes = options->buffer_bytes;
    loop->buffer = malloc(options->buffer_bytes + LOOP_SLACK);
    must(loop->buffer && loop->fiber);
    *out = loop;
    return 0;
}

void loop_close(struct loop *loop)
{
    if (!loop)
        return;
    must(!loop->turning);
    free(loop->queue);
    free(loop->buffer);
    free(loop);
}

void loop_explain(int error, char why[static LOOP_WHY_SIZE])
{
    snprintf(why, LOOP_WHY_SIZE, "error %d", -error);
}

void loop_set_wheel(struct loop *loop, struct wheel *wheel)
{
    loop->wheel = wheel;
}

struct loop_counters loop_counters(const struct loop *loop)
{
    return loop->counters;
}

/* ---- what a turn will do ---- */

static void push(struct loop *loop, struct completion completion)
{
    if (loop->count == loop->room) {
        loop->room = loop->room ? 2 * loop->room : 64;
        loop->queue = realloc(loop->queue, loop->room * sizeof *loop->queue);
        must(loop->queue);
    }
    loop->queue[loop->count++] = completion;
    if (loop->waiting)
        fiber_wake(loop->fiber);
}

void loop_end_op(struct loop *loop, struct loop_op *op, int result)
{
    must(op->busy && !(op->kind & OP_OVER));
    op->kind |= OP_OVER;
    push(loop, (struct completion){.op = op, .result = result});
}

void loop_note(struct wire *wire)
{
    bool has_news = wire->inbound.size > 0 || wire->is_ended || wire->is_reset;
    if (!wire->receiving || wire->is_noted || !has_news)
        return;
    wire->is_noted = true;
    push(wire->loop, (struct completion){.wire = wire});
}

static void call_back(struct loop *loop, struct loop_op *op, int result, bool more, char *data)
{
    const struct loop_event event = {.result = result, .more = more, .data = data};
    loop->counters.completions++;
    op->busy = more;
    op->on_done(op, &event);
}

static void give_bytes(struct loop *loop, struct wire *wire)
{
    struct loop_op *op = wire->receiving;
    size_t size = wire->inbound.size < loop->buffer_bytes ? wire->inbound.size : loop->buffer_bytes;
    if (size > 1 && world_one_in(4))
        size = (size_t)world_between(1, size);
    memcpy(loop->buffer, wire->inbound.at, size);
    memset(loop->buffer + size, 0, LOOP_SLACK);
    wire->inbound.size -= size;
    memmove(wire->inbound.at, wire->inbound.at + size, wire->inbound.size);
    wire->consumed += size;
    loop_note(wire); /* for the rest */
    if (wire->events->on_consumed)
        wire->events->on_consumed(wire);
    call_back(loop, op, (int)size, true, loop->buffer);
}

static void look_at(struct loop *loop, struct wire *wire)
{
    struct loop_op *op = wire->receiving;
    wire->is_noted = false;
    if (!op)
        return;
    if (wire->inbound.size > 0) {
        give_bytes(loop, wire);
        return;
    }
    wire->receiving = NULL;
    if (wire->events->on_saw_end)
        wire->events->on_saw_end(wire);
    call_back(loop, op, wire->is_reset ? -ECONNRESET : 0, false, NULL);
}

static void complete_all(struct loop *loop)
{
    size_t count = loop->count;
    for (size_t i = 0; i < count; i++) {
        struct completion completion = loop->queue[i];
        if (completion.wire)
            look_at(loop, completion.wire);
        else
            call_back(loop, completion.op, completion.result, completion.more, NULL);
    }
    loop->count -= count;
    if (loop->count > 0)
        memmove(loop->queue, loop->queue + count, loop->count * sizeof *loop->queue);
}

/* ---- turning ---- */

void loop_submit(struct loop *loop)
{
    for (unsigned i = 0; i < loop->wake_count; i++) {
        struct loop *to = loop->wakes[i];
        to->is_woken = true;
        if (to->waiting)
            fiber_wake(to->fiber);
    }
    loop->wake_count = 0;
}

void loop_wake(struct loop *from, struct loop *to)
{
    if (from->wake_count == WAKES_MAX)
        loop_submit(from);
    from->wakes[from->wake_count++] = to;
}

void loop_turn(struct loop *loop, uint64_t until_ns)
{
    must(!loop->turning && loop->fiber == fiber_current());
    loop->turning = true;
    loop->counters.turns++;
    loop_submit(loop);
    if (loop->wheel && wheel_next_ms(loop->wheel) < until_ns / WORLD_MS)
        until_ns = wheel_next_ms(loop->wheel) * WORLD_MS;
    loop->waiting = true;
    fiber_wait(loop->count > 0 || loop->is_woken ? 0 : until_ns);
    loop->waiting = loop->is_woken = false;
    if (loop->wheel)
        wheel_advance(loop->wheel, world_now_ns() / WORLD_MS);
    complete_all(loop);
    loop->turning = false;
}

/* ---- descriptors ---- */

static struct wire *wire_of(int fd)
{
    int at = fd - FD_FIRST - LISTENERS_MAX;
    must(at >= 0 && at < sockets.count && sockets.wires[at]);
    return sockets.wires[at];
}

static struct listener *listener_of(int fd)
{
    int at = fd - FD_FIRST;
    return at >= 0 && at < LISTENERS_MAX ? &sockets.listeners[at] : NULL;
}

static int put_wire(struct wire *wire)
{
    if (sockets.count == sockets.room) {
        sockets.room = sockets.room ? 2 * sockets.room : 256;
        sockets.wires = realloc(sockets.wires, (size_t)sockets.room * sizeof(struct wire *));
        must(sockets.wires);
    }
    sockets.wires[sockets.count] = wire;
    wire->fd = FD_FIRST + LISTENERS_MAX + sockets.count++;
    return wire->fd;
}

int loop_listen(const struct address *address, bool shared, struct address *bound)
{
    (void)shared;
    must(sockets.listener_count < LISTENERS_MAX);
    int at = (int)sockets.listener_count++;
    sockets.listeners[at] = (struct listener){.fd = FD_FIRST + at, .address = *address};
    *bound = *address;
    return FD_FIRST + at;
}

int loop_socket(const struct address *to)
{
    struct wire *wire = wire_make();
    wire->address = *to;
    return put_wire(wire);
}

struct address loop_peer(int fd)
{
    (void)fd;
    struct address peer;
    must(address_parse(SLICE("10.8.0.1:4711"), &peer) == 0);
    return peer;
}

void loop_end_sending(struct loop *loop, int fd)
{
    (void)loop;
    wire_tell_end(wire_of(fd));
}

static void close_listener(struct listener *listener)
{
    must(!listener->op);
    listener->fd = -1;
    for (unsigned i = 0; i < listener->backlog_count; i++) {
        struct wire *wire = listener->backlog[i];
        wire->engine_closed = true;
        wire_tell_end(wire);
    }
}

void loop_close_socket(struct loop *loop, int fd)
{
    (void)loop;
    struct listener *listener = listener_of(fd);
    if (listener) {
        close_listener(listener);
        return;
    }
    struct wire *wire = wire_of(fd);
    must(!wire->connecting && !wire->receiving && !wire->sending && !wire->engine_closed);
    wire->engine_closed = true;
    wire_cut(wire);
    wire_tell_end(wire);
}

/* ---- operations ---- */

static void begin(struct loop_op *op, enum op_kind kind, int fd)
{
    must(!op->busy && op->on_done);
    op->kind = (uint8_t)kind;
    op->busy = true;
    op->fd = fd;
}

/* Gives the listener's operation what has come. */
static void accept_all(struct listener *listener)
{
    for (unsigned i = 0; i < listener->backlog_count; i++) {
        struct wire *wire = listener->backlog[i];
        wire->loop = listener->loop;
        push(listener->loop,
             (struct completion){.op = listener->op, .result = put_wire(wire), .more = true});
    }
    listener->backlog_count = 0;
}

void loop_accept(struct loop *loop, struct loop_op *op, int fd)
{
    struct listener *listener = listener_of(fd);
    must(listener && !listener->op);
    begin(op, OP_ACCEPT, fd);
    listener->loop = loop;
    listener->op = op;
    accept_all(listener);
}

bool loop_offer(struct wire *wire, const struct address *to)
{
    struct listener *there[LISTENERS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < sockets.listener_count; i++)
        if (sockets.listeners[i].fd >= 0 && address_equal(&sockets.listeners[i].address, to))
            there[count++] = &sockets.listeners[i];
    if (count == 0)
        return false;
    struct listener *chosen = there[world_below(count)];
    must(chosen->backlog_count < BACKLOG_MAX);
    chosen->backlog[chosen->backlog_count++] = wire;
    if (chosen->op)
        accept_all(chosen);
    return true;
}

void loop_connect(struct loop *loop, struct loop_op *op, int fd, const struct address *address)
{
    struct wire *wire = wire_of(fd);
    begin(op, OP_CONNECT, fd);
    wire->loop = loop;
    wire->connecting = op;
    wire->address = *address;
    wire_reach(wire);
}

void loop_recv(struct loop *loop, struct loop_op *op, int fd)
{
    struct wire *wire = wire_of(fd);
    must(!wire->receiving && !wire->engine_closed);
    begin(op, OP_RECV, fd);
    wire->loop = loop;
    wire->receiving = op;
    loop_note(wire);
}

void loop_send(struct loop *loop, struct loop_op *op, int fd, const struct iovec *parts,
               unsigned count)
{
    struct wire *wire = wire_of(fd);
    must(!wire->sending && !wire->engine_closed && !wire->end_told && count > 0);
    begin(op, OP_SEND, fd);
    wire->loop = loop;
    wire->sending = op;
    wire->parts = parts;
    wire->part_count = count;
    wire->sent = wire->send_size = 0;
    for (unsigned i = 0; i < count; i++)
        wire->send_size += parts[i].iov_len;
    must(wire->send_size > 0);
    if (!wire->is_short)
        wire->send_began_ns = world_now_ns();
    wire_push(wire);
}

static void end_poll(void)
{
    struct loop_op *op = sockets.poll_op;
    if (!op || !sockets.is_raised)
        return;
    sockets.poll_op = NULL;
    sockets.is_raised = false;
    loop_end_op(sockets.poll_loop, op, POLLIN);
}

void loop_poll(struct loop *loop, struct loop_op *op, int fd, short events)
{
    must(!sockets.poll_op && events == POLLIN); /* control's signalfd is the only one */
    begin(op, OP_POLL, fd);
    sockets.poll_loop = loop;
    sockets.poll_op = op;
    end_poll();
}

void loop_raise(int signal)
{
    must(raise(signal) == 0); /* blocked, so that the signalfd has it */
    sockets.is_raised = true;
    end_poll();
}

/* Takes the operation away from what it waits for. */
static void forget(struct loop_op *op)
{
    struct listener *listener = listener_of(op->fd);
    if ((op->kind & OP_KIND) == OP_POLL) {
        sockets.poll_op = NULL;
    } else if (listener) {
        listener->op = NULL;
    } else {
        struct wire *wire = wire_of(op->fd);
        if (wire->connecting == op)
            wire->connecting = NULL;
        if (wire->sending == op) {
            wire->sending = NULL;
            network_note_missed_by(wire); /* there may be no time to send it anew */
        }
        if (wire->receiving == op)
            wire->receiving = NULL;
    }
}

void loop_cancel(struct loop *loop, struct loop_op *op)
{
    if (!op->busy || op->kind & OP_OVER)
        return;
    forget(op);
    if ((op->kind & OP_KIND) == OP_RECV)
        wire_cut(wire_of(op->fd));
    loop_end_op(loop, op, -ECANCELED);
}

void loop_crash(void)
{
    sockets.count = 0;
    sockets.listener_count = 0;
    sockets.poll_op = NULL;
    sockets.is_raised = false;
}
