/* Making and closing sockets, on the loopback. That connections work is loop_test.c's. */
#include "net/loop.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

static struct address parse(const char *text)
{
    struct address address;
    cr_assert(zero(int, address_parse(slice_str(text), &address)));
    return address;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    cr_assert(zero(int, getsockopt(fd, level, name, &value, &size)));
    return value;
}

static int listen_at(const char *text, bool shared, struct address *bound)
{
    struct address address = parse(text);
    int fd = loop_listen(&address, shared, bound);
    cr_assert(ge(int, fd, 0), "%s", strerror(-fd));
    return fd;
}

Test(socket, listens_at_a_port_that_it_tells)
{
    struct address bound;
    int fd = listen_at("127.0.0.1:0", false, &bound);
    cr_expect(eq(int, bound.any.sa_family, AF_INET));
    cr_expect(ne(int, address_port(&bound), 0));
    cr_expect(eq(int, option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1));
    cr_expect(eq(int, option(fd, SOL_SOCKET, SO_REUSEADDR), 1), "a restart does not wait");
    cr_expect(eq(int, option(fd, SOL_SOCKET, SO_REUSEPORT), 0));
    close(fd);
}

Test(socket, shares_a_port_if_it_is_asked_to)
{
    struct address bound, again;
    int fd = listen_at("127.0.0.1:0", true, &bound);
    int other = loop_listen(&bound, true, &again);
    cr_assert(ge(int, other, 0));
    cr_expect(eq(int, address_port(&again), address_port(&bound)));
    close(fd);
    close(other);
}

/* The next descriptor is the same after as before. */
Test(socket, keeps_no_descriptor_when_it_cannot_listen)
{
    struct address bound, ignored;
    int fd = listen_at("127.0.0.1:0", false, &bound);
    int before = dup(fd);
    close(before);
    cr_expect(eq(int, loop_listen(&bound, false, &ignored), -EADDRINUSE));
    int after = dup(fd);
    cr_expect(eq(int, after, before));
    close(after);
    close(fd);
}

Test(socket, sends_at_once_and_is_not_inherited)
{
    struct address to = parse("127.0.0.1:1");
    int fd = loop_socket(&to);
    cr_assert(ge(int, fd, 0));
    cr_expect(ne(int, option(fd, IPPROTO_TCP, TCP_NODELAY), 0));
    cr_expect(ne(int, fcntl(fd, F_GETFD) & FD_CLOEXEC, 0));
    loop_close_socket(NULL, fd);
    cr_expect(eq(int, fcntl(fd, F_GETFD), -1));
}

Test(socket, says_that_there_is_no_such_family)
{
    struct address unknown = {.any.sa_family = AF_MAX};
    cr_expect(eq(int, loop_socket(&unknown), -EAFNOSUPPORT));
}

Test(socket, can_receive_after_it_has_ended_sending)
{
    struct address bound;
    char byte = 0;
    int listener = listen_at("127.0.0.1:0", false, &bound);
    int near = loop_socket(&bound);
    cr_assert(zero(int, connect(near, &bound.any, address_length(&bound))));
    int far = accept(listener, NULL, NULL);
    cr_assert(ge(int, far, 0));

    loop_end_sending(NULL, near);
    cr_expect(zero(long, (long)read(far, &byte, 1)), "the end");
    cr_assert(eq(long, (long)write(far, "x", 1), 1));
    cr_expect(eq(long, (long)read(near, &byte, 1), 1));
    cr_expect(eq(chr, byte, 'x'));

    struct address peer = loop_peer(near);
    cr_expect(eq(int, address_port(&peer), address_port(&bound)));
    close(near);
    close(far);
    close(listener);
}

Test(socket, knows_no_peer_where_there_is_none)
{
    struct address bound;
    int listener = listen_at("127.0.0.1:0", false, &bound);
    struct address peer = loop_peer(listener);
    cr_expect(zero(int, peer.any.sa_family));
    close(listener);
}

Test(socket, says_what_a_person_can_do)
{
    char why[LOOP_WHY_SIZE];
    loop_explain(-ENOMEM, why);
    cr_expect(strstr(why, "RLIMIT_MEMLOCK") != NULL);
    loop_explain(-EPERM, why);
    cr_expect(strstr(why, "kernel.io_uring_disabled=0") != NULL);
    loop_explain(-EMFILE, why);
    cr_expect_str_eq(why, "cannot set up io_uring: Too many open files");
    loop_explain(-99999, why);
    cr_expect_str_eq(why, "cannot set up io_uring: unknown error");
}
