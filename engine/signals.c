#include "signals.h"

#include "base/list.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void on_readable(struct loop_op *op, const struct loop_event *event)
{
    struct signals *signals = container_of(op, struct signals, op);
    struct signalfd_siginfo info;
    if (event->result == -ECANCELED)
        return;
    while (read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info)
        signals->on_signal(signals, info.ssi_signo);
    if (!signals->is_stopped)
        loop_poll(signals->loop, &signals->op, signals->fd, POLLIN);
}

void signals_init(struct signals *signals, struct loop *loop,
                  void (*on_signal)(struct signals *signals, uint32_t number))
{
    *signals =
        (struct signals){.on_signal = on_signal, .loop = loop, .op.on_done = on_readable, .fd = -1};
}

int signals_open(struct signals *signals)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    signals->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->fd < 0)
        return -errno;
    loop_poll(signals->loop, &signals->op, signals->fd, POLLIN);
    return 0;
}

void signals_stop(struct signals *signals)
{
    signals->is_stopped = true;
    loop_cancel(signals->loop, &signals->op);
}

bool signals_are_busy(const struct signals *signals)
{
    return loop_op_busy(&signals->op);
}

void signals_close(struct signals *signals)
{
    if (signals->fd >= 0)
        close(signals->fd);
    signals->fd = -1;
}
