/* The loop against real sockets on the loopback interface. Every test ends by seeing that each
 * operation it started had exactly one result without `more`. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/list.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BUFFERS = 8, BUFFER_BYTES = 256, FLOOD_BYTES = 1 << 20 };

/* An operation and all that happened to it. */
struct probe {
    struct loop_op op;
    unsigned results, ends;
    int last, error; /* error: of the end */
    size_t bytes;
    uint64_t sum; /* of the bytes received, each times its place */
    int accepted[16];
    unsigned accepted_count;
};

static struct loop *loop;
static int listener, near, far; /* near and far: the two ends of a connection */
static struct address bound;

static void see(struct loop_op *op, const struct loop_event *event)
{
    struct probe *probe = container_of(op, struct probe, op);
    cr_assert(eq(u32, probe->ends, 0), "a result after the end");
    probe->results++;
    probe->last = event->result;
    if (event->data)
        for (int i = 0; i < event->result; i++)
            probe->sum += (uint8_t)event->data[i] * (uint64_t)(1 + probe->bytes++ % 251);
    if (!event->more) {
        probe->ends++;
        probe->error = event->result;
        cr_assert(not(loop_op_busy(op)));
    }
}

static void see_accept(struct loop_op *op, const struct loop_event *event)
{
    struct probe *probe = container_of(op, struct probe, op);
    if (event->result >= 0)
        probe->accepted[probe->accepted_count++] = event->result;
    see(op, event);
}

static void probe_init(struct probe *probe)
{
    *probe = (struct probe){.op.on_done = see};
}

static struct loop *open_loop(void)
{
    char why[LOOP_WHY_SIZE] = "";
    struct loop *opened;
    struct loop_options options = {.entries = 8, .buffers = BUFFERS, .buffer_bytes = BUFFER_BYTES};
    cr_assert(eq(int, loop_open(&opened, &options, why), 0), "%s", why);
    return opened;
}

static struct iovec text_part(const char *text)
{
    return (struct iovec){(void *)(uintptr_t)text, strlen(text)};
}

static void turn(void)
{
    loop_turn(loop, UINT64_MAX);
}

static void turn_until_ended(struct probe *probe)
{
    while (!probe->ends)
        turn();
}

static void listen_here(void)
{
    struct address address;
    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &address), 0));
    listener = loop_listen(&address, false, &bound);
    cr_assert(listener >= 0);
    cr_assert(address_port(&bound) != 0);
}

static void open_all(void)
{
    loop = open_loop();
    listen_here();
    near = far = -1;
}

static void open_pair(void)
{
    open_all();
    near = loop_socket(&bound);
    cr_assert(near >= 0);
    cr_assert(eq(int, connect(near, &bound.any, address_length(&bound)), 0));
    far = accept(listener, NULL, NULL);
    cr_assert(far >= 0);
}

static void close_all(void)
{
    int fds[] = {listener, near, far};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            loop_close_socket(loop, fds[i]);
    loop_close(loop);
}

TestSuite(loop, .init = open_pair, .fini = close_all);
TestSuite(loop_sockets, .init = open_all, .fini = close_all);

Test(loop_sockets, accepts_and_connects)
{
    struct probe accepts, connects;
    probe_init(&accepts);
    probe_init(&connects);
    accepts.op.on_done = see_accept;
    near = loop_socket(&bound);
    loop_accept(loop, &accepts.op, listener);
    loop_connect(loop, &connects.op, near, &bound);

    while (!connects.ends || accepts.accepted_count == 0)
        turn();
    cr_assert(eq(int, connects.error, 0));
    far = accepts.accepted[0];
    cr_assert(fcntl(far, F_GETFD) & FD_CLOEXEC);
    struct address peer = loop_peer(far);
    cr_assert(address_port(&peer) != 0);

    loop_cancel(loop, &accepts.op);
    turn_until_ended(&accepts);
    cr_assert(eq(int, accepts.error, -ECANCELED));
}

