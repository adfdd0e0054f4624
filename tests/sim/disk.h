/* disk.h - the virtual disk: what a database wrote, and what is left of it after a crash. disk.c
 * stands in for store/db.c.
 *
 * A write is a batch in a log. One with `sync` makes itself and all before it durable. A crash
 * keeps what is durable, and of the rest a beginning: whole batches, in order, as RocksDB's log
 * gives.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "store/db.h"

/* The machine lost its power, or the process was killed: the database that was open is gone. */
void disk_crash(void);

/* The value in the queue of whatever shard; false if there is none. */
bool disk_find_row(struct slice key, struct slice *value);

/* Calls back for each row of the queues whose key begins with this byte (enum row_kind). */
void disk_each_row(char kind, void (*row)(struct slice key, struct slice value));

#endif
