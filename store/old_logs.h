/* old_logs.h - gives the disk back what the log took, little by little.
 *
 * On a file system mounted with `discard`, as the images of Debian for clouds are, the space of a
 * deleted file is discarded within the commit of the file system's journal that deletes it, and
 * whoever syncs then waits: 10 ms for 30 MiB. RocksDB deletes many log files at once, which held up
 * all events for some 200 ms. So it only moves them away (its WAL_ttl_seconds), and here they are
 * truncated step by step until nothing is left of them.
 *
 * What is not done in time RocksDB deletes at once.
 *
 * Threads: its own, from open to close. It holds the file system's journal for moments, so it does
 * not give way: whoever syncs would wait until it finds a core.
 */
#ifndef STORE_OLD_LOGS_H
#define STORE_OLD_LOGS_H

#include "base/must.h"

enum { OLD_LOGS_STAY_S = 60 }; /* then RocksDB deletes them; it looks every half of that */

struct old_logs;

/* Of the database that is open in the directory `path`. 0 or -errno. */
MUST_CHECK int old_logs_open(struct old_logs **opened, const char *path);

void old_logs_close(struct old_logs *logs); /* may be NULL */

#endif
