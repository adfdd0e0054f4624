/* outcomes.h - what became of deliveries, on its way to disk: attempts, notes and rows, gathered
 * and sent to the writer.
 *
 * What a transition writes after one outcomes_begin() goes to disk in one commit. A delivery that
 * came from a block is settled (has a durable trace) when the commit with its first transition is
 * done: outcomes_settle() asks for that.
 *
 * Not urgent: it goes with the shard's next chain of events, or after a few milliseconds, or
 * when a batch is full.
 */
#ifndef ENGINE_OUTCOMES_H
#define ENGINE_OUTCOMES_H

#include "intake.h"

enum { OUTCOMES_SETTLED_MAX = 512, OUTCOMES_FLUSH_MS = 10, OUTCOMES_PAGE_ROWS = 4 * 64 };

struct outcome_batch {
    struct mail mail;
    struct journal_outcomes journal;
    uint64_t sequence;
    struct mail_redeliver *page; /* hears of it when the batch is on disk; or NULL */
    unsigned settled_count;
    struct {
        struct block_share *share;
        uint32_t count;
    } settled[OUTCOMES_SETTLED_MAX];
    char attempts_memory[LIMIT_OUTCOME_BLOCK_SIZE];
    char rows_memory[LIMIT_ROW_LOG_SIZE];
};

struct outcomes {
    struct pool batches;
    size_t kept; /* of them, for the ends of attempts */
    struct outcome_batch *open;
    uint64_t opened_ms;
    uint64_t next_block; /* number of the next block of attempts */
    uint64_t sequence,
        committed; /* of batches: the last that was opened; the last that is on disk */
    unsigned out;  /* batches with the writer */
};

/* `attempts`: as many as may be on their way. */
MUST_CHECK int outcomes_open(struct outcomes *outcomes, uint64_t first_block, unsigned attempts);
void outcomes_close(struct outcomes *outcomes);

/* Whether there is room for work that can wait: starting attempts, parking. What is on its way has
 * room kept for it. */
bool outcomes_have_room(const struct shard *shard);

void outcomes_begin(struct shard *shard);
/* Returns the number of the block that the attempt is in. */
uint64_t outcomes_attempt(struct shard *shard, const struct attempt_record *attempt);
void outcomes_put(struct shard *shard, const struct key *key, struct slice value);
void outcomes_drop(struct shard *shard, const struct key *key);
void outcomes_settle(struct shard *shard, struct block_share *share);

/* A page: OUTCOMES_PAGE_ROWS rows between the two, which go to disk together and with the document;
 * redelivery_durable() is called when they are there. Without a document (NULL) they are synced:
 * somebody is told of them. With one, what is lost to a power failure is lost together, and done
 * again. There has to be room for work that can wait. */
void outcomes_begin_page(struct shard *shard);
void outcomes_end_page(struct shard *shard, const struct journal_document *document,
                       struct mail_redeliver *page);

/* Sends what has gathered if it is time to, or in any case if `now`. */
void outcomes_flush(struct shard *shard, bool now);

/* When outcomes_flush() has something to do next: monotonic ms, UINT64_MAX never. */
uint64_t outcomes_due_ms(const struct outcomes *outcomes);

/* Mail. */
void outcomes_durable(struct shard *shard, struct outcome_batch *batch);

#endif
