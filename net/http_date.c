/* http_date.c - the dates of RFC 9110 section 5.6.7, read in all three forms, written in the first.
 *
 *   IMF-fixdate  Sun, 06 Nov 1994 08:49:37 GMT
 *   RFC 850      Sunday, 06-Nov-94 08:49:37 GMT
 *   asctime      Sun Nov  6 08:49:37 1994
 *
 * Days are counted in the Gregorian calendar from 1970-01-01, in years that begin in March, so that
 * the leap day comes last.
 */
#include "net/http_parse.h"

#include "base/clock.h"
#include "net/http_octet.h"

#include <errno.h>
#include <stdio.h>

static const char *const DAYS[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                   "Thursday", "Friday", "Saturday"};
static const char *const MONTHS[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

enum { DAYS_TO_1970 = 719468, DAYS_PER_ERA = 146097, SECONDS_PER_DAY = 86400 };

struct date {
    unsigned year, month, day; /* month: 1 to 12 */
    unsigned hour, minute, second;
};

static unsigned days_of_month(unsigned year, unsigned month)
{
    if (month == 2)
        return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static uint64_t seconds_of_date(const struct date *date)
{
    uint64_t year = date->month > 2 ? date->year : date->year - 1;
    uint64_t month = (date->month + 9) % 12; /* March is 0 */
    uint64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;
    uint64_t day = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - DAYS_TO_1970;
    uint64_t minute = (uint64_t)date->hour * 60 + date->minute;
    return day * SECONDS_PER_DAY + minute * 60 + date->second;
}

static struct date date_of_seconds(uint64_t seconds)
{
    uint64_t days = seconds / SECONDS_PER_DAY + DAYS_TO_1970;
    unsigned second = (unsigned)(seconds % SECONDS_PER_DAY);
    uint64_t era = days / DAYS_PER_ERA, day = days % DAYS_PER_ERA;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * day_of_year + 2) / 153;
    return (struct date){
        .year = (unsigned)(era * 400 + year + (month >= 10)),
        .month = (unsigned)((month + 2) % 12 + 1),
        .day = (unsigned)(day_of_year - (153 * month + 2) / 5 + 1),
        .hour = second / 3600,
        .minute = second / 60 % 60,
        .second = second % 60,
    };
}

void http_print_date(uint64_t seconds, char out[static HTTP_DATE_SIZE])
{
    struct date date = date_of_seconds(seconds);
    uint64_t weekday = (seconds / SECONDS_PER_DAY + 4) % 7; /* 1970-01-01 was a Thursday */
    snprintf(out, HTTP_DATE_SIZE, "%.3s, %02u %s %04u %02u:%02u:%02u GMT", DAYS[weekday], date.day,
             MONTHS[date.month - 1], date.year % 10000, date.hour, date.minute, date.second);
}

/* ---- reading: each takes its part off the front of `text`, or says false ---- */

static bool take(struct slice *text, struct slice part)
{
    if (!slice_starts_with(*text, part))
        return false;
    *text = slice_skip(*text, part.size);
    return true;
}

static bool take_number(struct slice *text, size_t digits, unsigned *value)
{
    if (text->size < digits)
        return false;
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (!octet_is_digit(text->at[i]))
            return false;
        *value = *value * 10 + (unsigned)(text->at[i] - '0');
    }
    *text = slice_skip(*text, digits);
    return true;
}

/* A name of a day, cut to `size` letters (0: whole). */
static bool take_day_name(struct slice *text, size_t size)
{
    for (unsigned i = 0; i < 7; i++)
        if (take(text, slice_of(DAYS[i], size ? size : strlen(DAYS[i]))))
            return true;
    return false;
}

static bool take_month(struct slice *text, unsigned *month)
{
    for (unsigned i = 0; i < 12; i++)
        if (take(text, slice_str(MONTHS[i]))) {
            *month = i + 1;
            return true;
        }
    return false;
}

static bool take_time(struct slice *text, struct date *date)
{
    return take_number(text, 2, &date->hour) && take(text, SLICE(":")) &&
           take_number(text, 2, &date->minute) && take(text, SLICE(":")) &&
           take_number(text, 2, &date->second);
}

static bool take_imf(struct slice text, struct date *date)
{
    return take_day_name(&text, 3) && take(&text, SLICE(", ")) &&
           take_number(&text, 2, &date->day) && take(&text, SLICE(" ")) &&
           take_month(&text, &date->month) && take(&text, SLICE(" ")) &&
           take_number(&text, 4, &date->year) && take(&text, SLICE(" ")) &&
           take_time(&text, date) && slice_equal(text, SLICE(" GMT"));
}

/* Two digits of a year: of the century that puts it at most 50 years from now. */
static unsigned whole_year(unsigned short_year)
{
    unsigned now = date_of_seconds(clock_wall_ms() / 1000).year;
    unsigned year = now - now % 100 + short_year;
    return year > now + 50 ? year - 100 : year;
}

static bool take_rfc850(struct slice text, struct date *date)
{
    if (!take_day_name(&text, 0) || !take(&text, SLICE(", ")) ||
        !take_number(&text, 2, &date->day) || !take(&text, SLICE("-")) ||
        !take_month(&text, &date->month) || !take(&text, SLICE("-")) ||
        !take_number(&text, 2, &date->year) || !take(&text, SLICE(" ")))
        return false;
    date->year = whole_year(date->year);
    return take_time(&text, date) && slice_equal(text, SLICE(" GMT"));
}

static bool take_asctime(struct slice text, struct date *date)
{
    return take_day_name(&text, 3) && take(&text, SLICE(" ")) && take_month(&text, &date->month) &&
           take(&text, SLICE(" ")) &&
           (take(&text, SLICE(" ")) ? take_number(&text, 1, &date->day)
                                    : take_number(&text, 2, &date->day)) &&
           take(&text, SLICE(" ")) && take_time(&text, date) && take(&text, SLICE(" ")) &&
           take_number(&text, 4, &date->year) && text.size == 0;
}

int http_parse_date(struct slice text, uint64_t *seconds)
{
    struct date date = {0};
    if (!take_imf(text, &date) && !take_rfc850(text, &date) && !take_asctime(text, &date))
        return -EINVAL;
    if (date.year < 1970 || date.day < 1 || date.day > days_of_month(date.year, date.month))
        return -EINVAL;
    if (date.hour > 23 || date.minute > 59 || date.second > 60)
        return -EINVAL; /* 60: a leap second */
    *seconds = seconds_of_date(&date);
    return 0;
}
