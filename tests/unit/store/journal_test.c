/* The journal: commits are atomic, numbered and survive; of the same idempotency key only the first
 * event has an effect, wherever the first one is; and rows agree with a simple model. */
#include "store/journal.h"

#include "base/random.h"
#include "scratch.h"
#include "store/attempt_index.h"
#include "store/backlog.h"
#include "store/keys.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { WINDOW_MS = 1000, BLOCK_ROOM = 1 << 14 };

static struct scratch scratch;
static struct journal *journal;
static struct random chance;
static uint64_t next_block, now_ms;

static void start(void)
{
    struct journal_options options = {.sync = true};
    cr_assert(zero(int, journal_open(&journal, scratch.db, WINDOW_MS, &options)));
}

static void setup(void)
{
    scratch_open(&scratch, 2);
    random_init(&chance, 41);
    next_block = 1;
    now_ms = UINT64_C(1700000000000);
    start();
}

static void teardown(void)
{
    journal_close(journal);
    scratch_close(&scratch);
}

TestSuite(journal, .init = setup, .fini = teardown);

static void restart(void)
{
    journal_close(journal);
    scratch_reopen(&scratch);
    start();
}

/* A block of one event with one key each, in memory of its own. */
struct submission {
    struct journal_events events;
    struct claim claim;
    struct id event;
    char memory[BLOCK_ROOM];
};

static void fill(struct submission *submission, unsigned shard, const char *key)
{
    *submission = (struct submission){.events = {.next = NULL}};
    struct block *block = &submission->events.block;
    block_init(block, BLOCK_EVENTS, shard, next_block++, submission->memory, BLOCK_ROOM);
    struct event_record record = {
        .event = place_id(now_ms, (struct place){shard, block->number, 0}),
        .payload = SLICE("{}"),
    };
    char *at = block_append(block, event_record_size(&record), now_ms);
    event_record_encode(&record, at);
    submission->event = record.event;
    struct claim *claim = &submission->claim;
    if (key) {
        snprintf((char *)claim->key, sizeof claim->key, "%s", key);
        claim->event = record.event;
        claim->accepted_ms = now_ms;
        claim->record = at;
        submission->events.claims = claim;
    }
}

static void add_attempt(struct block *block, const struct submission *submission)
{
    const struct attempt_record attempt = {.event = submission->event,
                                           .outcome = ATTEMPT_DELIVERED,
                                           .status_after = DELIVERY_DELIVERED,
                                           .number = 1};
    char *at = block_append(block, attempt_record_size(&attempt), now_ms);
    cr_assert(at != NULL);
    attempt_record_encode(&attempt, at);
}

static void add(struct submission *submission)
{
    cr_assert(zero(int, journal_add_events(journal, &submission->events)));
}

static void commit(void)
{
    cr_assert(zero(int, journal_commit(journal)));
}

static void take_in(struct submission *submission, unsigned shard, const char *key)
{
    fill(submission, shard, key);
    add(submission);
    commit();
}

/* Whether the event can be read: -ENOENT also if it was a duplicate. */
static int read_event(const struct id *id)
{
    struct event_reader *reader;
    struct event_record event;
    cr_assert(zero(int, event_reader_open(&reader, scratch.db)));
    int error = event_reader_get(reader, id, &event);
    event_reader_close(reader);
    return error;
}

static void check_duplicate(const struct submission *later, const struct submission *first)
{
    cr_assert(later->claim.duplicate);
    cr_assert(id_equal(&later->claim.first, &first->claim.event));
    cr_assert(eq(int, read_event(&later->claim.event), -ENOENT));
    cr_assert(zero(int, read_event(&first->claim.event)));
}

Test(journal, has_nothing_to_commit_at_first)
{
    cr_assert(eq(sz, journal_pending(journal), 0));
    commit();
    cr_assert(eq(u64, journal_counters(journal).commits, 0));
}

static uint64_t commit_of(enum family_kind kind, unsigned shard, uint64_t number)
{
    struct key key = key_block(number);
    struct db_value value;
    struct block_view view;
    cr_assert(zero(int, db_get(scratch.db, (struct family){kind, shard}, key_slice(&key), &value)));
    cr_assert(zero(int, block_open(value.bytes, &view)));
    uint64_t commit = view.commit;
    db_value_give(&value);
    return commit;
}

Test(journal, numbers_its_commits_over_restarts)
{
    static struct submission first, second, third;
    take_in(&first, 0, NULL);
    restart();
    take_in(&second, 1, NULL);
    restart();
    take_in(&third, 0, NULL);
    uint64_t one = commit_of(FAMILY_EVENTS, 0, first.events.block.number);
    uint64_t two = commit_of(FAMILY_EVENTS, 1, second.events.block.number);
    uint64_t three = commit_of(FAMILY_EVENTS, 0, third.events.block.number);
    cr_assert(lt(u64, one, two));
    cr_assert(lt(u64, two, three));
}

