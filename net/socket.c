/* socket.c - making and closing sockets: the part of loop.h that needs no ring.
 *
 * These calls never wait, so they are made directly. The simulator replaces this file
 * together with loop.c.
 *
 * Ownership: descriptors are the callers'. Threads: none.
 */
#include "net/loop.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 4096 }; /* the system lowers it to net.core.somaxconn */

static int open_socket(const struct address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    return fd < 0 ? -errno : fd;
}

static int set_option(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on) == 0 ? 0 : -errno;
}

static int bind_and_listen(int fd, const struct address *address, bool shared,
                           struct address *bound)
{
    int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR);
    if (!error && shared)
        error = set_option(fd, SOL_SOCKET, SO_REUSEPORT);
    if (!error && address->any.sa_family == AF_INET6)
        error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY); /* IPv4 has a listener of its own */
    if (error)
        return error;

    socklen_t length = sizeof *bound;
    if (bind(fd, &address->any, address_length(address)) || listen(fd, LISTEN_BACKLOG) ||
        getsockname(fd, &bound->any, &length))
        return -errno;
    return 0;
}

int loop_listen(const struct address *address, bool shared, struct address *bound)
{
    int fd = open_socket(address);
    if (fd < 0)
        return fd;

    int error = bind_and_listen(fd, address, shared, bound);
    if (!error)
        return fd;
    close(fd);
    return error;
}

int loop_socket(const struct address *to)
{
    int fd = open_socket(to);
    if (fd < 0)
        return fd;

    int error = set_option(fd, IPPROTO_TCP, TCP_NODELAY);
    if (!error)
        return fd;
    close(fd);
    return error;
}

void loop_close_socket(struct loop *loop, int fd)
{
    (void)loop;
    close(fd);
}

void loop_end_sending(struct loop *loop, int fd)
{
    (void)loop;
    (void)shutdown(fd, SHUT_WR); /* fails only when the connection is gone already */
}

struct address loop_peer(int fd)
{
    struct address peer = {0};
    socklen_t length = sizeof peer;
    if (getpeername(fd, &peer.any, &length))
        peer = (struct address){0};
    return peer;
}

/* ---- what a person can do ---- */

static const struct {
    int error;
    const char *advice;
} setup_errors[] = {
    {ENOSYS,
     "this kernel has none, or a container's seccomp profile hides it: run Linux 6.1 or later, "
     "and allow io_uring_setup, io_uring_enter and io_uring_register"},
    {EPERM, "it is blocked: set sysctl kernel.io_uring_disabled=0, and allow io_uring_setup, "
            "io_uring_enter and io_uring_register in the container's seccomp profile"},
    {ENOMEM, "not enough memory: raise RLIMIT_MEMLOCK (ulimit -l, or LimitMEMLOCK= in the systemd "
             "unit) or the container's memory limit"},
    {EINVAL, "this kernel is too old: run Linux 6.1 or later"},
};

void loop_explain(int error, char why[static LOOP_WHY_SIZE])
{
    const char *advice = strerrordesc_np(-error);
    for (size_t i = 0; i < sizeof setup_errors / sizeof *setup_errors; i++)
        if (setup_errors[i].error == -error)
            advice = setup_errors[i].advice;
    snprintf(why, LOOP_WHY_SIZE, "cannot set up io_uring: %s", advice ? advice : "unknown error");
}
