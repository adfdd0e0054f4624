/* log.h - structured lines on stderr, as text for people or JSON for programs.
 *
 *   LOG(LOG_WARN, "disabled", log_id("subscription", "sub", &id), log_u64("status", 410));
 *
 *   text: 2026-01-31T12:00:00.000Z warn  disabled subscription=sub_01h... status=410
 *   json: {"time":"2026-...","level":"warn","message":"disabled","subscription":"sub_...", ...}
 *
 * A line is written with one write(2), so lines of several threads do not mix. A line longer than
 * 4 KiB is cut at a field's end. Never log a secret or a key. Only engine/, bench/ and tools/ log;
 * base, net and store return.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/id.h"
#include "base/slice.h"

#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct log_field {
    const char *name;
    enum { LOG_FIELD_END, LOG_FIELD_TEXT, LOG_FIELD_NUMBER, LOG_FIELD_ID } kind;
    struct slice text;
    uint64_t number;
    const struct id *id;
};

static inline struct log_field log_text(const char *name, struct slice text)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_TEXT, .text = text};
}

static inline struct log_field log_str(const char *name, const char *text)
{
    return log_text(name, slice_str(text));
}

static inline struct log_field log_u64(const char *name, uint64_t number)
{
    return (struct log_field){.name = name, .kind = LOG_FIELD_NUMBER, .number = number};
}

static inline struct log_field log_id(const char *name, const char *prefix, const struct id *id)
{
    return (struct log_field){
        .name = name, .kind = LOG_FIELD_ID, .text = slice_str(prefix), .id = id};
}

#define LOG(level, ...) LOG_FIRST(level, __VA_ARGS__, (struct log_field){0})
#define LOG_FIRST(level, message, ...)                                                       \
    (log_enabled(level) ? log_write(level, message, (const struct log_field[]){__VA_ARGS__}) \
                        : (void)0)

/* May be changed at any time, from any thread (a relaxed store). */
void log_set(enum log_level level, enum log_format format);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* "debug", "info", "warn", "error", "off". -1 if it is none of them. */
int log_level_parse(struct slice name);

#endif
