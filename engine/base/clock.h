/* clock.h - the only place that reads the time. The simulator puts a virtual one in its stead. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Since an unspecified moment; never goes back. For deadlines and durations. */
uint64_t clock_monotonic_ns(void);

/* Since 1970, UTC; may step either way. For what people and other machines are told. */
uint64_t clock_wall_ms(void);

/* CPU time used by this process, user and system together. For benchmarks. */
uint64_t clock_process_cpu_ns(void);

#endif
