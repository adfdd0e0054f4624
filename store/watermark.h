/* watermark.h - how far the log is known to be on disk: the latest sequence number that a synced
 * write had covered, in a small file beside the database, written at most once a second.
 *
 * It tells a torn tail from rot: a log that cannot be read as far as the watermark has lost what
 * was known to be durable. It is late by up to a second, never early. Two slots are written in
 * turn, so a power failure in the middle of writing one leaves the other.
 *
 *   slot (32 bytes, at 0 and at 4096): "grapnelW" 8, turn u64, sequence u64, XXH64 of these 24 u64
 */
#ifndef STORE_WATERMARK_H
#define STORE_WATERMARK_H

#include "base/must.h"

#include <pthread.h>
#include <stdint.h>

struct watermark {
    int fd;                             /* -1: not open */
    pthread_mutex_t lock;               /* of what follows: more than one thread writes */
    uint64_t sequence;                  /* everything up to it is on disk */
    uint64_t turn, written, written_ns; /* of the slot written last */
};

void watermark_init(struct watermark *watermark);

/* The file in `directory`, made if it is not there. 0, or -errno. */
MUST_CHECK int watermark_open(struct watermark *watermark, const char *directory);

/* Writes down what was noted last. */
void watermark_close(struct watermark *watermark);

/* Everything up to `sequence` is on disk. Writes that down if it was not done in the last second. A
 * failure is not reported: an old watermark is still true. From any thread. */
void watermark_note(struct watermark *watermark, uint64_t sequence);

/* 0; -ENOENT there is none; -EBADMSG neither slot is whole; -errno. */
MUST_CHECK int watermark_read(const char *directory, uint64_t *sequence);

#endif
