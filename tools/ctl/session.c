/* session.c - see session.h. */
#include "tools/ctl/session.h"

#include "base/clock.h"
#include "base/units.h"
#include "tools/ctl/run.h"
#include "tools/ctl/view.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define URL_USUAL     "http://127.0.0.1:8481"
#define TIMEOUT_USUAL "30s"

enum { FILE_MAX = 32 * 1024 * 1024, FILE_AT_FIRST = 64 * 1024, MEMBERS_MAX = 8 };

int session_complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("grapnelctl: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return EXIT_USAGE;
}

/* ---- opening ---- */

/* What was given on the line, or in the environment; NULL: neither. Empty counts as not given. */
static const char *setting(const struct line *line, unsigned global, const char *variable)
{
    const char *value = line_global(line, global);
    if (!value)
        value = getenv(variable);
    return value && value[0] ? value : NULL;
}

static int read_key_file(struct session *session, const char *path, struct slice *key)
{
    char *at = NULL;
    size_t size = 0;
    int status = session_read_file(path, &at, &size);
    if (status)
        return status;
    must(at);
    struct slice text = slice_of(at, size);
    while (text.size && (text.at[text.size - 1] == '\n' || text.at[text.size - 1] == '\r'))
        text.size--;
    text = slice_trim(text);
    bool fits = text.size < sizeof session->key;
    if (fits && text.size)
        memcpy(session->key, text.at, text.size);
    *key = slice_of(session->key, fits ? text.size : 0);
    free(at);
    return fits ? EXIT_DONE : session_complain("%s is no file with a key", path);
}

static int find_key(struct session *session, struct slice *key)
{
    const struct line *line = session->line;
    const char *file = line_global(line, GLOBAL_KEY_FILE);
    const char *given =
        file && !line_global(line, GLOBAL_KEY) ? NULL : setting(line, GLOBAL_KEY, "GRAPNEL_KEY");
    if (!given)
        file = setting(line, GLOBAL_KEY_FILE, "GRAPNEL_KEY_FILE");
    *key = slice_str(given);
    return given || !file ? EXIT_DONE : read_key_file(session, file, key);
}

int session_open(struct session *session, const struct line *line)
{
    char why[SERVER_WHY_SIZE];
    const char *url = setting(line, GLOBAL_URL, "GRAPNEL_URL");
    const char *timeout = line_global(line, GLOBAL_TIMEOUT);
    if (!timeout)
        timeout = line->verb->timeout ? line->verb->timeout : TIMEOUT_USUAL;
    struct server_options options = {
        .url = url ? url : URL_USUAL,
        .tenant = slice_str(setting(line, GLOBAL_TENANT, "GRAPNEL_TENANT")),
        .ca_file = line_global(line, GLOBAL_CA_FILE),
    };
    *session = (struct session){.line = line};
    if (units_parse_duration(slice_str(timeout), &options.timeout_ms) < 0)
        return session_complain("'%s' is not a time such as 30s", timeout);
    int status = find_key(session, &options.key);
    if (status)
        return status;
    must(json_open(&session->json) == 0);
    int error = server_open(&session->server, &options, why);
    if (error == 0)
        return EXIT_DONE;
    session_complain("%s", why);
    return error == -EINVAL ? EXIT_USAGE : EXIT_UNREACHABLE;
}

void session_close(struct session *session)
{
    server_close(session->server);
    json_close(session->json);
    explicit_bzero(session->key, sizeof session->key);
}

/* ---- asking ---- */

int session_ask(struct session *session, struct server_call *call)
{
    char why[SERVER_WHY_SIZE];
    if (server_ask(session->server, call, why) < 0) {
        session_complain("%s", why);
        return EXIT_UNREACHABLE;
    }
    if (call->status >= 200 && call->status <= 299)
        return EXIT_DONE;
    view_problem(session->json, call->status, call->answer);
    return EXIT_REFUSED;
}

static int odd_answer(void)
{
    session_complain("the answer is none that a grapnel engine would give: is the URL right?");
    return EXIT_UNREACHABLE;
}

int session_read(struct session *session, struct slice answer, struct json_value *root)
{
    char why[JSON_WHY_SIZE];
    return json_read(session->json, answer, root, why) == 0 ? EXIT_DONE : odd_answer();
}

