/* text.h - text printed into a buffer of fixed room.
 *
 * A print that does not fit stores nothing of itself and sets `cut`, which stays set: print a whole
 * document, then ask once with text_ok().
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/slice.h"

#include <stdint.h>

struct text {
    char *at;
    size_t room;
    size_t size;
    bool cut;
};

static inline void text_init(struct text *text, char *at, size_t room)
{
    *text = (struct text){at, room, 0, false};
}

static inline bool text_ok(const struct text *text)
{
    return !text->cut;
}

static inline struct slice text_slice(const struct text *text)
{
    return (struct slice){text->at, text->size};
}

void text_put(struct text *text, struct slice slice);
void text_char(struct text *text, char c);
void text_u64(struct text *text, uint64_t value);

/* As printf(3). Needs room for its NUL, which is not counted in `size`. */
void text_printf(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Lower-case hex digits of `size` bytes. */
void text_hex(struct text *text, const void *bytes, size_t size);

/* A JSON string with its quotes: controls, '"' and '\' escaped; bytes that are not UTF-8 become
 * U+FFFD, so the result is always valid JSON. */
void text_json(struct text *text, struct slice slice);

/* The bytes of the UTF-8 character that `slice` begins with, 1 to 4; 0 if it begins with none. */
size_t text_utf8_size(struct slice slice);

/* RFC 3339 in UTC with milliseconds: 2026-01-31T12:00:00.000Z. `wall_ms`: since 1970; what is later
 * than the year 9999 prints as its last millisecond. */
void text_time(struct text *text, uint64_t wall_ms);

/* As CONTRACT's durations: the largest unit that divides it: "500ms", "5s", "2m", "1h"; "0s". */
void text_duration(struct text *text, uint64_t duration_ms);

#endif
