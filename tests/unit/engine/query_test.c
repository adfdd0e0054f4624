/* Parameters of a target: found, decoded, refused. */
#include "query.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

static char value[16];

Test(query, finds_and_decodes_the_first_of_a_name)
{
    struct slice query = SLICE("a=1&bb=x%2By+z%C3%A9&a=2&empty=&flag");
    cr_assert(eq(int, query_get(query, "a", value, sizeof value), 1));
    cr_assert_str_eq(value, "1");
    cr_assert(eq(int, query_get(query, "bb", value, sizeof value), 1));
    cr_assert_str_eq(value, "x+y z\xc3\xa9");
    cr_assert(eq(int, query_get(query, "empty", value, sizeof value), 1));
    cr_assert_str_eq(value, "");
    cr_assert(eq(int, query_get(query, "flag", value, sizeof value), 1));
    cr_assert(eq(int, query_get(query, "b", value, sizeof value), 0));
}

Test(query, refuses_what_is_badly_encoded_or_too_long)
{
    cr_assert(eq(int, query_get(SLICE("a=%"), "a", value, sizeof value), -EINVAL));
    cr_assert(eq(int, query_get(SLICE("a=%4"), "a", value, sizeof value), -EINVAL));
    cr_assert(eq(int, query_get(SLICE("a=%zz"), "a", value, sizeof value), -EINVAL));
    cr_assert(eq(int, query_get(SLICE("a=%00"), "a", value, sizeof value), -EINVAL));
    cr_assert(eq(int, query_get(SLICE("a=0123456789abcdef"), "a", value, sizeof value), -EINVAL));
    cr_assert(eq(int, query_get(SLICE("a=0123456789abcde"), "a", value, sizeof value), 1));
}

Test(query, lists_the_names)
{
    struct slice query = SLICE("&a=1&&b&c="), name;
    cr_assert(query_next(&query, &name) && slice_equal(name, SLICE("a")));
    cr_assert(query_next(&query, &name) && slice_equal(name, SLICE("b")));
    cr_assert(query_next(&query, &name) && slice_equal(name, SLICE("c")));
    cr_assert(not(query_next(&query, &name)));
}