Test(loop_sockets, says_that_a_connection_is_refused)
{
    struct probe connects;
    probe_init(&connects);
    loop_close_socket(loop, listener);
    listener = -1;
    near = loop_socket(&bound);
    loop_connect(loop, &connects.op, near, &bound);
    turn_until_ended(&connects);
    cr_assert(eq(int, connects.error, -ECONNREFUSED));
}

Test(loop_sockets, does_not_listen_twice_on_one_port_unless_it_is_shared)
{
    struct address again, ignored;
    cr_assert(eq(int, loop_listen(&bound, false, &ignored), -EADDRINUSE));

    cr_assert(eq(int, address_parse(SLICE("127.0.0.1:0"), &again), 0));
    int first = loop_listen(&again, true, &again);
    int second = loop_listen(&again, true, &ignored);
    cr_assert(first >= 0);
    cr_assert(second >= 0);
    cr_assert(address_equal(&again, &ignored));
    loop_close_socket(loop, first);
    loop_close_socket(loop, second);
}

Test(loop_sockets, does_not_listen_on_an_address_of_another)
{
    struct address elsewhere, ignored;
    cr_assert(eq(int, address_parse(SLICE("192.0.2.1:0"), &elsewhere), 0));
    cr_assert(eq(int, loop_listen(&elsewhere, false, &ignored), -EADDRNOTAVAIL));
}

Test(loop_sockets, accepts_again_when_descriptors_come_back)
{
    struct probe accepts;
    struct rlimit few, before;
    probe_init(&accepts);
    accepts.op.on_done = see_accept;
    near = loop_socket(&bound);

    cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
    few = before;
    few.rlim_cur = (rlim_t)near + 1; /* all are taken */
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &few), 0));
    cr_assert(eq(int, connect(near, &bound.any, address_length(&bound)), 0));
    loop_accept(loop, &accepts.op, listener);
    while (loop_counters(loop).accept_failures == 0)
        turn();
    cr_assert(eq(u32, accepts.results, 0), "not its owner's affair");

    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &before), 0));
    while (accepts.accepted_count == 0)
        turn();
    far = accepts.accepted[0];
    loop_cancel(loop, &accepts.op);
    turn_until_ended(&accepts);
}

Test(loop_sockets, cancels_an_accept_that_waits_for_descriptors)
{
    struct probe accepts;
    struct rlimit few, before;
    probe_init(&accepts);
    near = loop_socket(&bound);
    cr_assert(eq(int, getrlimit(RLIMIT_NOFILE, &before), 0));
    few = before;
    few.rlim_cur = (rlim_t)near + 1;
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &few), 0));
    cr_assert(eq(int, connect(near, &bound.any, address_length(&bound)), 0));
    loop_accept(loop, &accepts.op, listener);
    while (loop_counters(loop).accept_failures == 0)
        turn();

    loop_cancel(loop, &accepts.op);
    turn_until_ended(&accepts);
    cr_assert(eq(int, accepts.error, -ECANCELED));
    cr_assert(eq(int, setrlimit(RLIMIT_NOFILE, &before), 0));
}

Test(loop, carries_bytes_and_sees_the_end)
{
    struct probe sends, receives;
    probe_init(&sends);
    probe_init(&receives);
    struct iovec parts[] = {text_part("hello "), text_part("world")};

    loop_recv(loop, &receives.op, far);
    loop_send(loop, &sends.op, near, parts, 2);
    turn_until_ended(&sends);
    while (receives.bytes < 11)
        turn();
    cr_assert(eq(int, sends.error, 11));

    loop_end_sending(loop, near);
    turn_until_ended(&receives);
    cr_assert(eq(int, receives.error, 0));
    cr_assert(eq(sz, receives.bytes, 11));
}

Test(loop, reports_a_reset)
{
    struct probe receives;
    probe_init(&receives);
    struct linger drop = {.l_onoff = 1};
    loop_recv(loop, &receives.op, far);
    cr_assert(eq(int, setsockopt(near, SOL_SOCKET, SO_LINGER, &drop, sizeof drop), 0));
    loop_close_socket(loop, near);
    near = -1;
    turn_until_ended(&receives);
    cr_assert(eq(int, receives.error, -ECONNRESET));
}

