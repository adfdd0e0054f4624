/* answers.h - answers to requests with an Idempotency-Key, kept so that the same request is
 * answered again and not done again.
 *
 * An answer is written in the batch of the change that it tells of, so both are there or neither
 * is. It may hold a secret that is shown once: all of it is sealed by the data key of the tenant
 * for whom the request was made (vault.h). After that key's end it cannot be read, only known of.
 *
 * It is kept for the window. At most LIMIT_ANSWERS_OF_TENANT are a tenant's, and LIMIT_ANSWERS are
 * kept in all: a new one then takes the place of the tenant's oldest, or if it has none of the
 * oldest.
 *
 * Control's thread. What is in memory of an answer is where to find it.
 */
#ifndef ENGINE_ANSWERS_H
#define ENGINE_ANSWERS_H

#include "base/id.h"
#include "base/list.h"
#include "base/table.h"
#include "base/text.h"
#include "store/db.h"

struct vault;

enum { ANSWER_HASH_SIZE = 32 };

struct answer {
    uint8_t key[ANSWER_HASH_SIZE];     /* of the access key and the Idempotency-Key */
    uint8_t request[ANSWER_HASH_SIZE]; /* of the request */
    struct id tenant;                  /* by whose data key it is sealed */
    int status;
    struct slice headers, body;
};

/* One that is kept. */
struct answer_note {
    struct table_node node; /* by key */
    struct list_node link, of_tenant;
    struct answer_owner *owner;
    uint8_t key[ANSWER_HASH_SIZE], request[ANSWER_HASH_SIZE];
    uint64_t at_ms;
    bool is_due; /* it has not been given yet: shards are still told of the change */
};

struct answers {
    struct db *db;
    struct vault *vault;
    uint64_t window_ms;
    struct table notes, owners;
    struct list_node oldest;                  /* of notes, oldest first */
    struct answer_note *coming, *in_place_of; /* in a batch that is not durable yet */
};

/* Finds those that are kept. 0, -EIO, -ENOMEM, or -EBADMSG: one is no answer. */
MUST_CHECK int answers_open(struct answers *answers, struct db *db, struct vault *vault,
                            uint64_t window_ms);
void answers_close(struct answers *answers); /* a zeroed one is allowed */

/* NULL: there is none (any more). */
struct answer_note *answers_find(const struct answers *answers,
                                 const uint8_t key[static ANSWER_HASH_SIZE], uint64_t now_ms);

/* Prints headers and then body, whose places *read gets. 0, -EIO, -ENOMEM; -ENOKEY or -EBADMSG: it
 * cannot be read any more. `text` must not grow afterwards. */
MUST_CHECK int answers_read(struct answers *answers, const struct answer_note *note,
                            struct text *text, struct answer *read);

/* The most that answers_read() prints. */
enum { ANSWER_TEXT_MAX = 320 * 1024 };

/* Puts one into `batch`; there is none with its key. 0, -EIO, -ENOMEM, or -E2BIG. */
MUST_CHECK int answers_batch_put(struct answers *answers, struct batch *batch,
                                 const struct answer *answer, uint64_t now_ms);

/* The batch of the last answers_batch_put() is durable: it is there, and due. */
void answers_written(struct answers *answers);

/* All of the tenant's are dropped: in `batch`, and when that is durable, from memory. */
void answers_batch_drop(struct answers *answers, struct batch *batch, const struct id *tenant);
void answers_forget(struct answers *answers, const struct id *tenant);

/* It has been given. */
void answers_given(struct answers *answers, const uint8_t key[static ANSWER_HASH_SIZE]);

/* Drops some whose window is over. 0 or -EIO. */
MUST_CHECK int answers_tidy(struct answers *answers, uint64_t now_ms);

#endif
