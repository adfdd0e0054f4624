/* view.c - see view.h. */
#include "tools/ctl/view.h"

#include "base/text.h"
#include "base/units.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { CELL_MAX = 64 * 1024, PATH_MAX_SIZE = 256, DEPTH_MAX = 8, NAME_MAX_SIZE = 128 };

/* ---- the terminal ---- */

static size_t terminal_width(void)
{
    struct winsize size;
    unsigned long columns;
    const char *given = getenv("COLUMNS");
    if (given && slice_to_u64(slice_str(given), &columns) && columns > 0)
        return columns;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void view_grid(struct grid *grid)
{
    const char *no_colour = getenv("NO_COLOR"), *kind = getenv("TERM");
    bool is_terminal = isatty(STDOUT_FILENO) != 0;
    bool is_dumb = !kind || slice_equal(slice_str(kind), SLICE("dumb"));
    grid_init(grid, is_terminal ? terminal_width() : 0,
              is_terminal && !is_dumb && !(no_colour && no_colour[0]));
}

/* ---- values ---- */

bool view_find(struct json_value object, const char *path, struct json_value *found)
{
    struct slice rest = slice_str(path);
    *found = object;
    while (rest.size) {
        char name[NAME_MAX_SIZE];
        size_t size = slice_find(rest, '.');
        if (size >= sizeof name)
            return false;
        memcpy(name, rest.at, size);
        name[size] = '\0';
        if (!json_get(*found, name, found))
            return false;
        rest = slice_skip(rest, size + 1);
    }
    return true;
}

/* By this machine's clock and zone, to the second. */
static void put_time(struct text *text, struct slice given)
{
    uint64_t wall_ms;
    struct tm parts;
    char shown[32];
    if (units_parse_time(given, &wall_ms) < 0) {
        text_put(text, given);
        return;
    }
    time_t seconds = (time_t)(wall_ms / 1000);
    if (localtime_r(&seconds, &parts) && strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S", &parts))
        text_put(text, slice_str(shown));
}

static void put_json(struct text *text, struct json_value value)
{
    long size = json_print(value, text->at + text->size, text->room - text->size);
    if (size < 0)
        text_put(text, SLICE("..."));
    else
        text->size += (size_t)size;
}

static bool is_scalar(struct json_value value)
{
    enum json_kind kind = json_kind(value);
    return kind != JSON_ARRAY && kind != JSON_OBJECT;
}

static bool has_scalars_only(struct json_value array)
{
    uint64_t cursor = 0;
    struct json_value element;
    while (json_next(array, &cursor, NULL, &element))
        if (!is_scalar(element))
            return false;
    return true;
}

static void put_scalar(struct text *text, struct json_value value)
{
    struct slice string;
    if (json_string(value, &string))
        text_put(text, string);
    else if (json_kind(value) == JSON_NULL)
        text_char(text, '-');
    else
        put_json(text, value);
}

static void put_value(struct text *text, struct json_value value)
{
    uint64_t cursor = 0;
    struct json_value element;
    const char *comma = "";
    if (is_scalar(value)) {
        put_scalar(text, value);
        return;
    }
    if (json_kind(value) == JSON_OBJECT || !has_scalars_only(value)) {
        put_json(text, value);
        return;
    }
    while (json_next(value, &cursor, NULL, &element)) {
        text_put(text, slice_str(comma));
        put_scalar(text, element);
        comma = ", ";
    }
}

static enum grid_colour status_colour(struct slice word)
{
    static const struct {
        const char *word;
        enum grid_colour colour;
    } words[] = {
        {"active", GRID_GOOD},       {"delivered", GRID_GOOD},  {"ready", GRID_GOOD},
        {"done", GRID_GOOD},         {"completed", GRID_GOOD},  {"closed", GRID_GOOD},
        {"ok", GRID_GOOD},           {"pending", GRID_WAITING}, {"retrying", GRID_WAITING},
        {"paused", GRID_WAITING},    {"running", GRID_WAITING}, {"warn", GRID_WAITING},
        {"half_open", GRID_WAITING}, {"cancelled", GRID_DIM},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (slice_equal_nocase(word, slice_str(words[i].word)))
            return words[i].colour;
    return word.size > 1 ? GRID_BAD : GRID_PLAIN;
}

/* ---- lists ---- */

void view_columns(struct grid *grid, const struct column *columns)
{
    for (; columns->title; columns++)
        grid_column(grid, columns->title, columns->kind == COLUMN_NUMBER);
}

void view_row(struct grid *grid, const struct column *columns, struct json_value object)
{
    static char room[CELL_MAX];
    for (; columns->title; columns++) {
        struct json_value value;
        struct slice string;
        struct text text;
        text_init(&text, room, sizeof room);
        bool is_there = view_find(object, columns->field, &value);
        if (!is_there)
            text_char(&text, '-');
        else if (columns->kind == COLUMN_TIME && json_string(value, &string))
            put_time(&text, string);
        else
            put_value(&text, value);
        struct slice shown = text_slice(&text);
        grid_cell(grid, shown, columns->kind == COLUMN_STATUS ? status_colour(shown) : GRID_PLAIN);
    }
}

/* ---- objects ---- */

/* Depth is bounded by DEPTH_MAX. */
static void put_members(struct grid *grid, struct json_value object, const char *path,
                        unsigned depth)
{
    static char room[CELL_MAX];
    uint64_t cursor = 0;
    struct slice key;
    struct json_value value;
    while (json_next(object, &cursor, &key, &value)) {
        char name[PATH_MAX_SIZE];
        uint64_t inner = 0;
        struct json_value any;
        struct text text;
        snprintf(name, sizeof name, "%s%s%.*s", path, path[0] ? "." : "", SLICE_ARGS(key));
        bool has_members = json_kind(value) == JSON_OBJECT && json_next(value, &inner, NULL, &any);
        if (has_members && depth < DEPTH_MAX) {
            put_members(grid, value, name, depth + 1);
            continue;
        }
        text_init(&text, room, sizeof room);
        put_value(&text, value);
        grid_cell(grid, slice_str(name), GRID_BOLD);
        grid_cell(grid, text_slice(&text), GRID_PLAIN);
    }
}

void view_object(struct json_value object)
{
    struct grid grid;
    view_grid(&grid);
    grid.terminal_width = 0; /* a secret that is cut is of no use */
    grid_column(&grid, NULL, false);
    grid_column(&grid, NULL, false);
    put_members(&grid, object, "", 0);
    grid_flush(&grid, stdout);
    grid_close(&grid);
}

/* ---- problems ---- */

/* Through a grid, which shows no controls. */
static void say(struct grid *grid, const char *before, struct slice what)
{
    grid_cell(grid, slice_str(before), GRID_PLAIN);
    grid_cell(grid, what, GRID_PLAIN);
}

static void put_errors(struct grid *grid, struct json_value problem)
{
    struct json_value errors, each, value;
    uint64_t cursor = 0;
    if (!json_get(problem, "errors", &errors))
        return;
    while (json_next(errors, &cursor, NULL, &each)) {
        char name[PATH_MAX_SIZE];
        struct slice pointer = SLICE(""), detail = SLICE("");
        if (json_get(each, "pointer", &value) && !json_string(value, &pointer))
            continue;
        if (json_get(each, "detail", &value) && !json_string(value, &detail))
            continue;
        snprintf(name, sizeof name, "  %.*s", SLICE_ARGS(pointer));
        say(grid, name, detail);
    }
}

void view_problem(struct json *json, int status, struct slice body)
{
    char why[JSON_WHY_SIZE];
    struct json_value problem, value;
    struct slice detail = SLICE(""), title = SLICE("");
    struct grid grid;
    bool is_json = json_read(json, body, &problem, why) == 0;
    if (is_json && json_get(problem, "title", &value) && !json_string(value, &title))
        title = SLICE("");
    if (is_json && json_get(problem, "detail", &value) && !json_string(value, &detail))
        detail = SLICE("");

    grid_init(&grid, 0, false);
    grid_column(&grid, NULL, false);
    grid_cell(&grid, detail.size ? detail : title, GRID_PLAIN);
    fprintf(stderr, "grapnelctl: %d: ", status);
    if (detail.size + title.size)
        grid_flush(&grid, stderr);
    else
        fputs("the server refused, and does not say why\n", stderr);
    grid_close(&grid);

    grid_init(&grid, 0, false);
    grid_column(&grid, NULL, false);
    grid_column(&grid, NULL, false);
    if (is_json)
        put_errors(&grid, problem);
    grid_flush(&grid, stderr);
    grid_close(&grid);
}
