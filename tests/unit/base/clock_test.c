/* Clocks: they agree with the kernel's, in the units that their names say. */
#include "base/clock.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <time.h>

Test(clock, tells_the_kernels_time_in_its_unit)
{
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    uint64_t wall_ms = clock_wall_ms();
    clock_gettime(CLOCK_REALTIME, &after);
    cr_assert(
        ge(u64, wall_ms, (uint64_t)before.tv_sec * 1000 + (uint64_t)before.tv_nsec / 1000000));
    cr_assert(le(u64, wall_ms, (uint64_t)after.tv_sec * 1000 + (uint64_t)after.tv_nsec / 1000000));

    clock_gettime(CLOCK_MONOTONIC, &before);
    uint64_t monotonic_ns = clock_monotonic_ns();
    cr_assert(
        ge(u64, monotonic_ns, (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec));
}

Test(clock, never_goes_back)
{
    uint64_t last_ns = clock_monotonic_ns(), last_cpu_ns = clock_process_cpu_ns();
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t ns = clock_monotonic_ns(), cpu_ns = clock_process_cpu_ns();
        cr_assert(ge(u64, ns, last_ns));
        cr_assert(ge(u64, cpu_ns, last_cpu_ns));
        last_ns = ns;
        last_cpu_ns = cpu_ns;
    }
}
