/* guess_test.c - near words are found, far ones are not, and the distance is what its definition
 * says. */
#include "tools/ctl/guess.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static const char *guess_of(const char *typed, const char *const *words)
{
    struct guess guess;
    guess_init(&guess, slice_str(typed));
    for (; *words; words++)
        guess_offer(&guess, *words);
    return guess.best;
}

static const char *const verbs[] = {"list",   "get",          "create", "update",
                                    "delete", "subscription", NULL};

Test(guess, finds_the_word_that_was_mistyped)
{
    cr_assert(eq(int, strcmp(guess_of("lsit", verbs), "list"), 0));
    cr_assert(eq(int, strcmp(guess_of("ge", verbs), "get"), 0));
    cr_assert(eq(int, strcmp(guess_of("craete", verbs), "create"), 0));
    cr_assert(eq(int, strcmp(guess_of("subscrpition", verbs), "subscription"), 0));
    cr_assert(eq(int, strcmp(guess_of("updat", verbs), "update"), 0));
}

Test(guess, a_beginning_is_near)
{
    cr_assert(eq(int, strcmp(guess_of("sub", verbs), "subscription"), 0));
}

Test(guess, says_nothing_when_nothing_is_near)
{
    cr_assert(eq(ptr, (void *)(uintptr_t)guess_of("frobnicate", verbs), NULL));
    cr_assert(eq(ptr, (void *)(uintptr_t)guess_of("x", verbs), NULL));
    cr_assert(eq(ptr, (void *)(uintptr_t)guess_of("", verbs), NULL));
}

/* By the definition, without the table of rows. */
static unsigned distance_model(const char *a, unsigned i, const char *b, unsigned j)
{
    if (i == 0 || j == 0)
        return i + j;
    unsigned least = distance_model(a, i - 1, b, j) + 1;
    unsigned other = distance_model(a, i, b, j - 1) + 1;
    least = other < least ? other : least;
    other = distance_model(a, i - 1, b, j - 1) + (a[i - 1] != b[j - 1]);
    least = other < least ? other : least;
    if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        other = distance_model(a, i - 2, b, j - 2) + 1;
        least = other < least ? other : least;
    }
    return least;
}

Test(guess, measures_as_the_definition_does)
{
    struct random random;
    random_init(&random, 1);
    for (int round = 0; round < 2000; round++) {
        char a[5], b[5];
        unsigned a_size = (unsigned)random_below(&random, 6),
                 b_size = (unsigned)random_below(&random, 6);
        for (unsigned i = 0; i < a_size; i++)
            a[i] = (char)('a' + random_below(&random, 3));
        for (unsigned i = 0; i < b_size; i++)
            b[i] = (char)('a' + random_below(&random, 3));
        cr_assert(eq(u32, guess_distance(slice_of(a, a_size), slice_of(b, b_size)),
                     distance_model(a, a_size, b, b_size)),
                  "%.*s %.*s", (int)a_size, a, (int)b_size, b);
    }
}
