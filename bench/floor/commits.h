/* commits.h - what a bare journal costs: store/'s journal making groups of events durable, with
 * nobody waiting for it.
 */
#ifndef FLOOR_COMMITS_H
#define FLOOR_COMMITS_H

#include "base/must.h"

#include <stddef.h>
#include <stdint.h>

enum { COMMITS_WHY_SIZE = 512 };

struct commits_cost {
    double cpu_us; /* of the process, background threads too, an event */
    double per_second;
};

/* Commits `events` events in groups of `group`, each with one fdatasync, in a database that is made
 * in `directory`. 0, or -errno with `why`. */
MUST_CHECK int commits_measure(const char *directory, uint64_t events, size_t payload_bytes,
                               unsigned group, struct commits_cost *cost,
                               char why[static COMMITS_WHY_SIZE]);

#endif
