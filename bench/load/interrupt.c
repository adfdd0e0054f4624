/* interrupt.c - see interrupt.h. */
#include "bench/load/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t came;

static void on_signal(int signal)
{
    (void)signal;
    came = 1;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool interrupt_came(void)
{
    return came != 0;
}
