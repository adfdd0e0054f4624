/* grid.c - see grid.h. */
#include "tools/ctl/grid.h"

#include "base/must.h"
#include "base/text.h"

#include <stdlib.h>

enum { GAP = 2, CELLS_AT_FIRST = 512 };

struct grid_cell {
    char *text; /* safe to print, with a NUL */
    size_t size, width;
    enum grid_colour colour;
};

void grid_init(struct grid *grid, size_t terminal_width, bool is_coloured)
{
    *grid = (struct grid){.terminal_width = terminal_width, .is_coloured = is_coloured};
}

static void drop_cells(struct grid *grid)
{
    for (size_t i = 0; i < grid->cell_count; i++)
        free(grid->cells[i].text);
    grid->cell_count = 0;
}

void grid_close(struct grid *grid)
{
    drop_cells(grid);
    free(grid->cells);
    grid->cells = NULL;
    grid->cell_room = 0;
}

void grid_column(struct grid *grid, const char *title, bool is_right)
{
    must(grid->column_count < GRID_COLUMNS_MAX);
    size_t width = title ? strlen(title) : 0;
    grid->columns[grid->column_count++] = (struct grid_column){title, is_right, width};
}

/* ---- cells ---- */

/* Not a control; those of the second block, U+0080 to U+009F, are some too. */
static bool is_printable(const char *character)
{
    const unsigned char *at = (const unsigned char *)character;
    return at[0] >= 0x20 && at[0] != 0x7f && !(at[0] == 0xc2 && at[1] < 0xa0);
}

static struct grid_cell make_cell(struct slice text, enum grid_colour colour)
{
    struct grid_cell cell = {.text = malloc(text.size + 1), .colour = colour};
    must(cell.text);
    while (text.size) {
        size_t size = text_utf8_size(text); /* 0: no UTF-8 */
        bool is_shown = size > 0 && is_printable(text.at);
        if (is_shown)
            memcpy(cell.text + cell.size, text.at, size);
        else
            cell.text[cell.size] = text.at[0] == '\n' || text.at[0] == '\t' ? ' ' : '?';
        cell.size += is_shown ? size : 1;
        cell.width++;
        text = slice_skip(text, size ? size : 1);
    }
    cell.text[cell.size] = '\0';
    return cell;
}

void grid_cell(struct grid *grid, struct slice text, enum grid_colour colour)
{
    if (grid->cell_count == grid->cell_room) {
        grid->cell_room = grid->cell_room ? 2 * grid->cell_room : CELLS_AT_FIRST;
        grid->cells = reallocarray(grid->cells, grid->cell_room, sizeof *grid->cells);
        must(grid->cells);
    }
    struct grid_cell *cell = &grid->cells[grid->cell_count];
    struct grid_column *column = &grid->columns[grid->cell_count++ % grid->column_count];
    *cell = make_cell(text, colour);
    if (cell->width > column->width)
        column->width = cell->width;
}

/* ---- layout ---- */

/* How wide columns are shown: the widest give way until all of them fit, down to GRID_MIN_WIDTH. */
static void fit(const struct grid *grid, size_t widths[static GRID_COLUMNS_MAX])
{
    size_t total = 0;
    for (unsigned i = 0; i < grid->column_count; i++) {
        widths[i] = grid->columns[i].width;
        total += widths[i] + (i ? GAP : 0);
    }
    while (grid->terminal_width && total > grid->terminal_width) {
        unsigned widest = 0;
        for (unsigned i = 1; i < grid->column_count; i++)
            if (widths[i] > widths[widest])
                widest = i;
        if (widths[widest] <= GRID_MIN_WIDTH)
            return;
        widths[widest]--;
        total--;
    }
}

static const char *colour_code(enum grid_colour colour)
{
    static const char *const codes[] = {
        [GRID_PLAIN] = "",       [GRID_GOOD] = "\033[32m", [GRID_WAITING] = "\033[33m",
        [GRID_BAD] = "\033[31m", [GRID_DIM] = "\033[2m",   [GRID_BOLD] = "\033[1m",
    };
    return codes[colour];
}

/* Prints the first `width` characters, the last of them as an ellipsis if there are more. */
static void print_cut(struct slice text, size_t width, size_t shown, FILE *out)
{
    size_t whole = width > shown ? shown - 1 : width;
    struct slice rest = text;
    while (whole-- > 0)
        rest = slice_skip(rest, text_utf8_size(rest));
    fwrite(text.at, 1, (size_t)(rest.at - text.at), out);
    if (width > shown)
        fputs("\u2026", out);
}

static void print_cell(const struct grid *grid, const struct grid_cell *cell, unsigned column,
                       const size_t *widths, FILE *out)
{
    bool is_last = column + 1 == grid->column_count;
    size_t shown = cell->width < widths[column] ? cell->width : widths[column];
    int space = (int)(widths[column] - shown);
    bool has_colour = grid->is_coloured && cell->colour != GRID_PLAIN && cell->size;
    if (grid->columns[column].is_right)
        fprintf(out, "%*s", space, "");
    if (has_colour)
        fputs(colour_code(cell->colour), out);
    print_cut(slice_of(cell->text, cell->size), cell->width, shown, out);
    if (has_colour)
        fputs("\033[0m", out);
    if (!is_last)
        fprintf(out, "%*s", GAP + (grid->columns[column].is_right ? 0 : space), "");
    else
        fputc('\n', out);
}

static void print_titles(struct grid *grid, const size_t *widths, FILE *out)
{
    if (grid->has_titles || !grid->columns[0].title)
        return;
    for (unsigned i = 0; i < grid->column_count; i++) {
        struct grid_cell cell = make_cell(slice_str(grid->columns[i].title), GRID_BOLD);
        print_cell(grid, &cell, i, widths, out);
        free(cell.text);
    }
    grid->has_titles = true;
}

void grid_flush(struct grid *grid, FILE *out)
{
    size_t widths[GRID_COLUMNS_MAX];
    must(grid->cell_count % grid->column_count == 0);
    if (grid->cell_count == 0)
        return;
    fit(grid, widths);
    print_titles(grid, widths, out);
    for (size_t i = 0; i < grid->cell_count; i++)
        print_cell(grid, &grid->cells[i], (unsigned)(i % grid->column_count), widths, out);
    drop_cells(grid);
}
