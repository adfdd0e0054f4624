/* The histogram against the sorted values themselves. */
#include "base/histogram.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>

static struct histogram histogram;

static void start_empty(void)
{
    histogram_init(&histogram);
}

TestSuite(histogram, .init = start_empty);

Test(histogram, is_zero_when_empty)
{
    cr_assert(eq(u64, histogram_quantile(&histogram, 0.5), 0));
    cr_assert(eq(u64, histogram_at_most(&histogram, UINT64_MAX), 0));
}

Test(histogram, is_exact_for_small_values)
{
    for (uint64_t value = 0; value < 64; value++)
        histogram_add(&histogram, value);
    for (uint64_t value = 0; value < 64; value++) {
        cr_assert(eq(u64, histogram_quantile(&histogram, (double)(value + 1) / 64), value));
        cr_assert(eq(u64, histogram_at_most(&histogram, value), value + 1));
    }
    cr_assert(eq(u64, histogram.sum, 63 * 64 / 2));
}

Test(histogram, never_says_more_than_the_largest_value)
{
    histogram_add(&histogram, 1000001);
    cr_assert(eq(u64, histogram_quantile(&histogram, 0), 1000001));
    cr_assert(eq(u64, histogram_quantile(&histogram, 1), 1000001));
    cr_assert(eq(u64, histogram_quantile(&histogram, 7), 1000001));
    cr_assert(eq(u64, histogram_quantile(&histogram, (double)NAN), 1000001));
}

Test(histogram, counts_what_is_beyond_its_range_in_the_last_bucket)
{
    histogram_add(&histogram, 5);
    histogram_add(&histogram, UINT64_C(1) << 40);
    histogram_add(&histogram, UINT64_C(1) << 50);
    cr_assert(eq(u64, histogram.buckets[HISTOGRAM_BUCKETS - 1], 2));
    cr_assert(eq(u64, histogram.max, UINT64_C(1) << 50));
    cr_assert(eq(u64, histogram_quantile(&histogram, 0.33), 5));
    cr_assert(eq(u64, histogram_quantile(&histogram, 1), UINT64_C(1) << 50));
    cr_assert(eq(u64, histogram_at_most(&histogram, UINT64_C(1) << 39), 1));
}

/* Every bucket's edges: the lowest and the highest value of a bucket are told apart from their
 * neighbours', and a bucket is no wider than 1/64 of its values. */
Test(histogram, has_buckets_without_gaps)
{
    for (unsigned power = 6; power < 40; power++) {
        for (uint64_t sub = 64; sub < 128; sub++) {
            uint64_t lowest = sub << (power - 6);
            uint64_t highest = lowest + (UINT64_C(1) << (power - 6)) - 1;
            start_empty();
            histogram_add(&histogram, lowest - 1);
            histogram_add(&histogram, lowest);
            histogram_add(&histogram, highest);
            cr_assert(histogram_at_most(&histogram, lowest - 1) == 1);
            cr_assert(histogram_at_most(&histogram, lowest) == 3);
            cr_assert(histogram_quantile(&histogram, 0.5) == highest);
            cr_assert(histogram_quantile(&histogram, 0.3) == lowest - 1);
        }
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

enum { VALUES = 5000 };
static uint64_t values[VALUES];

static void check_against_sorted(void)
{
    qsort(values, VALUES, sizeof values[0], compare);
    for (unsigned i = 0; i <= 1000; i++) {
        double fraction = i / 1000.0;
        size_t rank = (size_t)ceil(fraction * VALUES);
        uint64_t exact = values[rank ? rank - 1 : 0];
        uint64_t told = histogram_quantile(&histogram, fraction);
        cr_assert(told >= exact && told - exact <= exact / 64, "%f: %lu for %lu", fraction, told,
                  exact);
        uint64_t fewer = histogram_at_most(&histogram, exact);
        cr_assert(fewer >= rank && (rank == VALUES || exact < 64 || fewer <= VALUES));
    }
}

Test(histogram, agrees_with_the_sorted_values)
{
    struct random random;
    random_init(&random, 41);
    for (unsigned bits = 4; bits <= 40; bits += 6) {
        start_empty();
        uint64_t sum = 0;
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = random_u64(&random) >> (64 - 1 - random_below(&random, bits));
            histogram_add(&histogram, values[i]);
            sum += values[i];
        }
        check_against_sorted();
        cr_assert(eq(u64, histogram.max, values[VALUES - 1]));
        cr_assert(eq(u64, histogram.sum, sum));
        cr_assert(eq(u64, histogram.count, VALUES));
    }
}

Test(histogram, merges_as_if_all_had_been_added_to_one)
{
    struct random random;
    struct histogram parts[4], merged;
    random_init(&random, 42);
    histogram_init(&merged);
    for (size_t i = 0; i < 4; i++)
        histogram_init(&parts[i]);
    for (unsigned i = 0; i < 10000; i++) {
        uint64_t value = random_u64(&random) >> random_below(&random, 64);
        histogram_add(&histogram, value);
        histogram_add(&parts[i % 4], value);
    }
    for (size_t i = 0; i < 4; i++)
        histogram_merge(&merged, &parts[i]);
    cr_assert(eq(int, memcmp(&merged, &histogram, sizeof merged), 0));
}
