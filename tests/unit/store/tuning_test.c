/* What each family's compaction drops: of two rows the one whose time is over. */
#include "store/tuning.h"

#include "base/clock.h"
#include "scratch.h"
#include "store/keys.h"
#include "store/rollup.h"
#include "store/row.h"

#include <criterion/new/assert.h>
#include <errno.h>

enum { RETENTION_MS = 1000 * 1000, WINDOW_MS = 2 * RETENTION_MS };

static const struct family queue = {.kind = FAMILY_QUEUE}, dedup = {.kind = FAMILY_DEDUP},
                           stats = {.kind = FAMILY_STATS};
static struct scratch scratch;
static uint64_t now_ms;

static void setup(void)
{
    now_ms = clock_wall_ms();
    scratch_open(&scratch, 1);
    scratch.options.retention_ms = RETENTION_MS;
    scratch.options.dedup_window_ms = WINDOW_MS;
    scratch_reopen(&scratch);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(tuning, .init = setup, .fini = teardown);

static void put(struct family family, struct slice key, struct slice value)
{
    struct batch *batch;
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, family, key, value);
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

static bool has(struct family family, struct slice key)
{
    struct db_value value;
    int error = db_get(scratch.db, family, key, &value);
    if (error == -ENOENT)
        return false;
    cr_assert(zero(int, error));
    db_value_give(&value);
    return true;
}

static void expect_second_alone(struct family family, struct slice first, struct slice second)
{
    cr_assert(has(family, first) && has(family, second));
    cr_assert(zero(int, db_scrub(scratch.db, family)));
    cr_expect(not(has(family, first)));
    cr_expect(has(family, second));
}

Test(tuning, lets_a_queue_lose_what_was_settled_longer_ago_than_the_retention)
{
    struct key keys[2];
    for (unsigned i = 0; i < 2; i++) {
        char value[DELIVERY_ROW_SIZE_MAX];
        struct delivery_row row = {.status = DELIVERY_DEAD, .updated_ms = i ? now_ms : 1};
        keys[i] = key_row(ROW_DELIVERY, &(struct id){{1}}, &(struct id){{2, (uint8_t)i}});
        put(queue, key_slice(&keys[i]), slice_of(value, delivery_row_encode(&row, value)));
    }
    expect_second_alone(queue, key_slice(&keys[0]), key_slice(&keys[1]));
}

Test(tuning, lets_keys_go_when_their_window_is_over_and_not_the_retention)
{
    static const char *const keys[] = {"an old one", "a newer one"};
    for (unsigned i = 0; i < 2; i++) {
        char value[DEDUP_ROW_SIZE];
        uint64_t age_ms = i ? WINDOW_MS - RETENTION_MS / 2 : WINDOW_MS + RETENTION_MS / 2;
        dedup_row_encode(&(struct dedup_row){{{1}}, now_ms - age_ms}, value);
        put(dedup, slice_str(keys[i]), slice_of(value, sizeof value));
    }
    expect_second_alone(dedup, slice_str(keys[0]), slice_str(keys[1]));
}

Test(tuning, lets_sums_go_that_are_kept_no_longer)
{
    struct key keys[2];
    for (unsigned i = 0; i < 2; i++) {
        const struct rollup_place place = {.resolution = RESOLUTION_10S,
                                           .start_ms = i ? now_ms : 10000};
        keys[i] = key_rollup(&place);
        put(stats, key_slice(&keys[i]), SLICE("a sum"));
    }
    expect_second_alone(stats, key_slice(&keys[0]), key_slice(&keys[1]));
}
