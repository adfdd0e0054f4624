/* machine.h - what a figure was measured on. */
#ifndef LOAD_MACHINE_H
#define LOAD_MACHINE_H

#include <stdint.h>

struct machine {
    char processor[96], kernel[96], filesystem[16]; /* of the data directory */
    unsigned cores;                                 /* that this process may use */
    uint64_t memory_bytes;
};

/* What cannot be found out is "unknown" or 0. */
void machine_read(struct machine *machine, const char *data_directory);

#endif
