/* Text into fixed room: what fits is exact, what does not leaves no trace but `cut`. */
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

static char out[256];
static struct text text;

static void start_empty(void)
{
    text_init(&text, out, sizeof out);
}

TestSuite(text, .init = start_empty);

static void expect(const char *expected)
{
    cr_assert(text_ok(&text));
    cr_assert(slice_equal(text_slice(&text), slice_str(expected)), "got %.*s, expected %s",
              SLICE_ARGS(text_slice(&text)), expected);
    start_empty();
}

Test(text, puts_one_thing_after_another)
{
    text_put(&text, SLICE("a"));
    text_put(&text, (struct slice){0});
    text_char(&text, '-');
    text_u64(&text, 0);
    text_u64(&text, UINT64_MAX);
    text_printf(&text, "<%d>", -5);
    text_hex(&text, "\x00\x9f\xff", 3);
    expect("a-018446744073709551615<-5>009fff");
}

Test(text, stores_nothing_of_what_does_not_fit_and_remembers)
{
    text_init(&text, out, 4);
    text_put(&text, SLICE("abc"));
    text_put(&text, SLICE("de"));
    text_u64(&text, 12);
    text_hex(&text, "x", 1);
    text_json(&text, SLICE(""));
    text_time(&text, 0);
    text_duration(&text, 5);
    text_printf(&text, "%s", "xy");
    cr_assert(not(text_ok(&text)));
    cr_assert(slice_equal(text_slice(&text), SLICE("abc")));

    text_char(&text, 'd');
    cr_assert(slice_equal(text_slice(&text), SLICE("abcd")), "what fits is still stored");
    cr_assert(not(text_ok(&text)));
}

Test(text, fills_its_room_to_the_last_byte)
{
    text_init(&text, out, 4);
    text_json(&text, SLICE("ab"));
    cr_assert(text_ok(&text));
    text_init(&text, out, 3);
    text_json(&text, SLICE("ab"));
    cr_assert(not(text_ok(&text)));
    cr_assert(eq(sz, text.size, 0));
    text_init(&text, NULL, 0);
    text_put(&text, SLICE(""));
    cr_assert(text_ok(&text));
    text_printf(&text, "%s", "");
    cr_assert(not(text_ok(&text)), "printf(3) wants a byte for its NUL");
}

Test(text, escapes_what_json_does_not_allow)
{
    text_json(&text, SLICE("plain"));
    expect("\"plain\"");
    text_json(&text, SLICE("\"\\/\b\f\n\r\t"));
    expect("\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
    text_json(&text, SLICE("\x00\x01\x1f\x7f"));
    expect("\"\\u0000\\u0001\\u001f\\u007f\"");
    text_json(&text, SLICE("é€😀"));
    expect("\"é€😀\"");
}

Test(text, replaces_what_is_not_utf8)
{
    static const char *const wrong[] = {
        "\x80",             /* a tail alone */
        "\xc3",             /* a lead alone */
        "\xc0\xaf",         /* '/' in two bytes */
        "\xe0\x80\xaf",     /* and in three */
        "\xf0\x80\x80\xaf", /* and in four */
        "\xed\xa0\x80",     /* half a surrogate pair */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xe2\x82",
        "\xf0\x9f\x98",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct slice bytes = slice_str(wrong[i]);
        cr_assert(eq(sz, text_utf8_size(bytes), 0), "number %zu", i);
        text_put(&text, SLICE("\""));
        for (size_t k = 0; k < bytes.size; k++)
            text_put(&text, SLICE("\xef\xbf\xbd"));
        text_put(&text, SLICE("\""));
        struct text expected = text;
        char got_bytes[64];
        text_init(&text, got_bytes, sizeof got_bytes);
        text_json(&text, bytes);
        cr_assert(slice_equal(text_slice(&text), text_slice(&expected)), "number %zu", i);
        start_empty();
    }
    text_json(&text, SLICE("a\xff\"b"));
    expect("\"a\xef\xbf\xbd\\\"b\"");
}

Test(text, knows_the_size_of_every_character)
{
    static const struct {
        const char *bytes;
        size_t size;
    } right[] = {
        {"a", 1},
        {"\x7f", 1},
        {"\xc2\x80", 2},
        {"\xdf\xbf", 2},
        {"\xe0\xa0\x80", 3},
        {"\xed\x9f\xbf", 3},
        {"\xee\x80\x80", 3},
        {"\xef\xbf\xbf", 3},
        {"\xf0\x90\x80\x80", 4},
        {"\xf4\x8f\xbf\xbf", 4},
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        cr_assert(eq(sz, text_utf8_size(slice_str(right[i].bytes)), right[i].size));
    cr_assert(eq(sz, text_utf8_size((struct slice){0}), 0));
}

Test(text, prints_times_in_utc)
{
    text_time(&text, 0);
    expect("1970-01-01T00:00:00.000Z");
    text_time(&text, 1769860800000);
    expect("2026-01-31T12:00:00.000Z");
    text_time(&text, 951782399999);
    expect("2000-02-28T23:59:59.999Z");
    text_time(&text, 951782400000);
    expect("2000-02-29T00:00:00.000Z");
    text_time(&text, 4107542400000);
    expect("2100-03-01T00:00:00.000Z");
    text_time(&text, 253402300799999);
    expect("9999-12-31T23:59:59.999Z");
    text_time(&text, UINT64_MAX);
    expect("9999-12-31T23:59:59.999Z");
}

Test(text, prints_durations_in_the_largest_unit_that_divides_them)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {0, "0s"},        {1, "1ms"},        {500, "500ms"},      {1500, "1500ms"},
        {5000, "5s"},     {61000, "61s"},    {120000, "2m"},      {3600000, "1h"},
        {5400000, "90m"}, {86400000, "24h"}, {604800000, "168h"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_duration(&text, cases[i].ms);
        expect(cases[i].text);
    }
}