Test(journal, gives_a_whole_group_one_commit)
{
    static struct submission first, second;
    static char attempts[BLOCK_ROOM];
    fill(&first, 0, NULL);
    fill(&second, 1, NULL);
    first.events.next = &second.events;
    add(&first);
    struct journal_outcomes outcomes = {.shard = 1};
    block_init(&outcomes.attempts, BLOCK_ATTEMPTS, 1, 7, attempts, sizeof attempts);
    add_attempt(&outcomes.attempts, &first);
    journal_add_outcomes(journal, &outcomes);
    cr_assert(lt(sz, 0, journal_pending(journal)));
    commit();
    cr_assert(eq(sz, journal_pending(journal), 0));
    uint64_t number = commit_of(FAMILY_EVENTS, 0, first.events.block.number);
    cr_assert(eq(u64, commit_of(FAMILY_EVENTS, 1, second.events.block.number), number));
    cr_assert(eq(u64, commit_of(FAMILY_ATTEMPTS, 1, 7), number));
    struct journal_counters counters = journal_counters(journal);
    cr_assert(eq(u64, counters.commits, 1));
    cr_assert(eq(u64, counters.syncs, 1));
    cr_assert(eq(u64, counters.events_blocks, 2));
}

/* The block of attempts that the index leads to from the submission's event; 0: none. */
static uint64_t told_of(const struct submission *submission)
{
    struct attempt_index *index;
    struct attempts_place place = {.block = 0};
    cr_assert(zero(int, attempt_index_open(&index, scratch.db)));
    int error = attempt_index_first(index, &submission->event, &place);
    cr_assert(eq(int, error, place.block ? 0 : -ENOENT));
    attempt_index_close(index);
    return place.block;
}

Test(journal, keeps_the_index_of_attempts_from_its_first_commit_on)
{
    static struct submission event;
    static char attempts[BLOCK_ROOM];
    struct attempt_index *index;
    struct journal_outcomes outcomes = {.shard = 1};
    take_in(&event, 0, NULL);
    restart();
    cr_assert(zero(u64, told_of(&event)));
    block_init(&outcomes.attempts, BLOCK_ATTEMPTS, 1, 7, attempts, sizeof attempts);
    add_attempt(&outcomes.attempts, &event);
    journal_add_outcomes(journal, &outcomes);
    cr_assert(zero(u64, told_of(&event)), "not before it is written");
    commit();
    cr_assert(eq(u64, told_of(&event), 7));
    restart();
    cr_assert(zero(int, attempt_index_open(&index, scratch.db)));
    cr_expect(attempt_index_covers(index, 1));
    cr_expect(not(attempt_index_covers(index, 0)));
    attempt_index_close(index);
}

Test(journal, syncs_no_group_without_events)
{
    char memory[64];
    struct journal_outcomes outcomes = {.shard = 0};
    row_log_init(&outcomes.rows, memory, sizeof memory);
    struct key key = key_block(1);
    cr_assert(row_log_put(&outcomes.rows, &key, SLICE("row")));
    journal_add_outcomes(journal, &outcomes);
    commit();
    cr_assert(eq(u64, journal_counters(journal).commits, 1));
    cr_assert(eq(u64, journal_counters(journal).syncs, 0));
    cr_assert(zero(int, journal_sync(journal)));
    cr_assert(eq(u64, journal_counters(journal).syncs, 1));
}

Test(journal, writes_a_document_with_the_rows_and_syncs_them_if_that_is_awaited)
{
    char memory[64];
    struct journal_document document = {key_meta("replay", SLICE("rpl_1")), SLICE("{}")};
    struct journal_outcomes outcomes = {.shard = 0, .document = &document, .sync = true};
    row_log_init(&outcomes.rows, memory, sizeof memory);
    journal_add_outcomes(journal, &outcomes);
    commit();
    cr_assert(eq(u64, journal_counters(journal).syncs, 1));
    struct db_value value;
    struct family meta = {.kind = FAMILY_META};
    cr_assert(zero(int, db_get(scratch.db, meta, key_slice(&document.key), &value)));
    cr_assert(slice_equal(value.bytes, SLICE("{}")));
    db_value_give(&value);
}

Test(journal, finds_a_duplicate_within_a_submission_and_within_a_group)
{
    static struct submission first, second, third;
    fill(&first, 0, "key");
    fill(&second, 1, "key");
    fill(&third, 1, "key");
    first.events.next = &second.events;
    add(&first);
    add(&third);
    commit();
    cr_assert(not(first.claim.duplicate));
    check_duplicate(&second, &first);
    check_duplicate(&third, &first);
    cr_assert(eq(u64, journal_counters(journal).duplicates, 2));
}

