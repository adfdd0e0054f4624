/* The view of the attempts logs against a naive one: whatever is written, read in steps of whatever
 * size, with restarts and crashes in between, every sum is what all records that are on disk give.
 *
 * A crash takes the end of RocksDB's log: what was written in it last goes first. */
#include "store/rollups.h"

#include "base/clock.h"
#include "base/random.h"
#include "scratch.h"
#include "store/block.h"

#include <criterion/new/assert.h>
#include <errno.h>
#include <glob.h>

enum { SHARDS = 2, SUBSCRIPTIONS = 5, TENANTS = 2, RECORDS_MAX = 20000, BLOCK_SIZE = 1 << 15 };

static struct scratch scratch;
static struct rollups *rollups;
static struct random chance;
static struct id subscriptions[SUBSCRIPTIONS], tenants[TENANTS];
static struct attempt_record records[RECORDS_MAX]; /* all that are on disk */
static size_t record_count;
static uint64_t next_block[SHARDS];
static uint64_t now_ms; /* not long ago: compaction drops what is kept no longer */

static unsigned dead_seen;

static void count_dead(void *context, const struct attempt_record *attempt)
{
    cr_assert(eq(int, (int)attempt->status_after, DELIVERY_DEAD));
    ++*(unsigned *)context;
}

static void setup(void)
{
    random_init(&chance, 11);
    now_ms = clock_wall_ms();
    scratch_open(&scratch, SHARDS);
    for (size_t i = 0; i < SUBSCRIPTIONS; i++)
        subscriptions[i] = id_new(now_ms, &chance);
    for (size_t i = 0; i < TENANTS; i++)
        tenants[i] = id_new(now_ms, &chance);
    cr_assert(zero(int, rollups_open(&rollups, scratch.db, count_dead, &dead_seen)));
}

static void teardown(void)
{
    rollups_close(rollups);
    scratch_close(&scratch);
}

TestSuite(rollups, .init = setup, .fini = teardown);

static void restart(void)
{
    rollups_close(rollups);
    scratch_reopen(&scratch);
    cr_assert(zero(int, rollups_open(&rollups, scratch.db, count_dead, &dead_seen)));
}

/* ---- what an engine writes ---- */

static struct attempt_record any_attempt(void)
{
    unsigned subscription = (unsigned)random_below(&chance, SUBSCRIPTIONS);
    bool is_note = random_below(&chance, 8) == 0;
    struct attempt_record record = {
        .event = id_new(now_ms - random_below(&chance, 100000), &chance),
        .subscription = subscriptions[subscription],
        .tenant = tenants[subscription % TENANTS],
        .outcome = is_note ? ATTEMPT_NONE : (enum attempt_outcome)(1 + random_below(&chance, 10)),
        .status_after = is_note ? DELIVERY_PENDING : DELIVERY_RETRYING,
        .number = (uint32_t)random_below(&chance, 3) + 1,
        .at_ms = now_ms - random_below(&chance, 20000),
        .duration_ms = (uint32_t)random_below(&chance, 20000),
    };
    if (record.outcome == ATTEMPT_DELIVERED)
        record.status_after = DELIVERY_DELIVERED;
    else if (!is_note && random_below(&chance, 4) == 0)
        record.status_after = DELIVERY_DEAD;
    return record;
}

static void write_block(unsigned shard, unsigned count)
{
    static char memory[BLOCK_SIZE];
    struct block block;
    struct batch *batch;
    block_init(&block, BLOCK_ATTEMPTS, shard, next_block[shard]++, memory, sizeof memory);
    for (; count > 0; count--) {
        struct attempt_record record = any_attempt();
        char *at = block_append(&block, attempt_record_size(&record), record.at_ms);
        cr_assert_not_null(at);
        attempt_record_encode(&record, at);
        records[record_count++] = record;
    }
    block_seal(&block, 1, 0);
    struct key key = key_block(block.number);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, (struct family){FAMILY_ATTEMPTS, shard}, key_slice(&key),
              block_value(&block));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

static void write_some(void)
{
    unsigned shard = (unsigned)random_below(&chance, SHARDS);
    next_block[shard] += random_below(&chance, 4) == 0; /* a batch without attempts has no block */
    now_ms += random_below(&chance, 30000);
    write_block(shard, 1 + (unsigned)random_below(&chance, 40));
}

