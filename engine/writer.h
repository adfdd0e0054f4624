/* writer.h - the thread that makes things durable: what shards send gathers while the last commit
 * is on its way, and goes to disk as one group.
 */
#ifndef ENGINE_WRITER_H
#define ENGINE_WRITER_H

#include "crew.h"
#include "mail.h"

enum { WRITER_MAILS_MAX = 1024 };

struct writer {
    struct crew *crew;
    struct journal *journal;
    struct mail *group[WRITER_MAILS_MAX]; /* in the commit at hand */
    unsigned count;
    uint64_t events; /* in it */
    struct writer_figures figures;
    struct mail *stop;
    bool is_stopped;
};

/* Opens the journal. 0, or -errno with db_why(). */
MUST_CHECK int writer_open(struct writer *writer, struct crew *crew, struct db *db,
                           const struct journal_options *options, uint64_t dedup_window_ms);
void writer_close(struct writer *writer);

/* Commits what has come, and sends each mail back. Returns the monotonic ns at which to be called
 * next at the latest. Ends the process if the disk fails: what was acknowledged is safe, and what
 * was not is not acknowledged. */
uint64_t writer_tick(struct writer *writer);

#endif
