/* What became of deliveries, gathered for the writer, which is a mailbox that the test empties.
 * Three functions of other files are replaced: who is told that a share's deliveries are settled,
 * and who waits for a commit. */
#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { FIRST_BLOCK = 500 };

static struct crew crew;
static struct shard shard;
static struct block_share shares[OUTCOMES_SETTLED_MAX + 1];

/* ---- in place of share.c, paging.c and redelivery.c ---- */

static unsigned settled_calls, commits_seen;
static struct mail_redeliver *durable_page;

void redelivery_durable(struct shard *taker, struct mail_redeliver *page)
{
    cr_assert(taker == &shard);
    durable_page = page;
}

void share_settled(struct shard *settler, struct block_share *share, uint32_t count)
{
    cr_assert(settler == &shard);
    share->unsettled += count; /* here: counts what was settled */
    settled_calls++;
}

void paging_lay_ghosts(struct shard *layer)
{
    cr_assert(layer == &shard);
    commits_seen++;
}

static const struct tenant tenant = {.id = {{8}}, .log_key = {42}};

const struct tenant *directory_tenant(const struct directory *directory, const struct id *id)
{
    cr_assert(directory == &shard.directory);
    return id_equal(id, &tenant.id) ? &tenant : NULL;
}

/* ---- the stage ---- */

static void open_outcomes(void)
{
    crew_init(&crew, 1);
    shard.crew = &crew;
    shard.now_ms = 1000;
    cr_assert(zero(int, outcomes_open(&shard.outcomes, FIRST_BLOCK, LIMIT_ATTEMPTS)));
}

static void close_outcomes(void)
{
    outcomes_close(&shard.outcomes);
}

TestSuite(outcomes, .init = open_outcomes, .fini = close_outcomes);

static char body[LIMIT_RESPONSE_CAPTURE];

/* As large as an attempt can become. */
static struct attempt_record largest(uint32_t number)
{
    static const char error[HTTP_CALL_WHY_SIZE];
    static const char address[ADDRESS_TEXT_SIZE];
    return (struct attempt_record){.tenant = tenant.id,
                                   .outcome = ATTEMPT_HTTP_ERROR,
                                   .status_after = DELIVERY_RETRYING,
                                   .number = number,
                                   .response_body = slice_of(body, sizeof body),
                                   .error = slice_of(error, sizeof error),
                                   .address = slice_of(address, sizeof address)};
}

/* A transition that writes as much as a failure does: its attempt, its state, the old row dropped
 * and the new one put. */
static uint64_t fail_once(uint32_t number)
{
    static const char state[DELIVERY_ROW_SIZE_MAX];
    struct id id = {{(uint8_t)number}};
    struct attempt_record record = largest(number);
    struct key key = key_row(ROW_DELIVERY, &id, &id);
    struct key retry = key_retry(number, &id, &id);
    outcomes_begin(&shard);
    uint64_t block = outcomes_attempt(&shard, &record);
    outcomes_put(&shard, &key, slice_of(state, sizeof state));
    outcomes_drop(&shard, &retry);
    outcomes_put(&shard, &retry, slice_of(state, WAIT_ROW_SIZE));
    return block;
}

static struct outcome_batch *take_batch(void)
{
    struct mail *mail = mailbox_take(&crew.members[crew_writer(&crew)].mailbox);
    if (!mail)
        return NULL;
    cr_assert(eq(int, (int)mail->kind, MAIL_OUTCOMES));
    return container_of(mail, struct outcome_batch, mail);
}

/* ---- tests ---- */

Test(outcomes, has_nothing_to_send_at_first)
{
    outcomes_flush(&shard, true);
    cr_assert(take_batch() == NULL);
    cr_assert(eq(u64, outcomes_due_ms(&shard.outcomes), UINT64_MAX));
    cr_assert(outcomes_have_room(&shard));
}

Test(outcomes, waits_a_little_before_it_sends)
{
    fail_once(1);
    cr_assert(eq(u64, outcomes_due_ms(&shard.outcomes), 1000 + OUTCOMES_FLUSH_MS));
    shard.now_ms = 1000 + OUTCOMES_FLUSH_MS - 1;
    outcomes_flush(&shard, false);
    cr_assert(take_batch() == NULL);

    shard.now_ms++;
    outcomes_flush(&shard, false);
    cr_assert(take_batch() != NULL);
    cr_assert(eq(u64, outcomes_due_ms(&shard.outcomes), UINT64_MAX));
}

Test(outcomes, does_not_wait_if_it_is_told_so)
{
    fail_once(1);
    outcomes_flush(&shard, true);
    cr_assert(take_batch() != NULL);
    outcomes_flush(&shard, true);
    cr_assert(take_batch() == NULL);
}

