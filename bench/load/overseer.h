/* overseer.h - somebody who manages an engine while it works, when told to: asks for one heavy list
 * after another, scrapes the metrics once a second, and has a replay run.
 *
 *   overseer_open -> (overseer_manage -> overseer_rest) as often as wanted -> overseer_close
 *
 * The replay begins with the first time. While the overseer rests, the subscription that it replays
 * is paused, so that the replay stands still.
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

/* Its options must stay. It rests. 0 or -errno. */
MUST_CHECK int overseer_open(struct overseer **made, const struct overseer_options *options);

/* Begins to manage. */
void overseer_manage(struct overseer *overseer);

/* Ends that; then everything that it asked for has been answered, and the replay stands still. 0
 * with *counts of the whole until now, or -errno and `why`: something was refused or did not come.
 */
MUST_CHECK int overseer_rest(struct overseer *overseer, struct overseer_counts *counts,
                             char why[static OVERSEER_WHY_SIZE]);

/* Whether its replay is over; while it rests. */
bool overseer_has_replayed(const struct overseer *overseer);

void overseer_close(struct overseer *overseer); /* while it rests */

#endif
