/* Chance: the generator against its authors' reference values, and evenly spread. */
#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

Test(random, gives_what_xoshiro_gives)
{
    /* Of the state 1, 2, 3, 4: the first values of the authors' program. */
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t expected[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        cr_assert(eq(u64, random_u64(&random), expected[i]));
}

Test(random, repeats_with_its_seed_and_differs_with_another)
{
    struct random a, b, c;
    random_init(&a, 5);
    random_init(&b, 5);
    random_init(&c, 6);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t value = random_u64(&a);
        cr_assert(eq(u64, random_u64(&b), value));
        cr_assert(ne(u64, random_u64(&c), value));
    }
}

Test(random, stays_below_the_bound_and_is_even)
{
    enum { BOUND = 6, DRAWS = 60000 };
    struct random random;
    unsigned seen[BOUND] = {0};
    random_init(&random, 1);
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t value = random_below(&random, BOUND);
        cr_assert(lt(u64, value, BOUND));
        seen[value]++;
    }
    for (unsigned i = 0; i < BOUND; i++)
        cr_assert(seen[i] > DRAWS / BOUND * 9 / 10 && seen[i] < DRAWS / BOUND * 11 / 10);
}

Test(random, takes_any_bound)
{
    struct random random;
    random_init(&random, 2);
    cr_assert(eq(u64, random_below(&random, 0), 0));
    cr_assert(eq(u64, random_below(&random, 1), 0));

    /* Of 2^64 numbers for 3 * 2^62 results, an unfair draw gives two to each multiple of three. */
    uint64_t bound = UINT64_C(3) << 62;
    unsigned thirds[3] = {0};
    for (unsigned i = 0; i < 30000; i++)
        thirds[random_below(&random, bound) % 3]++;
    for (unsigned i = 0; i < 3; i++)
        cr_assert(thirds[i] > 9500 && thirds[i] < 10500);
}

Test(random, makes_secrets_of_any_size)
{
    static unsigned char a[1 << 20], b[1 << 20];
    random_secret(a, sizeof a);
    random_secret(b, sizeof b);
    cr_assert(ne(int, memcmp(a, b, sizeof a), 0));
    cr_assert(ne(int, memcmp(a + sizeof a - 32, b + sizeof b - 32, 32), 0), "filled to the end");

    unsigned char guarded[3] = {1, 2, 3};
    random_secret(guarded + 1, 0);
    cr_assert(eq(int, guarded[1], 2));
}
