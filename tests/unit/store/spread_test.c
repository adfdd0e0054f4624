/* A spread against the values themselves: counts are exact, quantiles within a bucket. */
#include "store/spread.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static struct spread spread;
static char bytes[SPREAD_SIZE_MAX];

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

Test(spread, of_nothing_has_quantiles_of_nothing)
{
    cr_expect(zero(u64, spread_quantile(&spread, 500)));
    cr_expect(zero(u64, spread_at_most(&spread, UINT64_MAX)));
}

Test(spread, of_one_value_tells_it_exactly)
{
    spread_add(&spread, 123457);
    cr_expect(eq(u64, spread_quantile(&spread, 10), 123457));
    cr_expect(eq(u64, spread_quantile(&spread, 990), 123457));
}

Test(spread, is_within_an_eighth_of_what_was_added)
{
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    static const unsigned per_milles[] = {1, 500, 900, 950, 990, 1000};
    struct random random;
    random_init(&random, 5);
    for (size_t i = 0; i < COUNT; i++) {
        values[i] = random_below(&random, UINT64_C(1) << random_below(&random, 32));
        spread_add(&spread, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    for (size_t i = 0; i < sizeof per_milles / sizeof per_milles[0]; i++) {
        uint64_t exact = values[(COUNT * per_milles[i] + 999) / 1000 - 1];
        uint64_t told = spread_quantile(&spread, per_milles[i]);
        cr_expect(ge(u64, told, exact));
        cr_expect(le(u64, told, exact + exact / 8));
    }
    cr_expect(eq(u64, spread_at_most(&spread, values[COUNT - 1]), COUNT));
    cr_expect(ge(u64, spread_at_most(&spread, values[99]), 100));
}

Test(spread, keeps_what_is_beyond_its_last_bucket)
{
    spread_add(&spread, UINT64_C(1) << 40);
    cr_expect(eq(u64, spread_quantile(&spread, 500), UINT64_C(1) << 40));
    cr_expect(eq(u64, spread.buckets[SPREAD_BUCKETS - 1], 1));
}

Test(spread, is_the_same_when_it_is_added_up_and_read_back)
{
    static struct spread parts[3], sum, read;
    struct random random;
    random_init(&random, 6);
    for (size_t i = 0; i < 3000; i++) {
        uint64_t value = random_below(&random, UINT64_C(1) << random_below(&random, 40));
        spread_add(&spread, value);
        spread_add(&parts[i % 3], value);
    }
    for (size_t i = 0; i < 3; i++) {
        struct slice rest = slice_of(bytes, spread_encode(&parts[i], bytes));
        cr_assert(zero(int, spread_decode(&rest, &read)));
        cr_assert(zero(sz, rest.size));
        spread_merge(&sum, &read);
    }
    cr_expect(zero(int, memcmp(&sum, &spread, sizeof sum)));
}

Test(spread, that_is_cut_short_or_goes_too_far_is_refused)
{
    spread_add(&spread, 3);
    spread_add(&spread, 70000);
    size_t size = spread_encode(&spread, bytes);
    for (size_t cut = 0; cut < size; cut++) {
        struct slice rest = slice_of(bytes, cut);
        cr_expect(eq(int, spread_decode(&rest, &spread), -EBADMSG));
    }
    static const char far[] = {0, 0, 1, (char)0xf8, 0x01, 1}; /* the 249th bucket */
    struct slice rest = slice_of(far, sizeof far);
    cr_expect(eq(int, spread_decode(&rest, &spread), -EBADMSG));
}
