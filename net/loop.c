/* loop.c - one thread's io_uring. The only file that knows it; socket.c has the rest of loop.h.
 *
 * A completion names its operation by the address of its struct loop_op; zero belongs to cancels
 * and wakes, which nobody waits for. The bare address is safe because an operation's memory
 * stays until its last completion, and because a cancel cannot hit a later operation at the same
 * address: the ring takes entries in order, so the cancel is done before that one begins.
 *
 * An operation, as `kind` and `busy` have it:
 *
 *     idle --start--> in the kernel --last completion--> idle
 *                       |       ^
 *     ended by itself:  |       |  rearm(), at the end of the turn, or 10 ms later if accept
 *     out of buffers,   v       |  failed for want of memory or descriptors
 *     full queue     QUEUED ----+
 *                       |
 *                       +--CANCELLED meanwhile: rearm() reports -ECANCELED--> idle
 *
 * Receive buffers are shared by all of the loop's sockets: the kernel takes them from a ring as
 * data comes, and each goes back when the callback that got it returns. So all are free at the
 * end of a turn, which is when those that found none are armed again.
 *
 * Ownership: the loop owns its ring and buffers; operations and sockets are the callers'.
 * Threads: all of it runs on the thread that opened the loop (the kernel refuses any other),
 *   except that loop_wake() reads the descriptor of another thread's ring, which never changes.
 *
 * Invariants:
 *   1. A busy operation is in the kernel, or in the submission queue, or on exactly one of `again`
 *      and `later`.
 *   2. Between turns `again` is empty.
 */
#include "net/loop.h"

#include "base/clock.h"
#include "net/wheel.h"

#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
    COMPLETIONS_PER_ENTRY = 8,
    BATCH = 64, /* completions copied out of the ring at a time */
    BUFFER_GROUP = 0,
    BUFFERS_MAX = 32768, /* the kernel's limit */
    CACHE_LINE = 64,
};

#define NS_PER_MS       UINT64_C(1000000)
#define ACCEPT_PAUSE_NS (10 * NS_PER_MS)
#define GATHER_NS       (NS_PER_MS / 4)

enum op_kind {
    OP_ACCEPT = 1,
    OP_CONNECT,
    OP_RECV,
    OP_SEND,
    OP_POLL,
    OP_KIND = 0x0f,
    OP_QUEUED = 0x40,    /* on `again` or `later` */
    OP_CANCELLED = 0x80, /* its owner wants it to end */
};

/* A completion, copied out of the ring. */
struct completion {
    struct loop_op *op;
    int result;
    unsigned flags;
};

struct op_queue {
    struct loop_op *first, *last;
};

struct loop {
    struct io_uring ring;
    struct io_uring_buf_ring *free_buffers; /* shared with the kernel */
    char *buffers;
    size_t buffer_stride;
    unsigned buffer_count, buffer_bytes;
    struct msghdr *headers; /* one for each slot of the submission queue: lives as long as it */
    struct op_queue again;  /* to arm at the end of this turn */
    struct op_queue later;  /* to arm at later_ns */
    uint64_t later_ns;
    bool turning;
    uint64_t window_ns; /* when the count of completions below began */
    uint64_t window_completions;
    unsigned batch; /* completions to wait for; 1 unless busy */
    struct wheel *wheel;
    struct loop_counters counters;
};

/* ---- opening ---- */

static int open_ring(struct loop *loop, unsigned entries)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                 IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE,
        .cq_entries = entries * COMPLETIONS_PER_ENTRY,
    };
    int error = io_uring_queue_init_params(entries, &loop->ring, &params);
    if (error) {
        loop->ring.ring_fd = -1;
        return error;
    }

    /* Saves a look-up of the descriptor in each call; without it everything works the same. */
    (void)io_uring_register_ring_fd(&loop->ring);

    loop->headers = calloc(params.sq_entries, sizeof *loop->headers);
    return loop->headers ? 0 : -ENOMEM;
}

static size_t buffer_ring_bytes(const struct loop *loop)
{
    return loop->buffer_count * sizeof(struct io_uring_buf);
}

static void *map_pages(size_t bytes)
{
    void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static char *buffer_at(const struct loop *loop, unsigned index)
{
    return loop->buffers + index * loop->buffer_stride;
}

static void give_buffer(struct loop *loop, unsigned index)
{
    int mask = io_uring_buf_ring_mask(loop->buffer_count);
    io_uring_buf_ring_add(loop->free_buffers, buffer_at(loop, index), loop->buffer_bytes,
                          (unsigned short)index, mask, 0);
    io_uring_buf_ring_advance(loop->free_buffers, 1);
}

static int open_buffers(struct loop *loop)
{
    loop->free_buffers = map_pages(buffer_ring_bytes(loop));
    loop->buffers = map_pages(loop->buffer_count * loop->buffer_stride);
    if (!loop->free_buffers || !loop->buffers)
        return -ENOMEM;

    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)loop->free_buffers,
        .ring_entries = loop->buffer_count,
        .bgid = BUFFER_GROUP,
    };
    int error = io_uring_register_buf_ring(&loop->ring, &registration, 0);
    if (error)
        return error;

    io_uring_buf_ring_init(loop->free_buffers);
    for (unsigned index = 0; index < loop->buffer_count; index++)
        give_buffer(loop, index);
    return 0;
}

