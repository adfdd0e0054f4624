/* db.h - RocksDB, as much of it as this program needs; db.c is the one file that knows it.
 *
 * The rest of store/ sees ordered byte strings in families, an atomic batch, cursors and errno.
 * RocksDB's C API reports an error as an allocated message and no code: here it becomes -EIO, and
 * the words are in the db_why() of the thread.
 *
 * Families: `meta` (documents by kind and id), `dedup` (idempotency keys), `stats`
 * (rollups, the attempt index), and for each shard K `events-K`, `attempts-K` (append-only blocks:
 * FIFO compaction with retention by age and size, LZ4) and `queue-K` (rows). All families found on
 * disk are open, whatever the number of shards now.
 *
 * Threads: any; each call may block on the disk, so none is made on a shard's thread. A batch or a
 * cursor is one thread's.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/must.h"
#include "base/slice.h"

#include <stdint.h>

struct db;
struct batch;
struct cursor;

enum {
    DB_WHY_SIZE = 512,
    DB_SHARDS_MAX = 256,
    DB_BATCH_KEPT = 8 * 1024 * 1024, /* the memory of a larger one is given back */
};

enum family_kind {
    FAMILY_META,
    FAMILY_DEDUP,
    FAMILY_STATS,
    FAMILY_EVENTS, /* this one and those that follow: one for each shard */
    FAMILY_ATTEMPTS,
    FAMILY_QUEUE,
};

struct family {
    enum family_kind kind;
    unsigned shard; /* 0 for those that are not a shard's */
};

struct db_options {
    unsigned shards;          /* families for at least so many shards are made */
    uint64_t memory_bytes;    /* for memtables and block cache together */
    uint64_t retention_ms;    /* of events and attempts; and of rows of settled deliveries */
    uint64_t retention_bytes; /* of all events and attempts together; 0: no limit by size */
    uint64_t dedup_window_ms;
};

/* Opens, creating it if need be, the database in directory `path`. 0, or -errno and `why` for the
 * person who started the program: -EBUSY if another process holds it, -EBADMSG if it is damaged,
 * -EIO. A torn tail of the log (what a crash leaves) is no error; where a power failure tore it so
 * that it looked like damage at first, `why` says so (else it is empty). */
MUST_CHECK int db_open(struct db **db, const char *path, const struct db_options *options,
                       char why[static DB_WHY_SIZE]);
void db_close(struct db *db); /* NULL is allowed */

/* How many shards have families on disk: at least options.shards. */
unsigned db_shards(const struct db *db);

/* What RocksDB said about the last error on this thread. */
const char *db_why(void);

/* Copies the database as it is now into `directory`, which must not exist: hard links where that is
 * on its file system, else copies. All that was written before is in it, at least up to *sequence,
 * and all of it is durable when it returns 0. Others go on meanwhile. Else -EIO. */
MUST_CHECK int db_checkpoint(struct db *db, const char *directory, uint64_t *sequence);

/* Reads all of a database that nobody has open, and changes nothing in it: every block with its
 * checksum, and the log. *sequence: how far the log goes. 0, or -errno and `why`. */
MUST_CHECK int db_verify(const char *path, const struct db_options *options, uint64_t *sequence,
                         char why[static DB_WHY_SIZE]);

/* ---- writing ---- */

MUST_CHECK int batch_open(struct batch **batch);
void batch_close(struct batch *batch);
void batch_put(struct batch *batch, struct db *db, struct family family, struct slice key,
               struct slice value);
void batch_drop(struct batch *batch, struct db *db, struct family family, struct slice key);
/* All in [from, below), however many. */
void batch_drop_range(struct batch *batch, struct db *db, struct family family, struct slice from,
                      struct slice below);
void batch_clear(struct batch *batch);
size_t batch_count(const struct batch *batch);

/* Writes all of the batch or nothing, and clears it. `sync`: durable (fdatasync) when it returns 0.
 */
MUST_CHECK int db_write(struct db *db, struct batch *batch, bool sync);

/* Writes the family's files anew: what was dropped from it, or replaced, is in none of them any
 * more. The log still has it until it is reclaimed, when all families have been flushed. For a
 * small family: the caller waits for it. 0, or -EIO. */
MUST_CHECK int db_scrub(struct db *db, struct family family);

/* ---- reading ---- */

/* A value that stays in RocksDB's memory until it is given back. */
struct db_value {
    struct slice bytes;
    void *pin; /* private */
};

/* 0, -ENOENT, or -EIO. On 0 give the value back with db_value_give(). */
MUST_CHECK int db_get(struct db *db, struct family family, struct slice key,
                      struct db_value *value);
void db_value_give(struct db_value *value);

/* A cursor over the keys of one family in [from, below); empty `below`: to the end. The range is
 * copied. It sees the database as it was when opened. */
MUST_CHECK int cursor_open(struct cursor **cursor, struct db *db, struct family family,
                           struct slice from, struct slice below);
/* For who has little time: a move that has to pass over more than DB_DROPPED_MAX entries that were
 * dropped, and are not compacted away yet, breaks off, and cursor_error() is -EAGAIN. */
enum { DB_DROPPED_MAX = 20000 };
MUST_CHECK int cursor_open_hasty(struct cursor **cursor, struct db *db, struct family family,
                                 struct slice from, struct slice below);
void cursor_close(struct cursor *cursor);

/* Each moves and says whether it stands on an entry. After false, ask cursor_error(). */
bool cursor_first(struct cursor *cursor);
bool cursor_last(struct cursor *cursor);
bool cursor_next(struct cursor *cursor);
bool cursor_prev(struct cursor *cursor);
bool cursor_seek(struct cursor *cursor, struct slice key);      /* the first entry >= key */
bool cursor_seek_back(struct cursor *cursor, struct slice key); /* the last entry <= key */
struct slice cursor_key(const struct cursor *cursor);
struct slice cursor_value(const struct cursor *cursor);
MUST_CHECK int cursor_error(const struct cursor *cursor); /* 0, -EIO; -EAGAIN: see above */

/* ---- health ---- */

/* False once a background error or a stopped write path means that nothing more can be made
 * durable. */
bool db_healthy(struct db *db);

enum { FAMILY_KINDS = FAMILY_QUEUE + 1 };

/* How RocksDB stands: of all families, and of those of a kind. */
struct db_figures {
    uint64_t memtable_bytes, cache_bytes, log_bytes;
    uint64_t write_stopped, write_slowed; /* 0 or 1 */
    uint64_t flushes, compactions;        /* running now */
    uint64_t background_errors;
    uint64_t keys[FAMILY_KINDS]; /* estimated */
    uint64_t live_bytes[FAMILY_KINDS], level0_files[FAMILY_KINDS];
    uint64_t pending_compaction_bytes[FAMILY_KINDS];
};
void db_figures(struct db *db, struct db_figures *figures);

/* What the calling thread has read, counted from its first call on. */
struct db_reads {
    uint64_t cache_hits, blocks, bytes;
};
void db_reads(struct db_reads *reads);

#endif
