/* machine.h - the engine as a process on the virtual machine: started, stopped, killed. */
#ifndef SIM_MACHINE_H
#define SIM_MACHINE_H

#include "net/address.h"

struct machine_addresses {
    struct address ingest, admin;
};

/* The admin key that the engine has made; once it was ready. */
const char *machine_key(void);

void machine_addresses(struct machine_addresses *addresses);

/* Begins to start; machine_is_ready() says when it takes traffic. */
void machine_start(unsigned shards);
bool machine_is_ready(void);

/* Runs: between machine_start() and the end of an orderly stop, or a crash. */
bool machine_is_up(void);
bool machine_is_stopping(void);

/* SIGTERM. */
void machine_stop(void);

/* kill -9, or the power. */
void machine_crash(void);

/* How many crashes there were, and how many starts. */
unsigned machine_crashes(void);
unsigned machine_starts(void);
uint64_t machine_started_ns(void);

/* It is ready, and nothing is in its memory; what is on its disk is another matter. */
bool machine_is_quiet(void);

/* Says what is in its memory (world_say()). */
void machine_say_load(void);

/* What is held in memory is within its bounds. */
void machine_check_bounds(void);

/* When quiet: every pool has got back what was taken. */
void machine_check_pools(void);

#endif
