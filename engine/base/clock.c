/* clock.c - the kernel's clocks, read through the vDSO where it has them. Any thread. */
#include "base/clock.h"

#include "base/must.h"

#include <time.h>

static struct timespec now(clockid_t clock)
{
    struct timespec time;
    must(clock_gettime(clock, &time) == 0);
    return time;
}

static uint64_t to_ns(struct timespec time)
{
    return (uint64_t)time.tv_sec * UINT64_C(1000000000) + (uint64_t)time.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return to_ns(now(CLOCK_MONOTONIC));
}

uint64_t clock_wall_ms(void)
{
    struct timespec time = now(CLOCK_REALTIME);
    return time.tv_sec < 0 ? 0 : to_ns(time) / 1000000;
}

uint64_t clock_process_cpu_ns(void)
{
    return to_ns(now(CLOCK_PROCESS_CPUTIME_ID));
}
