/* units.c - parsers of what people write. No state; any thread. */
#include "base/units.h"

#include <errno.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Splits "512M" into its number's digits and the rest. */
static struct slice take_digits(struct slice *text)
{
    size_t size = 0;
    while (size < text->size && text->at[size] >= '0' && text->at[size] <= '9')
        size++;
    struct slice digits = slice_of(text->at, size);
    *text = slice_skip(*text, size);
    return digits;
}

int units_parse_duration(struct slice text, uint64_t *duration_ms)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    unsigned long number;
    if (!slice_to_u64(take_digits(&text), &number))
        return -EINVAL;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (!slice_equal(text, slice_str(units[i].name)))
            continue;
        uint64_t product;
        if (__builtin_mul_overflow(number, units[i].factor, &product))
            return -EINVAL;
        *duration_ms = product;
        return 0;
    }
    return -EINVAL;
}

/* How far a size's unit shifts its number; -1 if it is no unit. */
static int size_shift(struct slice unit)
{
    static const char letters[] = "kmgt";
    if (unit.size == 0 || slice_equal_nocase(unit, SLICE("b")))
        return 0;
    struct slice tail = slice_skip(unit, 1);
    if (tail.size && !slice_equal_nocase(tail, SLICE("b")) &&
        !slice_equal_nocase(tail, SLICE("ib")))
        return -1;
    const char *found = memchr(letters, unit.at[0] | 0x20, sizeof letters - 1);
    return found ? 10 * (int)(found - letters + 1) : -1;
}

int units_parse_size(struct slice text, uint64_t *bytes)
{
    struct slice digits = take_digits(&text);
    int shift = size_shift(text);
    if (digits.size == 0 || shift < 0)
        return -EINVAL;

    unsigned long number;
    if (!slice_to_u64(digits, &number) || number > (uint64_t)INT64_MAX >> shift)
        return -ERANGE;
    *bytes = (uint64_t)number << shift;
    return 0;
}

/* ---- times ---- */

/* Takes exactly `count` digits off `text`; false if there are fewer. */
static bool take_number(struct slice *text, size_t count, int64_t *number)
{
    if (text->size < count)
        return false;
    unsigned long value;
    if (!slice_to_u64(slice_of(text->at, count), &value))
        return false;
    *text = slice_skip(*text, count);
    *number = (int64_t)value;
    return true;
}

/* A letter's case does not matter. */
static bool take_char(struct slice *text, char c)
{
    if (text->size == 0 || !slice_equal_nocase(slice_of(text->at, 1), slice_of(&c, 1)))
        return false;
    *text = slice_skip(*text, 1);
    return true;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, which may be before it. Years begin in
 * March, so that the leap day is the last of its year. */
static int64_t days_to(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted_year = year - (month <= 2);
    int64_t month_from_march = month > 2 ? month - 3 : month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 +
           day_of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month == 2)
        return leap ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool take_date(struct slice *text, int64_t *days)
{
    int64_t year, month, day;
    if (!take_number(text, 4, &year) || !take_char(text, '-') || !take_number(text, 2, &month) ||
        !take_char(text, '-') || !take_number(text, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_to(year, month, day);
    return true;
}

/* hh:mm */
static bool take_minutes(struct slice *text, int64_t *minutes)
{
    int64_t hour, minute;
    if (!take_number(text, 2, &hour) || !take_char(text, ':') || !take_number(text, 2, &minute))
        return false;
    *minutes = hour * 60 + minute;
    return hour < 24 && minute < 60;
}

/* An optional fraction of a second; digits after the third are read over. */
static bool take_fraction(struct slice *text, int64_t *ms)
{
    *ms = 0;
    if (!take_char(text, '.'))
        return true;
    struct slice digits = take_digits(text);
    for (size_t i = 0; i < 3; i++)
        *ms = *ms * 10 + (i < digits.size ? digits.at[i] - '0' : 0);
    return digits.size > 0;
}

/* "Z", or how far the local time is ahead of UTC. */
static bool take_offset(struct slice *text, int64_t *minutes)
{
    *minutes = 0;
    if (take_char(text, 'z'))
        return true;
    bool ahead = take_char(text, '+');
    if (!ahead && !take_char(text, '-'))
        return false;
    if (!take_minutes(text, minutes))
        return false;
    if (!ahead)
        *minutes = -*minutes;
    return true;
}

int units_parse_time(struct slice text, uint64_t *wall_ms)
{
    int64_t days, minutes, second, ms, offset;
    if (!take_date(&text, &days) || !take_char(&text, 't') || !take_minutes(&text, &minutes) ||
        !take_char(&text, ':') || !take_number(&text, 2, &second) || !take_fraction(&text, &ms) ||
        !take_offset(&text, &offset) || text.size)
        return -EINVAL;
    if (second > 60) /* a leap second is the next minute's first */
        return -EINVAL;

    int64_t since_1970 = ((days * 1440 + minutes - offset) * 60 + second) * 1000 + ms;
    if (since_1970 < 0)
        return -EINVAL;
    *wall_ms = (uint64_t)since_1970;
    return 0;
}

/* ---- hex ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

int units_parse_hex(struct slice text, void *bytes, size_t size)
{
    uint8_t *into = bytes;
    if (text.size / 2 != size || text.size % 2)
        return -EINVAL;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);
        if (high < 0 || low < 0)
            return -EINVAL;
        into[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}
