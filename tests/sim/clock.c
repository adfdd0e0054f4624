/* clock.c - the virtual clock, in place of engine/base/clock.c. */
#include "base/clock.h"

#include "world.h"

uint64_t clock_monotonic_ns(void)
{
    return world_now_ns();
}

uint64_t clock_wall_ms(void)
{
    return world_wall_ms();
}

uint64_t clock_process_cpu_ns(void)
{
    return world_now_ns();
}
