/* row_log.h - puts and drops of queue rows, gathered by a shard in memory of its own and applied by
 * the journal in one commit with the blocks they belong to. */
#ifndef STORE_ROW_LOG_H
#define STORE_ROW_LOG_H

#include "store/keys.h"

struct row_log {
    char *at;
    size_t room, size;
    uint32_t count;
};

void row_log_init(struct row_log *log, char *memory, size_t room);

/* False if there is no room (nothing is stored). */
MUST_CHECK bool row_log_put(struct row_log *log, const struct key *key, struct slice value);
MUST_CHECK bool row_log_drop(struct row_log *log, const struct key *key);

/* Walks: `rest` starts as the log's bytes. False at the end. A drop has an empty value.at (NULL).
 */
bool row_log_next(struct slice *rest, struct slice *key, struct slice *value);

/* The most bytes that a row may take in a log. */
enum { ROW_LOG_ENTRY_MAX = KEY_SIZE_MAX + 512 };

#endif
