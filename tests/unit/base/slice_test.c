/* Slices: every function at its edges - nothing, one byte, a byte too many. */
#include "base/slice.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(slice, trims_spaces_and_tabs_and_nothing_else)
{
    cr_assert(slice_equal(slice_trim(SLICE(" \t a b\t ")), SLICE("a b")));
    cr_assert(slice_equal(slice_trim(SLICE("\na\n")), SLICE("\na\n")));
    cr_assert(slice_equal(slice_trim(SLICE(" \t ")), SLICE("")));
    cr_assert(slice_equal(slice_trim((struct slice){0}), SLICE("")));
}

Test(slice, reads_a_number_and_nothing_else)
{
    unsigned long value = 7;
    cr_assert(slice_to_u64(SLICE("0"), &value) && value == 0);
    cr_assert(slice_to_u64(SLICE("007"), &value) && value == 7);
    cr_assert(slice_to_u64(SLICE("9999999999999999999"), &value));
    cr_assert(eq(ulong, value, 9999999999999999999ul));

    static const char *const wrong[] = {"",   "-1",  "+1", " 1", "1 ",
                                        "1a", "0x1", ":",  "/",  "00000000000000000001"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(not(slice_to_u64(slice_str(wrong[i]), &value)), "%s", wrong[i]);
    cr_assert(eq(ulong, value, 9999999999999999999ul), "what fails stores nothing");
}

Test(slice, compares_with_and_without_regard_to_case)
{
    cr_assert(slice_equal(SLICE("a"), SLICE("a")));
    cr_assert(not(slice_equal(SLICE("a"), SLICE("A"))));
    cr_assert(not(slice_equal(SLICE("a"), SLICE("ab"))));
    cr_assert(slice_equal((struct slice){0}, SLICE("")));
    cr_assert(slice_equal_nocase(SLICE("Content-Type"), SLICE("content-TYPE")));
    cr_assert(not(slice_equal_nocase(SLICE("a"), SLICE("b"))));
}

Test(slice, finds_skips_and_starts)
{
    cr_assert(eq(sz, slice_find(SLICE("a=b"), '='), 1));
    cr_assert(eq(sz, slice_find(SLICE("ab"), '='), 2));
    cr_assert(eq(sz, slice_find((struct slice){0}, '='), 0));
    cr_assert(slice_equal(slice_skip(SLICE("abc"), 2), SLICE("c")));
    cr_assert(slice_equal(slice_skip(SLICE("abc"), 9), SLICE("")));
    cr_assert(slice_starts_with(SLICE("abc"), SLICE("ab")));
    cr_assert(slice_starts_with(SLICE("abc"), SLICE("")));
    cr_assert(not(slice_starts_with(SLICE("a"), SLICE("ab"))));
    cr_assert(eq(sz, slice_str(NULL).size, 0));
}