Test(outcomes, says_in_which_block_an_attempt_is)
{
    cr_assert(eq(u64, fail_once(1), FIRST_BLOCK));
    cr_assert(eq(u64, fail_once(2), FIRST_BLOCK));
    outcomes_flush(&shard, true);
    cr_assert(eq(u64, fail_once(3), FIRST_BLOCK + 1));

    struct outcome_batch *batch = take_batch();
    cr_assert(eq(u64, batch->journal.attempts.number, FIRST_BLOCK));
    cr_assert(eq(u32, batch->journal.attempts.count, 2));
    cr_assert(eq(u32, batch->journal.rows.count, 6));
    cr_assert(eq(u32, batch->journal.shard, shard.number));
}

Test(outcomes, keeps_attempts_in_order_over_many_batches)
{
    uint32_t number = 0;
    uint32_t read = 0;
    for (unsigned i = 0; i < 1000; i++) {
        fail_once(++number);
        if (i == 999)
            outcomes_flush(&shard, true);
        for (struct outcome_batch *batch; (batch = take_batch());) {
            struct block *block = &batch->journal.attempts;
            struct slice rest =
                slice_of(block->at + BLOCK_HEAD_SIZE, block->size - BLOCK_HEAD_SIZE);
            struct slice bytes;
            while (block_next(&rest, &bytes)) {
                struct attempt_record record;
                cr_assert(zero(int, attempt_record_decode(bytes, &record)));
                cr_assert(eq(u32, record.number, ++read));
                cr_assert(eq(sz, record.response_body.size, sizeof body));
            }
            outcomes_durable(&shard, batch);
        }
    }
    cr_assert(eq(u32, read, number));
    cr_assert(zero(sz, shard.outcomes.batches.used));
}

static struct attempt_record write_one(const struct attempt_record *attempt)
{
    struct attempt_record read;
    struct slice bytes;
    outcomes_begin(&shard);
    outcomes_attempt(&shard, attempt);
    outcomes_flush(&shard, true);
    struct block *block = &take_batch()->journal.attempts;
    struct slice rest = slice_of(block->at + BLOCK_HEAD_SIZE, block->size - BLOCK_HEAD_SIZE);
    cr_assert(block_next(&rest, &bytes));
    cr_assert(zero(int, attempt_record_decode(bytes, &read)));
    return read;
}

Test(outcomes, seals_an_attempt_by_its_tenants_key)
{
    char room[4096];
    struct attempt_record attempt = largest(1);
    attempt.error = SLICE("connection refused");
    struct attempt_record read = write_one(&attempt);
    cr_assert_not_null(read.sealed.nonce);
    cr_assert(zero(int, attempt_record_open(&read, tenant.log_key, room)));
    cr_assert(slice_equal(read.error, attempt.error));
}

Test(outcomes, does_not_seal_a_note_which_says_nothing)
{
    struct attempt_record note = {.tenant = tenant.id, .status_after = DELIVERY_PENDING};
    cr_assert_null(write_one(&note).sealed.nonce);
}

Test(outcomes, keeps_no_text_of_a_tenant_that_is_gone)
{
    struct attempt_record attempt = largest(1);
    attempt.tenant.bytes[0] ^= 1;
    attempt.error = SLICE("connection refused");
    struct attempt_record read = write_one(&attempt);
    cr_assert_null(read.sealed.nonce);
    cr_assert(eq(u32, read.number, 1));
    cr_assert(zero(sz, read.error.size + read.address.size + read.response_body.size));
}

Test(outcomes, keeps_room_for_the_ends_of_attempts_however_slow_the_disk_is)
{
    uint32_t ends = 0;
    while (outcomes_have_room(&shard)) { /* what begins while there is room */
        fail_once(++ends);
        outcomes_flush(&shard, true);
    }
    /* None comes back; attempts end one by one, each long after the other. */
    for (unsigned left = LIMIT_ATTEMPTS + LIMIT_TOGETHER; left > 0; left--) {
        fail_once(++ends);
        shard.now_ms += 10 * OUTCOMES_FLUSH_MS;
        outcomes_flush(&shard, left % 2);
    }
    if (shard.outcomes.open)
        cr_assert(eq(u64, outcomes_due_ms(&shard.outcomes), UINT64_MAX), "nothing to wake up for");
    while (shard.outcomes.out > 0) {
        outcomes_durable(&shard, take_batch());
        outcomes_flush(&shard, false);
    }
    cr_assert(zero(sz, shard.outcomes.batches.used));
}

