/* log.c - a line is composed on the stack and written with one write(2).
 *
 * Any thread. The level and the format are two relaxed atomics: a line that is under way while they
 * change may follow either.
 */
#include "base/log.h"

#include "base/clock.h"
#include "base/text.h"

#include <stdatomic.h>
#include <unistd.h>

enum { LINE_SIZE = 4096 };

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

static atomic_int level_now = LOG_INFO;
static atomic_int format_now = LOG_FORMAT_TEXT;

void log_set(enum log_level level, enum log_format format)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
    atomic_store_explicit(&format_now, (int)format, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&level_now, memory_order_relaxed) && level < LOG_OFF;
}

int log_level_parse(struct slice name)
{
    for (int i = 0; i <= LOG_OFF; i++)
        if (slice_equal(name, slice_str(level_names[i])))
            return i;
    return -1;
}

/* A value that can stand in a text line as it is: no white space, quotes, '=', nor anything that
 * a terminal might obey. */
static bool is_plain(struct slice value)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return value.size > 0;
}

static void put_value(struct text *line, const struct log_field *field, bool json)
{
    char id_text[ID_TEXT_SIZE];
    struct slice value = field->text;
    if (field->kind == LOG_FIELD_NUMBER) {
        text_u64(line, field->number);
        return;
    }
    if (field->kind == LOG_FIELD_ID)
        value = id_print(field->id, field->text.at, id_text);
    if (!json && is_plain(value))
        text_put(line, value);
    else
        text_json(line, value);
}

static void put_field(struct text *line, const struct log_field *field, bool json)
{
    text_char(line, json ? ',' : ' ');
    if (json)
        text_json(line, slice_str(field->name));
    else
        text_put(line, slice_str(field->name));
    text_char(line, json ? ':' : '=');
    put_value(line, field, json);
}

static void put_head_text(struct text *line, enum log_level level, const char *message)
{
    text_time(line, clock_wall_ms());
    text_printf(line, " %-5s ", level_names[level]);
    text_put(line, slice_str(message));
}

static void put_head_json(struct text *line, enum log_level level, const char *message)
{
    text_put(line, SLICE("{\"time\":\""));
    text_time(line, clock_wall_ms());
    text_printf(line, "\",\"level\":\"%s\",\"message\":", level_names[level]);
    text_json(line, slice_str(message));
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    must(level < LOG_OFF);
    bool json = atomic_load_explicit(&format_now, memory_order_relaxed) == LOG_FORMAT_JSON;
    char out[LINE_SIZE];
    struct text line;
    text_init(&line, out, sizeof out - 2); /* the last two are for "}\n" */
    if (json)
        put_head_json(&line, level, message);
    else
        put_head_text(&line, level, message);
    must(text_ok(&line)); /* messages are literals, and short */

    for (; fields->kind != LOG_FIELD_END && text_ok(&line); fields++) {
        size_t before = line.size;
        put_field(&line, fields, json);
        if (!text_ok(&line))
            line.size = before;
    }
    line.room = sizeof out;
    if (json)
        text_char(&line, '}');
    text_char(&line, '\n');
    ssize_t written = write(STDERR_FILENO, line.at, line.size);
    (void)written; /* there is nowhere left to say that this failed */
}
