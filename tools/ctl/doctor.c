/* doctor.c - grapnelctl doctor: runs the checks and shows what they found. */
#include "tools/ctl/doctor.h"

#include "base/text.h"
#include "base/units.h"
#include "tools/ctl/run.h"
#include "tools/ctl/session.h"
#include "tools/ctl/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const level_names[] = {"OK", "WARN", "FAIL"};
static const enum grid_colour level_colours[] = {GRID_GOOD, GRID_WAITING, GRID_BAD};

void finding_put(struct finding *finding, enum doctor_level level, const char *advice)
{
    finding->level = level;
    snprintf(finding->advice, sizeof finding->advice, "%s", advice);
}

void finding_detail(struct finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->detail, sizeof finding->detail, format, arguments);
    va_end(arguments);
}

struct round {
    bool is_json;
    unsigned count, failed;
    struct grid grid;
};

static void show_json(const struct round *round, const char *name, const struct finding *finding)
{
    char buffer[12 * DOCTOR_TEXT_SIZE + 256];
    struct text text;
    text_init(&text, buffer, sizeof buffer);
    text_printf(&text, "%s{\"check\":\"%s\",\"status\":\"%s\",\"detail\":", round->count ? "," : "",
                name, level_names[finding->level]);
    text_json(&text, slice_str(finding->detail));
    text_put(&text, SLICE(",\"advice\":"));
    text_json(&text, slice_str(finding->advice));
    text_char(&text, '}');
    must(text_ok(&text));
    printf("%.*s", SLICE_ARGS(text_slice(&text)));
}

static void show_row(struct round *round, const char *name, const struct finding *finding)
{
    grid_cell(&round->grid, slice_str(level_names[finding->level]), level_colours[finding->level]);
    grid_cell(&round->grid, slice_str(name), GRID_BOLD);
    grid_cell(&round->grid, slice_str(finding->detail), GRID_PLAIN);
    if (!finding->advice[0])
        return;
    grid_cell(&round->grid, SLICE(""), GRID_PLAIN);
    grid_cell(&round->grid, SLICE(""), GRID_PLAIN);
    grid_cell(&round->grid, slice_str(finding->advice), GRID_PLAIN);
}

static void look_at(struct round *round, const struct doctor *doctor,
                    const struct doctor_check *checks)
{
    for (; checks->name; checks++) {
        struct finding finding = {0};
        checks->look(doctor, &finding);
        if (round->is_json)
            show_json(round, checks->name, &finding);
        else
            show_row(round, checks->name, &finding);
        round->count++;
        round->failed += finding.level == DOCTOR_FAIL;
    }
}

static const char *option_or(const struct line *line, const char *name, const char *usual)
{
    const char *given = line_option(line, name);
    return given ? given : usual;
}

int run_doctor(const struct line *line)
{
    struct doctor doctor = {
        .data = option_or(line, "data", "./data"),
        .name = option_or(line, "name", "example.com"),
        .ports = {option_or(line, "ingest", "127.0.0.1:8480"),
                  option_or(line, "admin", "127.0.0.1:8481")},
        .ca_file = line_global(line, GLOBAL_CA_FILE),
    };
    const char *memory = option_or(line, "memory", "1G");
    struct round round = {.is_json = line_wants_json(line)};
    if (units_parse_size(slice_str(memory), &doctor.memory_bytes) < 0)
        return session_complain("--memory: '%s' is not a size such as 1G", memory);

    view_grid(&round.grid);
    round.grid.terminal_width = 0; /* advice that is cut is none */
    for (int i = 0; i < 3; i++)
        grid_column(&round.grid, NULL, false);
    if (round.is_json)
        fputs("{\"data\":[", stdout);
    look_at(&round, &doctor, doctor_host_checks);
    look_at(&round, &doctor, doctor_disk_checks);
    look_at(&round, &doctor, doctor_net_checks);
    if (round.is_json)
        fputs("]}\n", stdout);
    grid_flush(&round.grid, stdout);
    grid_close(&round.grid);
    return round.failed ? EXIT_REFUSED : EXIT_DONE;
}
