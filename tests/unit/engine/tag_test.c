/* Entity tags: printed, and found in the fields that name them. */
#include "api/tag.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static bool is_in(const char *field, bool weakly)
{
    return tag_is_in(slice_str(field), SLICE("\"1f\""), weakly);
}

Test(tag, prints_a_revision_in_quotes)
{
    char text[TAG_SIZE];
    cr_expect(slice_equal(tag_print(0x1f, text), SLICE("\"1f\"")));
    cr_expect(eq(sz, tag_print(UINT64_MAX, text).size, 18));
}

Test(tag, is_found_among_others_and_by_a_star)
{
    cr_expect(is_in("\"1f\"", false));
    cr_expect(is_in("  \"0\" ,\"1f\" ", false));
    cr_expect(is_in(" * ", false));
    cr_expect(not(is_in("\"0\", \"11f\"", false)));
    cr_expect(not(is_in("1f", false)));
    cr_expect(not(is_in("", false)));
    cr_expect(not(is_in("\"1f\"x", false)));
}

Test(tag, is_found_as_a_weak_one_only_where_that_is_enough)
{
    cr_expect(is_in("\"0\", W/\"1f\"", true));
    cr_expect(not(is_in("W/\"1f\"", false)));
    cr_expect(not(is_in("W/\"1e\"", true)));
}