int loop_open(struct loop **out, const struct loop_options *options, char why[static LOOP_WHY_SIZE])
{
    must(options->entries > 0 && options->buffer_bytes > 0);
    must(options->buffers > 0 && options->buffers <= BUFFERS_MAX);
    must((options->buffers & (options->buffers - 1)) == 0);

    *out = NULL;
    int error = -ENOMEM;
    struct loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        goto fail;

    size_t stride = (size_t)options->buffer_bytes + LOOP_SLACK + CACHE_LINE - 1;
    loop->ring.ring_fd = -1;
    loop->buffer_count = options->buffers;
    loop->buffer_bytes = options->buffer_bytes;
    loop->buffer_stride = stride / CACHE_LINE * CACHE_LINE;

    error = open_ring(loop, options->entries);
    if (!error)
        error = open_buffers(loop);
    if (error)
        goto fail;

    *out = loop;
    return 0;

fail:
    loop_explain(error, why);
    loop_close(loop);
    return error;
}

void loop_close(struct loop *loop)
{
    if (!loop)
        return;
    must(!loop->turning);

    if (loop->ring.ring_fd >= 0)
        io_uring_queue_exit(&loop->ring);
    if (loop->free_buffers)
        munmap(loop->free_buffers, buffer_ring_bytes(loop));
    if (loop->buffers)
        munmap(loop->buffers, loop->buffer_count * loop->buffer_stride);
    free(loop->headers);
    free(loop);
}

/* ---- submitting ---- */

/* Results of entering the kernel that pass by themselves. Of the others, some are bugs (a loop used
 * on another thread) and -EBADR says that the kernel had no memory to keep a completion: an
 * operation that then never ends cannot be mended, so the process has to begin anew. */
static bool is_passing(int error)
{
    return error == -ETIME || error == -EINTR || error == -EAGAIN || error == -EBUSY;
}

void loop_submit(struct loop *loop)
{
    int result = io_uring_submit(&loop->ring);
    must(result >= 0 || is_passing(result));
}

static struct io_uring_sqe *take_entry(struct loop *loop)
{
    struct io_uring_sqe *entry;
    while (!(entry = io_uring_get_sqe(&loop->ring)))
        loop_submit(loop);
    return entry;
}

static void set_op(struct io_uring_sqe *entry, const struct loop_op *op)
{
    io_uring_sqe_set_data64(entry, (uint64_t)(uintptr_t)op);
}

/* Nobody waits for this entry: only its failure makes a completion, which is then ignored. */
static void set_unwatched(struct io_uring_sqe *entry)
{
    io_uring_sqe_set_data64(entry, 0);
    io_uring_sqe_set_flags(entry, IOSQE_CQE_SKIP_SUCCESS);
}

static void begin(struct loop_op *op, enum op_kind kind, int fd)
{
    must(!op->busy && op->on_done);
    op->kind = (uint8_t)kind;
    op->busy = true;
    op->fd = fd;
}

/* Arms an accept or a recv, at first or again. */
static void arm(struct loop *loop, struct loop_op *op)
{
    struct io_uring_sqe *entry = take_entry(loop);
    if ((op->kind & OP_KIND) == OP_ACCEPT) {
        io_uring_prep_multishot_accept(entry, op->fd, NULL, NULL, SOCK_CLOEXEC);
    } else {
        io_uring_prep_recv_multishot(entry, op->fd, NULL, 0, 0);
        io_uring_sqe_set_flags(entry, IOSQE_BUFFER_SELECT);
        entry->buf_group = BUFFER_GROUP;
    }
    set_op(entry, op);
}

void loop_accept(struct loop *loop, struct loop_op *op, int fd)
{
    begin(op, OP_ACCEPT, fd);
    arm(loop, op);
}

void loop_recv(struct loop *loop, struct loop_op *op, int fd)
{
    begin(op, OP_RECV, fd);
    arm(loop, op);
}

void loop_connect(struct loop *loop, struct loop_op *op, int fd, const struct address *address)
{
    begin(op, OP_CONNECT, fd);
    struct io_uring_sqe *entry = take_entry(loop);
    io_uring_prep_connect(entry, fd, &address->any, address_length(address));
    set_op(entry, op);
}

