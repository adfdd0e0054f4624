/* What people write: the accepted forms, their limits, and that what is printed reads back. */
#include "base/units.h"

#include "base/random.h"
#include "base/text.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <time.h>

Test(units, reads_durations)
{
    uint64_t ms;
    cr_assert(units_parse_duration(SLICE("500ms"), &ms) == 0 && ms == 500);
    cr_assert(units_parse_duration(SLICE("5s"), &ms) == 0 && ms == 5000);
    cr_assert(units_parse_duration(SLICE("2m"), &ms) == 0 && ms == 120000);
    cr_assert(units_parse_duration(SLICE("1h"), &ms) == 0 && ms == 3600000);
    cr_assert(units_parse_duration(SLICE("7d"), &ms) == 0 && ms == 604800000);
    cr_assert(units_parse_duration(SLICE("0s"), &ms) == 0 && ms == 0);
    cr_assert(units_parse_duration(SLICE("213503982334d"), &ms) == 0);
}

Test(units, refuses_what_is_no_duration)
{
    static const char *const wrong[] = {
        "",   "5",    "s",    "5 s",  " 5s",  "5s ",           "-5s",
        "5S", "5sec", "1.5s", "1h5m", "5mss", "213503982335d", "99999999999999999999ms",
    };
    uint64_t ms = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(int, units_parse_duration(slice_str(wrong[i]), &ms), -EINVAL), "%s", wrong[i]);
    cr_assert(eq(u64, ms, 7), "what fails stores nothing");
}

Test(units, reads_sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"1048576", 1048576},
        {"64K", 65536},
        {"64k", 65536},
        {"64KB", 65536},
        {"64kib", 65536},
        {"512M", UINT64_C(512) << 20},
        {"2G", UINT64_C(2) << 30},
        {"3TiB", UINT64_C(3) << 40},
        {"9B", 9},
        {"9223372036854775807", INT64_MAX},
        {"8589934591G", UINT64_C(8589934591) << 30},
    };
    uint64_t bytes;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(eq(int, units_parse_size(slice_str(cases[i].text), &bytes), 0), "%s",
                  cases[i].text);
        cr_assert(eq(u64, bytes, cases[i].bytes));
    }
}

Test(units, refuses_sizes_that_are_wrong_or_too_large)
{
    static const char *const wrong[] = {"",    "K",   "1 K",  "-1",  "1.5G", "1X",
                                        "1iB", "1KK", "1Kb1", "1Bi", "0x10", "1KiBB"};
    static const char *const large[] = {"9223372036854775808", "8589934592G", "8388608T",
                                        "99999999999999999999", "99999999999999999999K"};
    uint64_t bytes;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(int, units_parse_size(slice_str(wrong[i]), &bytes), -EINVAL), "%s", wrong[i]);
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
        cr_assert(eq(int, units_parse_size(slice_str(large[i]), &bytes), -ERANGE), "%s", large[i]);
}

Test(units, reads_times_of_any_offset_and_precision)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-01-31T12:00:00.000Z", 1769860800000},
        {"2026-01-31t12:00:00z", 1769860800000},
        {"2026-01-31T14:30:00+02:30", 1769860800000},
        {"2026-01-31T00:00:00-12:00", 1769860800000},
        {"2026-01-31T12:00:00.5Z", 1769860800500},
        {"2026-01-31T12:00:00.123456789Z", 1769860800123},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"2016-12-31T23:59:60Z", 1483228800000},
        {"9999-12-31T23:59:59.999Z", 253402300799999},
        {"1969-12-31T23:00:00-01:00", 0},
    };
    uint64_t ms;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_assert(eq(int, units_parse_time(slice_str(cases[i].text), &ms), 0), "%s", cases[i].text);
        cr_assert(eq(u64, ms, cases[i].ms), "%s", cases[i].text);
    }
}

Test(units, refuses_times_that_do_not_exist)
{
    static const char *const wrong[] = {
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00Z",
        "2026-01-31 12:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z",
        "2026-01-31T12:00:00.Z",
        "2026-01-31T12:00:00+24:00",
        "2026-01-31T12:00:00+0100",
        "2026-01-31T12:00:00Zx",
        "1969-12-31T23:59:59.999Z",
        "+026-01-31T12:00:00Z",
        "2026\r01-31T12:00:00Z",
    };
    uint64_t ms;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        cr_assert(eq(int, units_parse_time(slice_str(wrong[i]), &ms), -EINVAL), "%s", wrong[i]);
}

Test(units, reads_back_every_printed_time_and_agrees_with_libc)
{
    struct random random;
    random_init(&random, 3);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t ms = random_below(&random, UINT64_C(253402300800000)), back;
        char out[64], expected[64];
        struct text text;
        text_init(&text, out, sizeof out);
        text_time(&text, ms);
        cr_assert(eq(int, units_parse_time(text_slice(&text), &back), 0));
        cr_assert(eq(u64, back, ms));

        time_t seconds = (time_t)(ms / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        size_t size = strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
        cr_assert(slice_equal(slice_of(out, size), slice_of(expected, size)));
    }
}

Test(units, reads_back_every_printed_duration)
{
    static const uint64_t steps[] = {1, 1000, 60000, 3600000, 86400000};
    struct random random;
    random_init(&random, 4);
    for (unsigned i = 0; i < 20000; i++) {
        uint64_t ms = random_below(&random, 10000) * steps[random_below(&random, 5)], back;
        char out[64];
        struct text text;
        text_init(&text, out, sizeof out);
        text_duration(&text, ms);
        cr_assert(eq(int, units_parse_duration(text_slice(&text), &back), 0));
        cr_assert(eq(u64, back, ms));
    }
}

Test(units, reads_bytes_in_hex_and_nothing_that_is_not_as_many)
{
    static const uint8_t expected[] = {0x00, 0xfa, 0x1b};
    uint8_t bytes[3];
    cr_assert(eq(int, units_parse_hex(SLICE("00fA1b"), bytes, sizeof bytes), 0));
    cr_assert(zero(int, memcmp(bytes, expected, sizeof bytes)));
    cr_assert(eq(int, units_parse_hex(SLICE("00fa1"), bytes, sizeof bytes), -EINVAL));
    cr_assert(eq(int, units_parse_hex(SLICE("00fa1b0"), bytes, sizeof bytes), -EINVAL));
    cr_assert(eq(int, units_parse_hex(SLICE("00fa1g"), bytes, sizeof bytes), -EINVAL));
    cr_assert(eq(int, units_parse_hex(SLICE(""), bytes, 0), 0));
}
