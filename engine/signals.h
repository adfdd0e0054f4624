/* signals.h - SIGTERM, SIGINT and SIGHUP, read from a descriptor on the loop. They have to be
 * blocked in all threads. */
#ifndef ENGINE_SIGNALS_H
#define ENGINE_SIGNALS_H

#include "net/loop.h"

struct signals {
    void (*on_signal)(struct signals *signals, uint32_t number);
    struct loop *loop;
    struct loop_op op;
    int fd; /* -1: closed */
    bool is_stopped;
};

void signals_init(struct signals *signals, struct loop *loop,
                  void (*on_signal)(struct signals *signals, uint32_t number));

/* Begins to listen. 0, or -errno. */
MUST_CHECK int signals_open(struct signals *signals);

/* No more of them; turn the loop until signals_are_busy() is false, then close. */
void signals_stop(struct signals *signals);
bool signals_are_busy(const struct signals *signals);
void signals_close(struct signals *signals);

#endif