void loop_send(struct loop *loop, struct loop_op *op, int fd, const struct iovec *parts,
               unsigned count)
{
    must(count > 0);
    begin(op, OP_SEND, fd);
    struct io_uring_sqe *entry = take_entry(loop);
    if (count == 1) {
        io_uring_prep_send(entry, fd, parts->iov_base, parts->iov_len, MSG_WAITALL | MSG_NOSIGNAL);
    } else {
        /* The kernel copies the header when it takes the entry, and not before the slot can be
         * used again. */
        struct msghdr *header = &loop->headers[entry - loop->ring.sq.sqes];
        *header = (struct msghdr){.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
        io_uring_prep_sendmsg(entry, fd, header, MSG_WAITALL | MSG_NOSIGNAL);
    }
    set_op(entry, op);
}

void loop_poll(struct loop *loop, struct loop_op *op, int fd, short events)
{
    begin(op, OP_POLL, fd);
    struct io_uring_sqe *entry = take_entry(loop);
    io_uring_prep_poll_add(entry, fd, (unsigned short)events);
    set_op(entry, op);
}

void loop_cancel(struct loop *loop, struct loop_op *op)
{
    if (!op->busy || op->kind & OP_CANCELLED)
        return;

    op->kind |= OP_CANCELLED;
    if (op->kind & OP_QUEUED) {
        loop->later_ns = 0; /* the next turn reports it */
        return;
    }
    struct io_uring_sqe *entry = take_entry(loop);
    io_uring_prep_cancel64(entry, (uint64_t)(uintptr_t)op, 0);
    set_unwatched(entry);
}

void loop_wake(struct loop *from, struct loop *to)
{
    struct io_uring_sqe *entry = take_entry(from);
    io_uring_prep_msg_ring(entry, to->ring.ring_fd, 0, 0, 0);
    set_unwatched(entry);
}

/* ---- completing ---- */

/* With `more` false this is the operation's end: it may be used again, or be gone, afterwards. */
static void deliver(struct loop_op *op, int result, bool more, char *data)
{
    struct loop_event event = {.result = result, .more = more, .data = data};
    op->busy = more;
    op->on_done(op, &event);
}

static void queue_op(struct op_queue *queue, struct loop_op *op)
{
    op->kind |= OP_QUEUED;
    op->next = NULL;
    if (queue->first)
        queue->last->next = op;
    else
        queue->first = op;
    queue->last = op;
}

static struct loop_op *unqueue_op(struct op_queue *queue)
{
    struct loop_op *op = queue->first;
    if (!op)
        return NULL;
    queue->first = op->next;
    op->kind &= (uint8_t)~OP_QUEUED;
    return op;
}

static void complete_recv(struct loop *loop, struct loop_op *op, const struct completion *done)
{
    bool armed = done->flags & IORING_CQE_F_MORE;
    bool has_buffer = done->flags & IORING_CQE_F_BUFFER;
    unsigned buffer = done->flags >> IORING_CQE_BUFFER_SHIFT;

    if (done->result > 0) {
        must(has_buffer && buffer < loop->buffer_count);
        if (!armed)
            queue_op(&loop->again, op);
        deliver(op, done->result, true, buffer_at(loop, buffer));
    } else if (done->result == -ENOBUFS) {
        loop->counters.buffer_shortages++;
        queue_op(&loop->again, op);
    } else {
        must(!armed);
        deliver(op, done->result, false, NULL);
    }
    if (has_buffer)
        give_buffer(loop, buffer);
}

/* Under load some kernels (6.6 to 6.8) gave multishot accepts descriptors that were none. Such a
 * number may since belong to another, so it is left alone. */
static bool is_socket(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0)
        return true;
    return errno != EBADF && errno != ENOTSOCK;
}

static void fail_accept(struct loop *loop, struct loop_op *op, int error)
{
    switch (error) {
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
    case -ENOBUFS:
        loop->counters.accept_failures++;
        if (!loop->later.first)
            loop->later_ns = clock_monotonic_ns() + ACCEPT_PAUSE_NS;
        queue_op(&loop->later, op);
        break;
    case -ECONNABORTED:
    case -EPROTO:
    case -EPERM:
    case -EINTR:
    case -EAGAIN:
        loop->counters.accept_failures++;
        queue_op(&loop->again, op); /* that one connection failed; the next may not */
        break;
    default:
        deliver(op, error, false, NULL);
    }
}

static void complete_accept(struct loop *loop, struct loop_op *op, const struct completion *done)
{
    bool armed = done->flags & IORING_CQE_F_MORE;
    if (done->result < 0) {
        must(!armed);
        fail_accept(loop, op, done->result);
        return;
    }
    if (!armed)
        queue_op(&loop->again, op);
    if (is_socket(done->result))
        deliver(op, done->result, true, NULL);
    else
        loop->counters.accept_failures++;
}

