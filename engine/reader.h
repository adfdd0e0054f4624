/* reader.h - the thread that reads back what shards left on disk.
 */
#ifndef ENGINE_READER_H
#define ENGINE_READER_H

#include "crew.h"
#include "mail.h"

struct reader {
    struct crew *crew;
    struct db *db;
    struct event_reader *events;
    struct reader_figures figures;
    bool is_stopped;
};

MUST_CHECK int reader_open(struct reader *reader, struct crew *crew, struct db *db);
void reader_close(struct reader *reader);

/* Answers what has been asked. False when there was nothing to do. */
bool reader_tick(struct reader *reader);

#endif