static bool step(unsigned records_max)
{
    bool more;
    cr_assert(zero(int, rollups_step(rollups, records_max, now_ms, &more)));
    return more;
}

/* ---- the naive view ---- */

static struct rollup naive(const struct rollup_place *place)
{
    struct rollup sum = {0};
    for (size_t i = 0; i < record_count; i++) {
        const struct attempt_record *record = &records[i];
        bool is_of = id_is_zero(&place->subscription)
                         ? id_equal(&record->tenant, &place->tenant)
                         : id_equal(&record->subscription, &place->subscription);
        uint64_t start_ms = resolution_start_ms(place->resolution, rollup_time_ms(record));
        if (is_of && start_ms == place->start_ms)
            rollup_add(&sum, record);
    }
    return sum;
}

static unsigned dead_on_record(void)
{
    unsigned dead = 0;
    for (size_t i = 0; i < record_count; i++)
        dead += records[i].status_after == DELIVERY_DEAD;
    return dead;
}

/* Every row is as the naive view has it, and together they have all attempts. */
static void check(void)
{
    struct cursor *cursor;
    uint64_t attempts = 0, expected = 0;
    cr_assert(zero(int, cursor_open(&cursor, scratch.db, (struct family){.kind = FAMILY_STATS},
                                    SLICE("B"), SLICE("C"))));
    for (bool more = cursor_first(cursor); more; more = cursor_next(cursor)) {
        struct rollup_place place;
        struct rollup stored;
        cr_assert(zero(int, key_parse_rollup(cursor_key(cursor), &place)));
        cr_assert(zero(int, rollup_decode(cursor_value(cursor), &stored)));
        struct rollup sum = naive(&place);
        cr_assert(zero(int, memcmp(&sum, &stored, sizeof sum)));
        for (unsigned i = 1; i < ROLLUP_OUTCOMES; i++)
            attempts += stored.outcomes[i];
    }
    cursor_close(cursor);
    for (size_t i = 0; i < record_count; i++)
        expected += records[i].outcome != ATTEMPT_NONE;
    cr_assert(eq(u64, attempts, 2 * 3 * expected)); /* subscription and tenant, in 3 resolutions */
}

Test(rollups, are_what_all_records_give_however_they_are_read)
{
    for (unsigned round = 0; round < 60; round++) {
        for (uint64_t i = random_below(&chance, 6); i > 0; i--)
            write_some();
        for (uint64_t i = random_below(&chance, 4); i > 0; i--)
            step(1 + (unsigned)random_below(&chance, 100));
        if (random_below(&chance, 10) == 0)
            restart();
    }
    while (step(50))
        ;
    check();
    cr_expect(zero(u64, rollups_figures(rollups).blocks_lost));
    cr_expect(zero(u64, rollups_figures(rollups).rows_damaged));
    cr_expect(ge(u32, dead_seen, dead_on_record()), "those that a restart kept from being written");
}

Test(rollups, of_what_was_read_already_do_not_grow)
{
    write_block(0, 20);
    for (unsigned i = 0; i < 3; i++)
        step(1000);
    restart();
    step(1000);
    check();
    cr_expect(eq(u32, dead_seen, dead_on_record()));
}

/* A block as large as it has to be, of failures. `many`: each of a subscription of its own. */
static void write_failures(unsigned count, bool many)
{
    static char memory[1 << 24];
    struct block block;
    struct batch *batch;
    block_init(&block, BLOCK_ATTEMPTS, 0, 0, memory, sizeof memory);
    for (unsigned i = 0; i < count; i++) {
        struct attempt_record record = any_attempt();
        if (many)
            record.subscription = id_new(now_ms, &chance);
        record.outcome = ATTEMPT_HTTP_ERROR;
        char *at = block_append(&block, attempt_record_size(&record), record.at_ms);
        cr_assert_not_null(at);
        attempt_record_encode(&record, at);
        if (many)
            records[record_count++] = record;
    }
    block_seal(&block, 1, 0);
    struct key key = key_block(0);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, (struct family){.kind = FAMILY_ATTEMPTS}, key_slice(&key),
              block_value(&block));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

