/* Sums over time read back, and subscriptions ranked by their failures. */
#include "store/trend.h"

#include "base/random.h"
#include "scratch.h"

#include <criterion/new/assert.h>

enum { RANKED = 40 };

#define NOW_MS UINT64_C(1700000012345)

static struct scratch scratch;
static struct random chance;
static struct id tenant;

static void setup(void)
{
    random_init(&chance, 3);
    scratch_open(&scratch, 1);
    tenant = id_new(NOW_MS, &chance);
}

static void teardown(void)
{
    scratch_close(&scratch);
}

TestSuite(trend, .init = setup, .fini = teardown);

static void put(const struct id *subscription, uint64_t start_ms, uint64_t delivered,
                uint64_t failed)
{
    char bytes[ROLLUP_SIZE_MAX];
    struct batch *batch;
    struct rollup rollup = {.delivered = delivered};
    struct rollup_place place = {.tenant = tenant,
                                 .subscription = *subscription,
                                 .resolution = RESOLUTION_1M,
                                 .start_ms = start_ms};
    rollup.outcomes[ATTEMPT_DELIVERED] = delivered;
    rollup.outcomes[ATTEMPT_TIMEOUT] = failed;
    struct key key = key_rollup(&place);
    cr_assert(zero(int, batch_open(&batch)));
    batch_put(batch, scratch.db, (struct family){.kind = FAMILY_STATS}, key_slice(&key),
              slice_of(bytes, rollup_encode(&rollup, bytes)));
    cr_assert(zero(int, db_write(scratch.db, batch, false)));
    batch_close(batch);
}

Test(trend, window_is_whole_spans_up_to_now)
{
    struct trend_window window = trend_window(RESOLUTION_1M, 3600 * 1000, NOW_MS);
    cr_expect(eq(u64, window.until_ms - window.since_ms, 3600 * 1000));
    cr_expect(zero(u64, window.until_ms % 60000));
    cr_expect(lt(u64, NOW_MS, window.until_ms));
    cr_expect(le(u64, window.until_ms, NOW_MS + 60000));
}

static void count_span(void *context, uint64_t start_ms, const struct rollup *rollup)
{
    uint64_t *seen = context;
    seen[0]++;
    seen[1] += rollup->delivered;
    cr_expect(zero(u64, start_ms % 60000));
}

Test(trend, tells_every_span_and_the_sum_of_those_in_the_window)
{
    struct trend_window window = trend_window(RESOLUTION_1M, 3600 * 1000, NOW_MS);
    struct id subscription = id_new(NOW_MS, &chance);
    uint64_t seen[2] = {0};
    struct rollup sum;
    window.tenant = tenant;
    window.subscription = subscription;
    put(&subscription, window.since_ms, 1, 0);
    put(&subscription, window.until_ms - 60000, 10, 0);
    put(&subscription, window.since_ms - 60000, 100, 0);
    put(&subscription, window.until_ms, 1000, 0);
    cr_assert(zero(int, trend_read(scratch.db, &window, count_span, seen, &sum)));
    cr_expect(eq(u64, seen[0], 60));
    cr_expect(eq(u64, seen[1], 11));
    cr_expect(eq(u64, sum.delivered, 11));
}

Test(trend, ranks_by_failures_and_leaves_out_the_tenants_own_sum)
{
    static struct trend_ranked ranked[TREND_RANKED_MAX];
    struct trend_window window = trend_window(RESOLUTION_1M, 3600 * 1000, NOW_MS);
    uint64_t failures[RANKED], since_ms;
    struct id ids[RANKED], none = {0};
    bool is_whole;
    window.tenant = tenant;
    for (unsigned i = 0; i < RANKED; i++) {
        ids[i] = id_new(NOW_MS, &chance);
        failures[i] = 0;
        for (unsigned n = 0; n < 5; n++) {
            uint64_t failed = random_below(&chance, 4);
            put(&ids[i], window.since_ms + 60000 * (n * 7 + i % 7), 2, failed);
            failures[i] += failed;
        }
    }
    put(&none, window.since_ms, 80, 80);
    cr_assert(eq(int, trend_rank(scratch.db, &window, ranked, &since_ms, &is_whole), RANKED));
    cr_expect(eq(u64, since_ms, window.since_ms));
    cr_expect(is_whole);
    for (unsigned i = 0; i < RANKED; i++) {
        cr_expect(eq(u64, ranked[i].attempts, ranked[i].failures + 10));
        if (i > 0)
            cr_expect(ge(u64, ranked[i - 1].failures, ranked[i].failures));
        for (unsigned n = 0; n < RANKED; n++)
            if (id_equal(&ids[n], &ranked[i].subscription))
                cr_expect(eq(u64, ranked[i].failures, failures[n]));
    }
}
