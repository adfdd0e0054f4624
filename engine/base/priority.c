/* priority.c - see priority.h. */
#include "base/priority.h"

#include "base/clock.h"

#include <linux/sched/types.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    NICEST = 19,
    SHORT_SLICE_NS = 100000, /* the least that Linux takes */
    REST_TIMES = 5,
    INTERRUPTIONS_MIN = 4, /* in a piece of work; fewer are chance */
};

static _Thread_local bool has_given_way;
static _Thread_local uint64_t yielded_ns; /* when it did last */

void priority_give_way(void)
{
    has_given_way = true;
    struct sched_attr wish = {.size = sizeof wish};
    if (syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0))
        return;
    wish.sched_runtime = SHORT_SLICE_NS;
    wish.sched_nice = NICEST;
    (void)syscall(SYS_sched_setattr, 0, &wish, 0);
}

void priority_yield(void)
{
    if (!has_given_way)
        return;
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns - yielded_ns < SHORT_SLICE_NS)
        return;
    yielded_ns = now_ns;
    (void)syscall(SYS_sched_yield); /* its header and the one above exclude each other */
}

static uint64_t to_us(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

uint64_t priority_rest_us(const struct priority_use *before, const struct priority_use *after)
{
    if (after->interruptions - before->interruptions < INTERRUPTIONS_MIN)
        return 0;
    uint64_t rest_us = REST_TIMES * (after->cpu_us - before->cpu_us);
    return rest_us < PRIORITY_REST_US_MAX ? rest_us : PRIORITY_REST_US_MAX;
}

void priority_rest(struct priority_use *last)
{
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage))
        return;
    const struct priority_use now = {to_us(&usage.ru_utime) + to_us(&usage.ru_stime),
                                     (uint64_t)usage.ru_nivcsw};
    uint64_t rest_us = priority_rest_us(last, &now);
    const struct timespec rest = {.tv_nsec = (long)(rest_us * 1000)};
    *last = now;
    if (rest_us > 0)
        (void)nanosleep(&rest, NULL); /* a signal ends it early, which does no harm */
}
