/* What the service manager is told, and that its absence or its failure harms nobody. */
#include "notify.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static char path[64];

/* A manager's socket at `name`, of which the first byte is '@' in the abstract namespace. */
static int listen_at(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    memcpy(address.sun_path, name, size);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    cr_assert(zero(int, bind(fd, (struct sockaddr *)&address, length)));
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static void expect(int fd, const char *state)
{
    char got[64] = "";
    ssize_t size = recv(fd, got, sizeof got - 1, MSG_DONTWAIT);
    cr_assert(eq(int, (int)size, (int)strlen(state)));
    cr_assert_str_eq(got, state);
}

Test(notify, sends_the_state_to_a_path)
{
    snprintf(path, sizeof path, "/tmp/grapnel-notify-%d", (int)getpid());
    unlink(path);
    int fd = listen_at(path);
    notify("READY=1");
    expect(fd, "READY=1");
    notify("STOPPING=1");
    expect(fd, "STOPPING=1");
    close(fd);
    unlink(path);
}

Test(notify, sends_the_state_to_an_abstract_name)
{
    snprintf(path, sizeof path, "@grapnel-notify-%d", (int)getpid());
    int fd = listen_at(path);
    notify("READY=1");
    expect(fd, "READY=1");
    close(fd);
}

Test(notify, is_silent_without_a_manager)
{
    unsetenv("NOTIFY_SOCKET");
    notify("READY=1");
}

Test(notify, survives_any_name)
{
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    const char *const names[] = {"", "relative", "/nobody/is/here", "vsock:2:1", "@", longest};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        notify("READY=1");
    }
}