/* More spans than are held at a time: the step ends early and the next one goes on. */
Test(rollups, take_more_subscriptions_than_are_held_at_a_time)
{
    write_failures(2 * ROLLUPS_LIVE + 100, true);
    unsigned steps = 1;
    while (step(UINT32_MAX))
        steps++;
    cr_expect(eq(u32, steps, 3));
    check();
}

Test(rollups, are_written_when_all_was_read_or_much)
{
    write_failures(80000, false);
    for (unsigned i = 0; i < 6; i++) {
        cr_assert(step(10000));
        cr_assert(zero(u64, rollups_figures(rollups).attempts));
    }
    cr_assert(step(10000));
    cr_assert(eq(u64, rollups_figures(rollups).attempts, 70000));
    step(9999);
    cr_assert(eq(u64, rollups_figures(rollups).attempts, 70000));
    cr_assert(not(step(2)));
    cr_assert(eq(u64, rollups_figures(rollups).attempts, 80000));
}

Test(rollups, say_as_of_when_they_are)
{
    write_block(0, 10);
    write_block(1, 10);
    cr_assert(step(5));
    cr_expect(lt(u64, rollups_figures(rollups).as_of_ms, now_ms));
    cr_assert(not(step(100)));
    cr_expect(eq(u64, rollups_figures(rollups).as_of_ms, now_ms));
}

Test(rollups, say_what_retention_took_before_it_was_read)
{
    for (unsigned i = 0; i < 6; i++)
        write_block(0, 3);
    step(3);
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    for (uint64_t number = 0; number < 4; number++) {
        struct key key = key_block(number);
        batch_drop(batch, scratch.db, (struct family){.kind = FAMILY_ATTEMPTS}, key_slice(&key));
    }
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
    step(100);
    uint64_t expected = 0;
    for (size_t i = 0; i < record_count; i++)
        expected += (i < 3 || i >= 12) && records[i].outcome != ATTEMPT_NONE;
    cr_expect(eq(u64, rollups_figures(rollups).blocks_lost, 3));
    cr_expect(eq(u64, rollups_figures(rollups).attempts, expected));
}

/* ---- crashes ---- */

/* The last file of the log, which a crash leaves shorter. */
static void cut_log(void)
{
    char pattern[512];
    glob_t names;
    snprintf(pattern, sizeof pattern, "%s/*.log", scratch.path);
    cr_assert(zero(int, glob(pattern, 0, NULL, &names)));
    FILE *log = fopen(names.gl_pathv[names.gl_pathc - 1], "r+");
    globfree(&names);
    cr_assert_not_null(log);
    fseek(log, 0, SEEK_END);
    long size = ftell(log);
    cr_assert(zero(int, ftruncate(fileno(log), (off_t)random_below(&chance, (uint64_t)size + 1))));
    fclose(log);
}

/* What the log has now is what is on disk. */
static void read_back(void)
{
    record_count = 0;
    for (unsigned shard = 0; shard < SHARDS; shard++) {
        struct cursor *cursor;
        next_block[shard] = 0;
        cr_assert(
            zero(int, cursor_open(&cursor, scratch.db, (struct family){FAMILY_ATTEMPTS, shard},
                                  slice_of(NULL, 0), slice_of(NULL, 0))));
        for (bool more = cursor_first(cursor); more; more = cursor_next(cursor)) {
            struct block_view view;
            struct slice rest, bytes;
            cr_assert(zero(int, block_open(cursor_value(cursor), &view)));
            next_block[shard] = view.number + 1;
            rest = view.records;
            while (block_next(&rest, &bytes))
                cr_assert(zero(int, attempt_record_decode(bytes, &records[record_count++])));
        }
        cursor_close(cursor);
    }
}

Test(rollups, agree_with_the_logs_after_any_crash, .timeout = 120)
{
    for (unsigned crash = 0; crash < 12; crash++) {
        for (unsigned i = 0; i < 20; i++) {
            write_some();
            if (random_below(&chance, 2))
                step(1 + (unsigned)random_below(&chance, 60));
        }
        rollups_close(rollups);
        scratch_stop(&scratch);
        cut_log();
        scratch_start(&scratch);
        cr_assert(zero(int, rollups_open(&rollups, scratch.db, count_dead, &dead_seen)));
        read_back();
        while (step(1000))
            ;
        check();
    }
}
