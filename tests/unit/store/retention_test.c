/* What compaction may drop: only what is settled, only once its time is over. */
#include "store/retention.h"

#include "base/random.h"
#include "store/rollup.h"
#include "store/row.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { SPAN_MS = 1000 };
static const uint64_t accepted_ms = 50 * 1000;
static struct id subscription, event;

static void setup(void)
{
    struct random chance;
    random_init(&chance, 1);
    subscription = id_new(1, &chance);
    event = id_new(accepted_ms, &chance);
}

TestSuite(retention, .init = setup);

static bool drops_row(enum row_kind kind, struct slice value, uint64_t now_ms)
{
    struct key key = key_row(kind, &subscription, &event);
    return retention_drops_row(key_slice(&key), value, now_ms, SPAN_MS);
}

static bool drops_delivery(enum delivery_status status, uint64_t now_ms)
{
    char value[DELIVERY_ROW_SIZE_MAX];
    struct delivery_row row = {.status = status, .updated_ms = accepted_ms + 500};
    return drops_row(ROW_DELIVERY, slice_of(value, delivery_row_encode(&row, value)), now_ms);
}

Test(retention, drops_settled_deliveries_after_their_time)
{
    static const enum delivery_status settled[] = {DELIVERY_DELIVERED, DELIVERY_DEAD,
                                                   DELIVERY_CANCELLED};
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(not(drops_delivery(settled[i], accepted_ms)));
        cr_assert(not(drops_delivery(settled[i], accepted_ms + 500 + SPAN_MS)));
        cr_assert(drops_delivery(settled[i], accepted_ms + 501 + SPAN_MS));
    }
}

Test(retention, keeps_what_is_not_finished_for_ever)
{
    cr_assert(not(drops_delivery(DELIVERY_PENDING, UINT64_MAX)));
    cr_assert(not(drops_delivery(DELIVERY_RETRYING, UINT64_MAX)));
    cr_assert(not(drops_row(ROW_PARKED, SLICE("any"), UINT64_MAX)));
    struct key key = key_retry(1, &subscription, &event);
    cr_assert(not(retention_drops_row(key_slice(&key), SLICE("any"), UINT64_MAX, SPAN_MS)));
}

Test(retention, drops_dead_letters_of_old_events)
{
    cr_assert(not(drops_row(ROW_DEAD, SLICE("any"), accepted_ms + SPAN_MS)));
    cr_assert(drops_row(ROW_DEAD, SLICE("any"), accepted_ms + SPAN_MS + 1));
}

Test(retention, keeps_what_it_cannot_read)
{
    cr_assert(not(drops_row(ROW_DELIVERY, SLICE("rubbish"), UINT64_MAX)));
    cr_assert(not(retention_drops_row(SLICE("rubbish"), SLICE("any"), UINT64_MAX, SPAN_MS)));
    cr_assert(not(retention_drops_dedup(SLICE("rubbish"), UINT64_MAX, SPAN_MS)));
}

Test(retention, drops_keys_when_the_window_is_over)
{
    char value[DEDUP_ROW_SIZE];
    dedup_row_encode(&(struct dedup_row){event, accepted_ms}, value);
    struct slice slice = slice_of(value, sizeof value);
    cr_assert(not(retention_drops_dedup(slice, accepted_ms + SPAN_MS, SPAN_MS)));
    cr_assert(retention_drops_dedup(slice, accepted_ms + SPAN_MS + 1, SPAN_MS));
}

Test(retention, drops_sums_when_their_resolution_is_kept_no_longer)
{
    for (enum resolution each = RESOLUTION_10S; each <= RESOLUTION_1H; each++) {
        struct rollup_place place = {.resolution = each, .start_ms = accepted_ms};
        struct key key = key_rollup(&place), level = key_rollup_level(3);
        uint64_t end_ms = accepted_ms + resolution_span_ms(each) + resolution_keep_ms(each);
        cr_expect(not(retention_drops_rollup(key_slice(&key), end_ms)));
        cr_expect(retention_drops_rollup(key_slice(&key), end_ms + 1));
        cr_expect(not(retention_drops_rollup(key_slice(&level), UINT64_MAX)));
    }
}