static void complete(struct loop *loop, const struct completion *done)
{
    struct loop_op *op = done->op;
    if (!op)
        return; /* a wake, or a cancel that came too late */

    must(op->busy);
    loop->counters.completions++;
    switch (op->kind & OP_KIND) {
    case OP_RECV:
        complete_recv(loop, op, done);
        break;
    case OP_ACCEPT:
        complete_accept(loop, op, done);
        break;
    default:
        deliver(op, done->result, false, NULL);
    }
}

/* Copies up to BATCH completions out of the ring, so that callbacks may submit while the rest wait.
 */
static unsigned take_batch(struct loop *loop, struct completion batch[static BATCH], unsigned max)
{
    unsigned count = 0, head;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&loop->ring, head, cqe)
    {
        if (count == max)
            break;
        batch[count++] = (struct completion){
            .op = (struct loop_op *)(uintptr_t)cqe->user_data,
            .result = cqe->res,
            .flags = cqe->flags,
        };
    }
    io_uring_cq_advance(&loop->ring, count);
    return count;
}

/* Only what is there at the beginning: what callbacks add is the next turn's, so timers get theirs.
 */
static void complete_all(struct loop *loop)
{
    struct completion batch[BATCH];
    unsigned left = io_uring_cq_ready(&loop->ring);
    loop->window_completions += left;
    if (io_uring_cq_has_overflow(&loop->ring))
        loop->counters.overflows++;

    while (left > 0) {
        unsigned count = take_batch(loop, batch, left < BATCH ? left : BATCH);
        for (unsigned i = 0; i < count; i++)
            complete(loop, &batch[i]);
        left -= count;
    }
}

static void rearm(struct loop *loop, struct op_queue *queue)
{
    struct loop_op *op;
    while ((op = unqueue_op(queue))) {
        if (op->kind & OP_CANCELLED)
            deliver(op, -ECANCELED, false, NULL);
        else
            arm(loop, op);
    }
}

/* ---- turning ---- */

/* How many completions to wait for: as many as came in GATHER_NS of late, so that a busy thread
 * wakes once for a handful of them and not for each. When the load ends, GATHER_NS ends the wait.
 */
static unsigned batch_to_wait_for(struct loop *loop, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - loop->window_ns;
    if (elapsed_ns >= NS_PER_MS) {
        uint64_t batch = loop->window_completions * GATHER_NS / elapsed_ns;
        loop->batch = batch < 1 ? 1 : batch > BATCH ? BATCH : (unsigned)batch;
        loop->window_ns = now_ns;
        loop->window_completions = 0;
    }
    return loop->batch;
}

static void submit_and_wait(struct loop *loop, uint64_t until_ns)
{
    struct io_uring_cqe *first;
    uint64_t now_ns = clock_monotonic_ns();
    unsigned batch = batch_to_wait_for(loop, now_ns);
    int result;

    if (batch > 1 && until_ns > now_ns + GATHER_NS)
        until_ns = now_ns + GATHER_NS;
    if (until_ns == UINT64_MAX) {
        result = io_uring_submit_and_wait(&loop->ring, 1);
    } else if (until_ns <= now_ns) {
        result = io_uring_submit_and_get_events(&loop->ring);
    } else {
        uint64_t delay_ns = until_ns - now_ns;
        struct __kernel_timespec delay = {
            .tv_sec = (long long)(delay_ns / 1000000000),
            .tv_nsec = (long long)(delay_ns % 1000000000),
        };
        result = io_uring_submit_and_wait_timeout(&loop->ring, &first, batch, &delay, NULL);
    }
    must(result >= 0 || is_passing(result));
}

void loop_set_wheel(struct loop *loop, struct wheel *wheel)
{
    loop->wheel = wheel;
}

void loop_turn(struct loop *loop, uint64_t until_ns)
{
    must(!loop->turning);
    loop->turning = true;
    loop->counters.turns++;

    if (loop->later.first && loop->later_ns < until_ns)
        until_ns = loop->later_ns;
    if (loop->wheel && wheel_next_ms(loop->wheel) < until_ns / NS_PER_MS)
        until_ns = wheel_next_ms(loop->wheel) * NS_PER_MS;
    submit_and_wait(loop, until_ns);
    if (loop->wheel)
        wheel_advance(loop->wheel, clock_monotonic_ns() / NS_PER_MS);
    complete_all(loop);
    rearm(loop, &loop->again);
    if (loop->later.first && clock_monotonic_ns() >= loop->later_ns)
        rearm(loop, &loop->later);

    loop->turning = false;
}

struct loop_counters loop_counters(const struct loop *loop)
{
    return loop->counters;
}