Test(loop, reports_sending_to_one_who_has_gone_without_a_signal)
{
    struct probe sends;
    struct linger drop = {.l_onoff = 1};
    cr_assert(eq(int, setsockopt(far, SOL_SOCKET, SO_LINGER, &drop, sizeof drop), 0));
    loop_close_socket(loop, far);
    far = -1;
    struct iovec part = text_part("x");
    for (int i = 0; i < 2; i++) { /* the first may only learn of the reset */
        probe_init(&sends);
        loop_send(loop, &sends.op, near, &part, 1);
        turn_until_ended(&sends);
    }
    cr_assert(eq(int, sends.error, -EPIPE));
}

Test(loop, cancels_a_recv)
{
    struct probe receives;
    probe_init(&receives);
    loop_recv(loop, &receives.op, far);
    loop_cancel(loop, &receives.op);
    loop_cancel(loop, &receives.op); /* asking twice is asking once */
    turn_until_ended(&receives);
    cr_assert(eq(int, receives.error, -ECANCELED));

    loop_cancel(loop, &receives.op); /* not busy: nothing happens */
    loop_turn(loop, 0);
    cr_assert(eq(u32, receives.results, 1));
}

Test(loop, may_start_an_operation_again_right_after_its_end)
{
    struct probe receives;
    struct iovec part = text_part("again");
    struct probe sends;
    for (int i = 0; i < 100; i++) {
        probe_init(&receives);
        loop_recv(loop, &receives.op, far);
        loop_cancel(loop, &receives.op);
        turn_until_ended(&receives);
    }
    probe_init(&receives);
    probe_init(&sends);
    loop_recv(loop, &receives.op, far);
    loop_send(loop, &sends.op, near, &part, 1);
    while (receives.bytes < 5)
        turn();
    cr_assert(eq(u32, receives.ends, 0), "a late cancel must not hit the new operation");
    loop_cancel(loop, &receives.op);
    turn_until_ended(&receives);
}

Test(loop, cancels_a_send_that_waits_for_room)
{
    static char much[FLOOD_BYTES * 16];
    struct probe sends;
    probe_init(&sends);
    struct iovec part = {much, sizeof much};
    loop_send(loop, &sends.op, near, &part, 1);
    loop_turn(loop, 0);
    cr_assert(loop_op_busy(&sends.op), "nobody reads");
    loop_cancel(loop, &sends.op);
    turn_until_ended(&sends);
    cr_assert(sends.error == -ECANCELED || (size_t)sends.error < sizeof much);
}

Test(loop, polls_once)
{
    struct probe polls;
    probe_init(&polls);
    loop_poll(loop, &polls.op, far, POLLIN);
    loop_turn(loop, 0);
    cr_assert(eq(u32, polls.ends, 0));
    cr_assert(eq(int, (int)write(near, "x", 1), 1));
    turn_until_ended(&polls);
    cr_assert(polls.error & POLLIN);
}

/* Far more than all buffers hold, in one turn: nothing is lost, and the order is kept. */
Test(loop, survives_running_out_of_buffers)
{
    static char flood[FLOOD_BYTES];
    uint64_t expected = 0;
    srandom(3);
    for (size_t i = 0; i < sizeof flood; i++) {
        flood[i] = (char)random();
        expected += (uint8_t)flood[i] * (uint64_t)(1 + i % 251);
    }
    struct probe sends, receives;
    probe_init(&sends);
    probe_init(&receives);
    struct iovec parts[] = {{flood, 1000}, {flood + 1000, sizeof flood - 1000}};
    loop_send(loop, &sends.op, near, parts, 2);
    loop_turn(loop, 0);
    loop_recv(loop, &receives.op, far);
    turn_until_ended(&sends);
    while (receives.bytes < sizeof flood)
        turn();

    cr_assert(eq(int, sends.error, (int)sizeof flood));
    cr_assert(eq(sz, receives.bytes, sizeof flood));
    cr_assert(eq(u64, receives.sum, expected));
    cr_assert(lt(u64, 0, loop_counters(loop).buffer_shortages));
    cr_assert(eq(u32, receives.ends, 0));
    loop_cancel(loop, &receives.op);
    turn_until_ended(&receives);
}

