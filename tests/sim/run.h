/* run.h - one seed: what is drawn, and the order of things. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

/* Returns if all guarantees were kept; else the process ends (world_fail()). */
void run_seed(uint64_t seed, bool verbose);

#endif
