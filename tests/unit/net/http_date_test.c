/* Dates in the three forms of RFC 9110 section 5.6.7. */
#include "net/http_parse.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

static bool is(struct slice slice, const char *text)
{
    return slice_equal(slice, slice_str(text));
}

Test(http_date, is_read_in_its_three_forms)
{
    static const char *const texts[] = {
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    };
    for (unsigned i = 0; i < 3; i++) {
        uint64_t seconds = 0;
        cr_assert(eq(int, http_parse_date(slice_str(texts[i]), &seconds), 0), "%s", texts[i]);
        cr_assert(eq(u64, seconds, 784111777));
    }
}

Test(http_date, is_refused_if_it_is_none)
{
    static const char *const texts[] = {
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Feb 1994 08:49:37 GMT",
        "Sun, 29 Feb 1900 08:49:37 GMT",
        "Sun, 06 Nov 1969 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun Nov 6 08:49:37 1994",
    };
    uint64_t seconds;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert(eq(int, http_parse_date(slice_str(texts[i]), &seconds), -EINVAL), "%s", texts[i]);
}

Test(http_date, is_read_back_as_it_was_written)
{
    srandom(7);
    char text[HTTP_DATE_SIZE];
    http_print_date(784111777, text);
    cr_assert(is(slice_str(text), "Sun, 06 Nov 1994 08:49:37 GMT"));
    http_print_date(0, text);
    cr_assert(is(slice_str(text), "Thu, 01 Jan 1970 00:00:00 GMT"));
    http_print_date(951782400, text);
    cr_assert(is(slice_str(text), "Tue, 29 Feb 2000 00:00:00 GMT"));
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t seconds = (uint64_t)random() * 100, back = 0;
        http_print_date(seconds, text);
        cr_assert(eq(int, http_parse_date(slice_str(text), &back), 0), "%s", text);
        cr_assert(eq(u64, back, seconds), "%s", text);
    }
}