/* Cancels at the first bytes of a flood: data may still come, then one end. */
static void cancel_and_see(struct loop_op *op, const struct loop_event *event)
{
    see(op, event);
    loop_cancel(loop, op);
}

Test(loop, ends_once_when_cancelled_amid_data)
{
    static char flood[FLOOD_BYTES];
    struct probe sends, receives;
    probe_init(&sends);
    probe_init(&receives);
    receives.op.on_done = cancel_and_see;
    struct iovec part = {flood, sizeof flood};
    loop_send(loop, &sends.op, near, &part, 1);
    loop_turn(loop, 0);
    loop_recv(loop, &receives.op, far);
    turn_until_ended(&receives);
    cr_assert(eq(int, receives.error, -ECANCELED));
    cr_assert(lt(sz, 0, receives.bytes));

    loop_cancel(loop, &sends.op);
    turn_until_ended(&sends);
    loop_turn(loop, 0);
    cr_assert(eq(u32, receives.ends, 1));
}

/* More operations at a time than the submission queue has entries. */
Test(loop, takes_more_operations_than_its_queue_holds)
{
    enum { MANY = 1000 };
    static struct probe polls[MANY];
    for (size_t i = 0; i < MANY; i++) {
        probe_init(&polls[i]);
        loop_poll(loop, &polls[i].op, near, POLLOUT);
    }
    for (size_t i = 0; i < MANY; i++)
        turn_until_ended(&polls[i]);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(eq(u32, polls[i].results, 1));
}

static struct probe chained[3];
static unsigned started;

static void start_next(struct loop_op *op, const struct loop_event *event)
{
    see(op, event);
    if (started < 3)
        loop_poll(loop, &chained[started++].op, near, POLLOUT);
}

Test(loop, lets_callbacks_start_operations)
{
    for (size_t i = 0; i < 3; i++) {
        probe_init(&chained[i]);
        chained[i].op.on_done = start_next;
    }
    started = 1;
    loop_poll(loop, &chained[0].op, near, POLLOUT);
    turn_until_ended(&chained[2]);
    cr_assert(eq(u32, started, 3));
}

Test(loop, waits_until_the_time_given_and_no_longer_than_needed)
{
    uint64_t until_ns = clock_monotonic_ns() + 2000000;
    while (clock_monotonic_ns() < until_ns)
        loop_turn(loop, until_ns); /* would hang if the time were ignored */
    loop_turn(loop, 0);
    loop_turn(loop, 1); /* long past */
}

Test(loop, refuses_an_operation_that_is_busy, .signal = SIGABRT)
{
    struct probe polls;
    probe_init(&polls);
    loop_poll(loop, &polls.op, far, POLLIN);
    loop_poll(loop, &polls.op, far, POLLIN);
}

/* Two threads, two loops: each wakes the other, in turn. */
static struct loop *_Atomic other;
static unsigned _Atomic ball;
enum { PASSES = 200 };

static void play(struct loop *mine, struct loop *theirs, unsigned parity)
{
    while (ball < PASSES) {
        if (ball % 2 != parity) {
            loop_turn(mine, UINT64_MAX);
            continue;
        }
        ball++;
        loop_wake(mine, theirs);
        loop_submit(mine);
    }
}

static void *play_odd(void *first)
{
    struct loop *mine = open_loop();
    other = mine;
    loop_wake(mine, first);
    loop_submit(mine);
    play(mine, first, 1);
    return mine;
}

Test(loop, is_woken_by_another_thread)
{
    pthread_t thread;
    void *theirs;
    cr_assert(eq(int, pthread_create(&thread, NULL, play_odd, loop), 0));
    while (!other)
        turn();
    play(loop, other, 0);
    cr_assert(eq(int, pthread_join(thread, &theirs), 0));
    cr_assert(eq(u32, ball, PASSES));
    loop_close(theirs);
}
