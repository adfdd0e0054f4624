/* Log lines as they reach stderr: one write each, quoted so that nothing in a value can forge a
 * line or a field. */
#include "base/log.h"

#include "base/json.h"
#include "base/units.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

static int reader;
static char got[1 << 16];

/* Stderr becomes a pipe that keeps writes apart. */
static void start(void)
{
    int ends[2];
    cr_assert(eq(int, pipe2(ends, O_DIRECT | O_NONBLOCK), 0));
    cr_assert(ge(int, fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 0)); /* a page for each write */
    cr_assert(ge(int, dup2(ends[1], STDERR_FILENO), 0));
    close(ends[1]);
    reader = ends[0];
}

TestSuite(log, .init = start);

/* The next line without its time, or "" if there is none. */
static const char *next_line(void)
{
    ssize_t size = read(reader, got, sizeof got - 1);
    if (size < 0)
        return "";
    got[size] = '\0';
    uint64_t wall_ms;
    struct slice line = slice_of(got, (size_t)size);
    struct slice time = slice_of(got, slice_find(line, ' '));
    cr_assert(got[0] == '{' || units_parse_time(time, &wall_ms) == 0);
    return got[0] == '{' ? got : got + time.size + 1;
}

static void expect_line(const char *expected)
{
    const char *line = next_line();
    cr_assert(strcmp(line, expected) == 0, "got %s, expected %s", line, expected);
}

Test(log, prints_text_for_people)
{
    struct id id = {{1}};
    LOG(LOG_WARN, "subscription disabled", log_id("subscription", "sub", &id),
        log_u64("status", 410), log_str("reason", "gone"));
    expect_line("warn  subscription disabled subscription=sub_01000000000000000000000000 "
                "status=410 reason=gone\n");
    LOG(LOG_ERROR, "no fields");
    expect_line("error no fields\n");
}

Test(log, prints_json_for_programs)
{
    struct id id = {{1}};
    log_set(LOG_DEBUG, LOG_FORMAT_JSON);
    LOG(LOG_DEBUG, "a \"quoted\" message", log_id("subscription", "sub", &id),
        log_u64("status", UINT64_MAX), log_str("why", "line\nbreak\xff"));

    struct json *json;
    struct json_member members[8];
    char why[JSON_WHY_SIZE];
    const char *line = next_line();
    cr_assert(eq(int, json_open(&json), 0));
    cr_assert(eq(int, json_scan(json, slice_str(line), members, 8, why), 6), "%s", why);
    static const char *const raw[] = {"\"debug\"", "\"a \\\"quoted\\\" message\"",
                                      "\"sub_01000000000000000000000000\"", "18446744073709551615",
                                      "\"line\\nbreak\xef\xbf\xbd\""};
    static const char *const keys[] = {"time", "level", "message", "subscription", "status", "why"};
    for (size_t i = 0; i < 6; i++)
        cr_assert(slice_equal(members[i].key, slice_str(keys[i])));
    for (size_t i = 0; i < 5; i++)
        cr_assert(slice_equal(members[i + 1].raw, slice_str(raw[i])), "%s", line);
    cr_assert(eq(int, line[strlen(line) - 1], '\n'));
    json_close(json);
}

Test(log, quotes_what_could_be_taken_for_something_else)
{
    LOG(LOG_INFO, "m", log_str("a", "b c"), log_str("d", "x=1"), log_str("e", "\"q\""),
        log_str("f", "1\n2026 error forged"), log_str("g", ""), log_str("h", "\x1b[31m"),
        log_str("i", "é"), log_str("j", "/a?b&c:d"));
    expect_line("info  m a=\"b c\" d=\"x=1\" e=\"\\\"q\\\"\" f=\"1\\n2026 error forged\" g=\"\" "
                "h=\"\\u001b[31m\" i=\"é\" j=/a?b&c:d\n");
}

Test(log, is_silent_below_its_level)
{
    log_set(LOG_WARN, LOG_FORMAT_TEXT);
    LOG(LOG_INFO, "not this");
    expect_line("");
    LOG(LOG_WARN, "this");
    expect_line("warn  this\n");
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    LOG(LOG_ERROR, "nor this");
    LOG(LOG_OFF, "nor this");
    expect_line("");
}

Test(log, cuts_a_long_line_at_the_end_of_a_field)
{
    static char large[3000];
    memset(large, 'x', sizeof large);
    struct slice text = slice_of(large, sizeof large);
    LOG(LOG_INFO, "m", log_u64("n", 1), log_text("a", text), log_text("b", text), log_u64("c", 2));
    const char *line = next_line();
    cr_assert(eq(sz, strlen(line), strlen("info  m n=1 a=\n") + sizeof large));
    cr_assert(strcmp(line + strlen(line) - 3, "xx\n") == 0);

    log_set(LOG_INFO, LOG_FORMAT_JSON);
    LOG(LOG_INFO, "m", log_text("a", text), log_text("b", text));
    line = next_line();
    cr_assert(strcmp(line + strlen(line) - 5, "xx\"}\n") == 0);
}

Test(log, reads_the_names_of_levels)
{
    cr_assert(eq(int, log_level_parse(SLICE("debug")), LOG_DEBUG));
    cr_assert(eq(int, log_level_parse(SLICE("info")), LOG_INFO));
    cr_assert(eq(int, log_level_parse(SLICE("warn")), LOG_WARN));
    cr_assert(eq(int, log_level_parse(SLICE("error")), LOG_ERROR));
    cr_assert(eq(int, log_level_parse(SLICE("off")), LOG_OFF));
    cr_assert(eq(int, log_level_parse(SLICE("WARN")), -1));
    cr_assert(eq(int, log_level_parse(SLICE("")), -1));
}

enum { THREADS = 4, LINES = 50 };

static void *write_lines(void *unused)
{
    for (unsigned i = 0; i < LINES; i++)
        LOG(LOG_INFO, "line", log_str("a", "b"), log_u64("i", 7));
    return unused;
}

Test(log, keeps_the_lines_of_threads_apart)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        cr_assert(eq(int, pthread_create(&threads[i], NULL, write_lines, NULL), 0));
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS * LINES; i++)
        expect_line("info  line a=b i=7\n");
    expect_line("");
}