int session_each(struct session *session, struct slice answer,
                 int (*each)(void *context, struct slice raw), void *context)
{
    struct json_member members[MEMBERS_MAX];
    char why[JSON_WHY_SIZE];
    struct slice data = SLICE("");
    int count = json_scan(session->json, answer, members, MEMBERS_MAX, why);
    for (int i = 0; i < count && i < MEMBERS_MAX; i++)
        if (slice_equal(members[i].key, SLICE("data")))
            data = members[i].raw;
    bool is_list = data.size && json_each(session->json, data, each, context, why) >= 0;
    return is_list ? EXIT_DONE : odd_answer();
}

/* ---- targets ---- */

/* Percent-encodes all but what RFC 3986 section 2.3 leaves alone. */
static void put_encoded(struct text *text, struct slice value)
{
    static const char plain[] = "-._~:";
    for (size_t i = 0; i < value.size; i++) {
        char c = value.at[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (c && strchr(plain, c));
        if (is_plain)
            text_char(text, c);
        else
            text_printf(text, "%%%02X", (unsigned char)c);
    }
}

void session_parameter(struct text *target, const char *name, struct slice value)
{
    bool is_first = !memchr(target->at, '?', target->size);
    text_printf(target, "%c%s=", is_first ? '?' : '&', name);
    put_encoded(target, value);
}

struct slice session_moment(const char *given, char out[static SESSION_MOMENT_SIZE])
{
    uint64_t ago_ms, now_ms = clock_wall_ms();
    struct text moment;
    if (units_parse_duration(slice_str(given), &ago_ms) < 0)
        return slice_str(given);
    text_init(&moment, out, SESSION_MOMENT_SIZE);
    text_time(&moment, now_ms > ago_ms ? now_ms - ago_ms : 0);
    return text_slice(&moment);
}

static void put_path(const struct line *line, struct text *target)
{
    struct slice path = slice_str(line->verb->path);
    size_t brace = slice_find(path, '{');
    text_put(target, slice_of(path.at, brace));
    if (brace == path.size)
        return;
    put_encoded(target, slice_str(line->argument));
    text_put(target, slice_skip(path, brace + slice_find(slice_skip(path, brace), '}') + 1));
}

int session_target(const struct line *line, struct text *target)
{
    put_path(line, target);
    for (unsigned i = 0; i < line->count; i++) {
        const struct option *option = line->given[i].option;
        const char *value = line->given[i].value;
        char moment[SESSION_MOMENT_SIZE];
        if (option->use != OPTION_QUERY)
            continue;
        bool is_moment = slice_equal(slice_str(option->argument), SLICE("TIME"));
        session_parameter(target, option->field ? option->field : option->name,
                          is_moment ? session_moment(value, moment) : slice_str(value));
    }
    return text_ok(target) ? EXIT_DONE : session_complain("the options are too long");
}

/* ---- files ---- */

static int read_all(FILE *file, const char *path, char **at, size_t *size)
{
    size_t room = FILE_AT_FIRST, had;
    char *bytes = malloc(room + JSON_PADDING);
    *size = 0;
    while (bytes && (had = fread(bytes + *size, 1, room - *size, file)) > 0) {
        *size += had;
        if (*size > FILE_MAX) {
            free(bytes);
            return session_complain("%s is longer than %d MiB", path, FILE_MAX / 1024 / 1024);
        }
        if (*size < room)
            continue;
        room *= 2;
        char *grown = realloc(bytes, room + JSON_PADDING);
        must(grown);
        bytes = grown;
    }
    must(bytes);
    if (ferror(file)) {
        free(bytes);
        return session_complain("%s: %s", path, strerror(errno));
    }
    memset(bytes + *size, 0, JSON_PADDING);
    *at = bytes;
    return EXIT_DONE;
}

int session_read_file(const char *path, char **at, size_t *size)
{
    if (slice_equal(slice_str(path), SLICE("-")))
        return read_all(stdin, "standard input", at, size);
    FILE *file = fopen(path, "rbe");
    if (!file)
        return session_complain("%s: %s", path, strerror(errno));
    int status = read_all(file, path, at, size);
    fclose(file);
    return status;
}
