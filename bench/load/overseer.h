/* overseer.h - somebody who manages an engine while it works: asks for one heavy list after
 * another, scrapes the metrics once a second, and has a replay run.
 *
 * Threads: its own, from open to close.
 */
#ifndef LOAD_OVERSEER_H
#define LOAD_OVERSEER_H

#include "base/must.h"
#include "net/address.h"

enum { OVERSEER_WHY_SIZE = 512, OVERSEER_STATUS_SIZE = 32 };

struct overseer_options {
    struct address admin;
    const char *key;
    const char *replayed; /* the uid of the subscription whose deliveries are replayed */
};

struct overseer_counts {
    uint64_t lists, scrapes, list_max_us;
    uint64_t handed; /* deliveries that the replay has handed on */
    char replay[OVERSEER_STATUS_SIZE];
};

struct overseer;

/* Its options must stay. 0 or -errno. */
MUST_CHECK int overseer_open(struct overseer **made, const struct overseer_options *options);

/* Whether its replay is over, as it saw last. */
bool overseer_has_replayed(const struct overseer *overseer);

/* 0 with *counts, or -errno and `why`: something was refused or did not come. NULL is allowed. */
MUST_CHECK int overseer_close(struct overseer *overseer, struct overseer_counts *counts,
                              char why[static OVERSEER_WHY_SIZE]);

#endif
