/* text.c - each print composes what it has to say, then stores all of it or none. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

static const char hex_digits[] = "0123456789abcdef";

/* Room for `size` more bytes, or NULL and `cut` is set. */
static char *extend(struct text *text, size_t size)
{
    if (size > text->room - text->size) {
        text->cut = true;
        return NULL;
    }
    char *at = text->at + text->size;
    text->size += size;
    return at;
}

void text_put(struct text *text, struct slice slice)
{
    char *at = extend(text, slice.size);
    if (at && slice.at)
        memmove(at, slice.at, slice.size);
}

void text_char(struct text *text, char c)
{
    char *at = extend(text, 1);
    if (at)
        *at = c;
}

void text_u64(struct text *text, uint64_t value)
{
    char digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    text_put(text, slice_of(digits + first, sizeof digits - first));
}

void text_printf(struct text *text, const char *format, ...)
{
    size_t left = text->room - text->size;
    va_list args;
    va_start(args, format);
    int size = vsnprintf(text->at + text->size, left, format, args);
    va_end(args);
    if (size < 0 || (size_t)size >= left)
        text->cut = true;
    else
        text->size += (size_t)size;
}

void text_hex(struct text *text, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    char *at = size > SIZE_MAX / 2 ? NULL : extend(text, size * 2);
    for (size_t i = 0; at && i < size; i++) {
        at[i * 2] = hex_digits[from[i] >> 4];
        at[i * 2 + 1] = hex_digits[from[i] & 15];
    }
}

/* ---- JSON ---- */

size_t text_utf8_size(struct slice slice)
{
    /* The lead bytes of each size, and the range of its second byte that keeps out overlong forms,
     * surrogates and what is beyond U+10FFFF (RFC 3629 section 4). */
    static const struct {
        unsigned char lead_min, lead_max, second_min, second_max;
        size_t size;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (slice.size == 0)
        return 0;

    const unsigned char *at = (const unsigned char *)slice.at;
    size_t form = 0, forms_count = sizeof forms / sizeof forms[0];
    while (form < forms_count && (at[0] < forms[form].lead_min || at[0] > forms[form].lead_max))
        form++;
    if (form == forms_count || slice.size < forms[form].size)
        return 0;
    if (forms[form].size > 1 && (at[1] < forms[form].second_min || at[1] > forms[form].second_max))
        return 0;
    for (size_t i = 2; i < forms[form].size; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return forms[form].size;
}

/* Prints the character that `rest` begins with, escaped if it has to be. Returns its size. */
static size_t put_escaped(struct text *text, struct slice rest)
{
    static const char shorts[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    unsigned char c = (unsigned char)rest.at[0];
    const char *found = memchr(shorts, c, sizeof shorts - 1);
    if (found) {
        char escape[2] = {'\\', letters[found - shorts]};
        text_put(text, slice_of(escape, sizeof escape));
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        char escape[] = {'\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15]};
        text_put(text, slice_of(escape, sizeof escape));
        return 1;
    }
    size_t size = text_utf8_size(rest);
    text_put(text, size ? slice_of(rest.at, size) : SLICE("\xef\xbf\xbd"));
    return size ? size : 1;
}

void text_json(struct text *text, struct slice slice)
{
    struct text before = *text;
    text->cut = false;
    text_char(text, '"');
    while (slice.size && !text->cut) {
        size_t plain = 0;
        while (plain < slice.size && slice.at[plain] >= 0x20 && slice.at[plain] < 0x7f &&
               slice.at[plain] != '"' && slice.at[plain] != '\\')
            plain++;
        text_put(text, slice_of(slice.at, plain));
        slice = slice_skip(slice, plain);
        if (slice.size)
            slice = slice_skip(slice, put_escaped(text, slice));
    }
    text_char(text, '"');
    if (text->cut)
        text->size = before.size;
    text->cut |= before.cut;
}

/* ---- times ---- */

/* The civil date of a count of days since 1970-01-01. Years begin in March, so that the leap day is
 * the last of its year; 400 such years have 146097 days. */
static void put_date(struct text *text, uint64_t days)
{
    days += 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097, day_of_era = days % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month_from_march = (5 * day_of_year + 2) / 153;
    uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    uint64_t year = era * 400 + year_of_era + (month <= 2);
    text_printf(text, "%04u-%02u-%02u", (unsigned)year, (unsigned)month, (unsigned)day);
}

void text_time(struct text *text, uint64_t wall_ms)
{
    const uint64_t last_ms = UINT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z */
    if (wall_ms > last_ms)
        wall_ms = last_ms;

    char out[32];
    struct text time;
    text_init(&time, out, sizeof out);
    put_date(&time, wall_ms / 86400000);
    unsigned ms = (unsigned)(wall_ms % 86400000);
    text_printf(&time, "T%02u:%02u:%02u.%03uZ", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
                ms % 1000);
    text_put(text, text_slice(&time));
}

void text_duration(struct text *text, uint64_t duration_ms)
{
    static const struct {
        uint64_t ms;
        const char *name;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};

    size_t unit = duration_ms == 0 ? 2 : 0; /* nothing is "0s" */
    while (duration_ms % units[unit].ms)
        unit++;
    char out[32];
    struct text duration;
    text_init(&duration, out, sizeof out);
    text_u64(&duration, duration_ms / units[unit].ms);
    text_put(&duration, slice_str(units[unit].name));
    text_put(text, text_slice(&duration));
}
