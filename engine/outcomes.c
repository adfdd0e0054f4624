/* outcomes.c - see outcomes.h.
 *
 * Room. A transition needs at most one attempt record, ROWS_PER_TRANSITION rows and one settled
 * entry, so a batch with less room left is sent off when a transition begins. Attempts on their way
 * must always find room for their ends: outcomes_have_room() keeps back as many batches as their
 * records could fill, each of the largest size. While no other is left (the disk is slow), a batch
 * is not sent off before it is full: those kept back would be used up by little ones.
 */
#include "shard.h"

enum {
    /* Numbers, ids, address and error; then what was captured. */
    RECORD_MAX = 512 + SEALED_OVERHEAD + 2 * LIMIT_HEADERS_CAPTURE + LIMIT_RESPONSE_CAPTURE,
    ROWS_PER_TRANSITION = 4,
    TRANSITIONS_MIN = LIMIT_OUTCOME_BLOCK_SIZE / RECORD_MAX - 1, /* that fit a batch */
    BATCHES_FREE = 5,                                            /* for work that can wait */
    /* Beside attempts: the last delivery begun may have others with it, and an event that is read
     * back may be gone. */
    TRANSITIONS_BESIDES = LIMIT_TOGETHER + LIMIT_FETCHES,
};

/* Of the four rows of a delivery in a page, one is large. */
_Static_assert(OUTCOMES_PAGE_ROWS / 4 *
                       (ROW_LOG_ENTRY_MAX + 3 * (KEY_SIZE_MAX + WAIT_ROW_SIZE + 4)) <=
                   LIMIT_ROW_LOG_SIZE,
               "a page must fit a batch");

int outcomes_open(struct outcomes *outcomes, uint64_t first_block, unsigned attempts)
{
    *outcomes = (struct outcomes){.next_block = first_block};
    outcomes->kept = (attempts + TRANSITIONS_BESIDES) / TRANSITIONS_MIN + 1;
    return pool_open(&outcomes->batches, sizeof(struct outcome_batch),
                     outcomes->kept + BATCHES_FREE);
}

void outcomes_close(struct outcomes *outcomes)
{
    pool_close(&outcomes->batches);
}

static size_t batches_left(const struct outcomes *outcomes)
{
    return outcomes->batches.capacity - outcomes->batches.used;
}

bool outcomes_have_room(const struct shard *shard)
{
    return batches_left(&shard->outcomes) > shard->outcomes.kept;
}

static void open_batch(struct shard *shard)
{
    struct outcomes *outcomes = &shard->outcomes;
    struct outcome_batch *batch = pool_take(&outcomes->batches);
    must(batch); /* by outcomes_have_room() */
    batch->mail.kind = MAIL_OUTCOMES;
    batch->sequence = ++outcomes->sequence;
    batch->settled_count = 0;
    batch->page = NULL;
    batch->journal.document = NULL;
    batch->journal.sync = false;
    batch->journal.shard = shard->number;
    block_init(&batch->journal.attempts, BLOCK_ATTEMPTS, shard->number, outcomes->next_block++,
               batch->attempts_memory, sizeof batch->attempts_memory);
    row_log_init(&batch->journal.rows, batch->rows_memory, sizeof batch->rows_memory);
    outcomes->open = batch;
    outcomes->opened_ms = shard->now_ms;
}

static bool is_full(const struct outcome_batch *batch)
{
    return batch->journal.attempts.room - batch->journal.attempts.size <
               RECORD_MAX + BLOCK_RECORD_HEAD ||
           batch->journal.rows.room - batch->journal.rows.size <
               (size_t)ROWS_PER_TRANSITION * ROW_LOG_ENTRY_MAX ||
           batch->settled_count == OUTCOMES_SETTLED_MAX;
}

static void send_off(struct shard *shard)
{
    struct outcomes *outcomes = &shard->outcomes;
    struct outcome_batch *batch = outcomes->open;
    outcomes->open = NULL;
    outcomes->out++;
    crew_post(shard->crew, shard->number, crew_writer(shard->crew), &batch->mail);
}

void outcomes_begin(struct shard *shard)
{
    if (shard->outcomes.open && is_full(shard->outcomes.open))
        send_off(shard);
    if (!shard->outcomes.open)
        open_batch(shard);
}

/* Of a tenant that was deleted meanwhile: what would be sealed is left out. */
static struct attempt_record without_texts(const struct attempt_record *attempt)
{
    struct attempt_record bare = *attempt;
    bare.address = bare.error = bare.request_headers = SLICE("");
    bare.response_headers = bare.response_body = SLICE("");
    return bare;
}

uint64_t outcomes_attempt(struct shard *shard, const struct attempt_record *attempt)
{
    struct block *block = &shard->outcomes.open->journal.attempts;
    const struct tenant *tenant = directory_tenant(&shard->directory, &attempt->tenant);
    const struct attempt_record bare = without_texts(attempt);
    const struct attempt_record *kept = tenant ? attempt : &bare;
    size_t size = attempt_record_size(kept);
    bool is_sealed = size > attempt_record_size(&bare); /* a note has nothing to seal */
    char *at = block_append(block, size + (is_sealed ? SEALED_OVERHEAD : 0), attempt->at_ms);
    must(at);
    attempt_record_encode(kept, at);
    if (is_sealed)
        attempt_record_seal(at, size, &(struct sealing){tenant->log_key, &shard->nonces});
    return block->number;
}

void outcomes_put(struct shard *shard, const struct key *key, struct slice value)
{
    must(row_log_put(&shard->outcomes.open->journal.rows, key, value));
}

void outcomes_drop(struct shard *shard, const struct key *key)
{
    must(row_log_drop(&shard->outcomes.open->journal.rows, key));
}

void outcomes_settle(struct shard *shard, struct block_share *share)
{
    struct outcome_batch *batch = shard->outcomes.open;
    unsigned last = batch->settled_count;
    if (last > 0 && batch->settled[last - 1].share == share) {
        batch->settled[last - 1].count++;
        return;
    }
    batch->settled[last].share = share;
    batch->settled[last].count = 1;
    batch->settled_count++;
}

void outcomes_flush(struct shard *shard, bool now)
{
    struct outcomes *outcomes = &shard->outcomes;
    uint64_t due_ms = outcomes_due_ms(outcomes);
    if (due_ms != UINT64_MAX && (now || shard->now_ms >= due_ms))
        send_off(shard);
}

void outcomes_begin_page(struct shard *shard)
{
    if (shard->outcomes.open)
        send_off(shard);
    open_batch(shard);
}

void outcomes_end_page(struct shard *shard, const struct journal_document *document,
                       struct mail_redeliver *page)
{
    struct outcome_batch *batch = shard->outcomes.open;
    batch->journal.document = document;
    batch->journal.sync = !document;
    batch->page = page;
    send_off(shard);
}

uint64_t outcomes_due_ms(const struct outcomes *outcomes)
{
    bool may_go = outcomes->open && batches_left(outcomes) >= outcomes->kept;
    return may_go ? outcomes->opened_ms + OUTCOMES_FLUSH_MS : UINT64_MAX;
}

void outcomes_durable(struct shard *shard, struct outcome_batch *batch)
{
    shard->outcomes.out--;
    shard->outcomes.committed = batch->sequence;
    for (unsigned i = 0; i < batch->settled_count; i++)
        share_settled(shard, batch->settled[i].share, batch->settled[i].count);
    struct mail_redeliver *page = batch->page;
    pool_give(&shard->outcomes.batches, batch);
    if (page)
        redelivery_durable(shard, page);
    paging_lay_ghosts(shard);
}