Test(outcomes, tells_shares_what_is_settled_when_it_is_on_disk)
{
    for (unsigned i = 0; i < 6; i++) {
        outcomes_begin(&shard);
        outcomes_settle(&shard, &shares[i < 4 ? 0 : 1]);
    }
    outcomes_begin(&shard);
    outcomes_settle(&shard, &shares[0]);
    outcomes_flush(&shard, true);
    struct outcome_batch *batch = take_batch();
    cr_assert(zero(u32, settled_calls));
    cr_assert(eq(u32, batch->settled_count, 3), "neighbours are told in one");

    outcomes_durable(&shard, batch);
    cr_assert(eq(u32, shares[0].unsettled, 5));
    cr_assert(eq(u32, shares[1].unsettled, 2));
    cr_assert(eq(u32, commits_seen, 1));
}

Test(outcomes, begins_a_new_batch_when_one_has_settled_all_it_can)
{
    for (unsigned i = 0; i <= OUTCOMES_SETTLED_MAX; i++) {
        cr_assert(take_batch() == NULL);
        outcomes_begin(&shard);
        if (i < OUTCOMES_SETTLED_MAX)
            outcomes_settle(&shard, &shares[i]);
    }
    struct outcome_batch *batch = take_batch();
    cr_assert(batch != NULL);
    cr_assert(eq(u32, batch->settled_count, OUTCOMES_SETTLED_MAX));
}

/* Without attempts, so that rows are what fills a batch. */
Test(outcomes, finds_room_for_the_largest_rows_of_every_transition)
{
    static const char value[ROW_LOG_ENTRY_MAX - KEY_SIZE_MAX - 16];
    unsigned rows = 0;
    for (unsigned i = 0; i < 500; i++) {
        struct id id = {{(uint8_t)i}};
        struct key key = key_row(ROW_DELIVERY, &id, &id);
        outcomes_begin(&shard);
        for (unsigned k = 0; k < 4; k++)
            outcomes_put(&shard, &key, slice_of(value, sizeof value));
        if (i == 499)
            outcomes_flush(&shard, true);
        for (struct outcome_batch *batch; (batch = take_batch());) {
            rows += batch->journal.rows.count;
            outcomes_durable(&shard, batch);
        }
    }
    cr_assert(eq(u32, rows, 2000));
}

Test(outcomes, of_a_page_go_alone_and_whoever_awaits_them_is_told_when_they_are_on_disk)
{
    static const char state[ROW_LOG_ENTRY_MAX - KEY_SIZE_MAX], wait[WAIT_ROW_SIZE];
    struct journal_document document = {.value = SLICE("{}")};
    static struct mail_redeliver mail;
    fail_once(1);
    outcomes_begin_page(&shard);
    for (unsigned i = 0; i < OUTCOMES_PAGE_ROWS; i++) {
        struct key key = key_block(i);
        outcomes_put(&shard, &key,
                     i % 4 ? slice_of(wait, sizeof wait) : slice_of(state, sizeof state));
    }
    outcomes_end_page(&shard, &document, &mail);
    struct outcome_batch *before = take_batch(), *page = take_batch();
    cr_assert(eq(u32, before->journal.rows.count, 3));
    cr_assert(not(before->journal.sync));
    cr_assert(eq(u32, page->journal.rows.count, OUTCOMES_PAGE_ROWS));
    cr_assert(page->journal.document == &document);
    cr_assert(not(page->journal.sync));

    outcomes_durable(&shard, before);
    cr_assert(durable_page == NULL);
    outcomes_durable(&shard, page);
    cr_assert(durable_page == &mail);
}

Test(outcomes, counts_what_is_on_disk)
{
    fail_once(1);
    outcomes_flush(&shard, true);
    fail_once(2);
    cr_assert(eq(u64, shard.outcomes.sequence, 2));
    cr_assert(zero(u64, shard.outcomes.committed));
    outcomes_durable(&shard, take_batch());
    cr_assert(eq(u64, shard.outcomes.committed, 1));
    cr_assert(zero(u32, shard.outcomes.out));
}

/* The promise that lets an attempt be started: however slow the disk, its end finds room. */
Test(outcomes, keeps_room_for_the_ends_of_all_attempts_on_their_way)
{
    uint32_t number = 0;
    while (outcomes_have_room(&shard))
        fail_once(++number);
    cr_assert(lt(u32, 0, number));
    for (unsigned i = 0; i < LIMIT_ATTEMPTS; i++) {
        fail_once(++number);
        outcomes_settle(&shard, &shares[i % OUTCOMES_SETTLED_MAX]);
    }
    cr_assert(le(sz, shard.outcomes.batches.used, shard.outcomes.batches.capacity));
}

Test(outcomes, has_room_again_when_the_disk_has_caught_up)
{
    uint32_t number = 0;
    while (outcomes_have_room(&shard))
        fail_once(++number);
    for (struct outcome_batch *batch; (batch = take_batch());)
        outcomes_durable(&shard, batch);
    cr_assert(outcomes_have_room(&shard));
}