Test(journal, finds_a_duplicate_of_an_earlier_group)
{
    static struct submission first, second, third;
    take_in(&first, 0, "key");
    fill(&second, 1, "key");
    fill(&third, 1, "key");
    add(&second);
    add(&third);
    commit();
    check_duplicate(&second, &first);
    check_duplicate(&third, &first);
}

Test(journal, finds_a_duplicate_after_a_restart)
{
    static struct submission first, second;
    take_in(&first, 0, "key");
    restart();
    take_in(&second, 1, "key");
    check_duplicate(&second, &first);
}

Test(journal, keeps_different_keys_apart)
{
    static struct submission first, second, third;
    take_in(&first, 0, "key");
    take_in(&second, 0, "kez");
    take_in(&third, 0, NULL);
    cr_assert(not(second.claim.duplicate));
    cr_assert(zero(int, read_event(&second.claim.event)));
}

Test(journal, forgets_a_key_when_its_window_is_over)
{
    static struct submission first, second, third, fourth;
    take_in(&first, 0, "key");
    now_ms += WINDOW_MS;
    take_in(&second, 0, "key");
    check_duplicate(&second, &first);
    now_ms += 1;
    take_in(&third, 0, "key");
    cr_assert(not(third.claim.duplicate));
    now_ms += 1;
    take_in(&fourth, 0, "key");
    check_duplicate(&fourth, &third);
}

Test(journal, takes_a_key_from_before_a_clock_step_for_taken)
{
    static struct submission first, second;
    take_in(&first, 0, "key");
    now_ms -= 3600 * 1000;
    take_in(&second, 0, "key");
    check_duplicate(&second, &first);
}

/* Many keys in one group, so that the table of claims grows; half of them twice. */
enum { MANY = 3000 };

Test(journal, checks_any_number_of_keys_in_one_group)
{
    static struct submission many[MANY];
    char key[16];
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "key %u", i % (MANY / 2));
        fill(&many[i], i % 2, key);
        add(&many[i]);
    }
    commit();
    for (unsigned i = 0; i < MANY / 2; i++)
        cr_assert(not(many[i].claim.duplicate));
    for (unsigned i = MANY / 2; i < MANY; i++)
        cr_assert(id_equal(&many[i].claim.first, &many[i - MANY / 2].claim.event));
}

/* ---- rows against a model ---- */

enum { ROWS = 200 };
static struct {
    struct key key;
    unsigned shard;
    bool is_there;
    uint32_t value;
} model[ROWS];

static void check_model(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct db_value value;
        int error = db_get(scratch.db, (struct family){FAMILY_QUEUE, model[i].shard},
                           key_slice(&model[i].key), &value);
        cr_assert(eq(int, error, model[i].is_there ? 0 : -ENOENT));
        if (error)
            continue;
        struct wait_row row;
        cr_assert(zero(int, wait_row_decode(value.bytes, &row)));
        cr_assert(eq(u32, row.attempt_count, model[i].value));
        db_value_give(&value);
    }
}

static void change_rows(unsigned shard)
{
    static char memory[BLOCK_ROOM];
    struct journal_outcomes outcomes = {.shard = shard};
    row_log_init(&outcomes.rows, memory, sizeof memory);
    for (uint64_t changes = random_below(&chance, 20); changes > 0; changes--) {
        size_t i = random_below(&chance, ROWS);
        if (model[i].shard != shard)
            continue;
        model[i].is_there = random_below(&chance, 2);
        model[i].value = (uint32_t)random_u64(&chance);
        char value[WAIT_ROW_SIZE];
        wait_row_encode(&(struct wait_row){.attempt_count = model[i].value}, value);
        bool done = model[i].is_there
                        ? row_log_put(&outcomes.rows, &model[i].key, slice_of(value, sizeof value))
                        : row_log_drop(&outcomes.rows, &model[i].key);
        cr_assert(done);
    }
    journal_add_outcomes(journal, &outcomes);
}

Test(journal, agrees_with_a_simple_model_of_rows)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct id subscription = id_new(i, &chance), event = id_new(i, &chance);
        model[i].key = i % 2 ? key_row(ROW_PARKED, &subscription, &event)
                             : key_retry(i, &subscription, &event);
        model[i].shard = i % 3 == 0;
    }
    for (unsigned step = 0; step < 300; step++) {
        change_rows(0);
        change_rows(1);
        commit();
        if (step % 100 == 50)
            restart();
        if (step % 10 == 0)
            check_model();
    }
    restart();
    check_model();
}
