/* grid_test.c - tables: aligned, bounded, and harmless to a terminal. */
#include "tools/ctl/grid.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct grid grid;
static char printed[4096];

static void cell(const char *text)
{
    grid_cell(&grid, slice_str(text), GRID_PLAIN);
}

static const char *flush(void)
{
    FILE *out = fmemopen(printed, sizeof printed, "w");
    grid_flush(&grid, out);
    fclose(out);
    return printed;
}

static void start(size_t width, bool is_coloured)
{
    memset(printed, 0, sizeof printed);
    grid_init(&grid, width, is_coloured);
    grid_column(&grid, "ID", false);
    grid_column(&grid, "COUNT", true);
    grid_column(&grid, "NAME", false);
}

static void end(void)
{
    grid_close(&grid);
}

#define PRINTS(text) cr_assert(eq(int, strcmp(flush(), text), 0))

Test(grid, aligns_columns_and_numbers_to_the_right, .fini = end)
{
    start(0, false);
    cell("a"), cell("1"), cell("first");
    cell("longer"), cell("1000000"), cell("");
    PRINTS("ID        COUNT  NAME\n"
           "a             1  first\n"
           "longer  1000000  \n");
}

Test(grid, counts_characters_and_not_bytes, .fini = end)
{
    start(0, false);
    cell("é"), cell("1"), cell("x");
    cell("ab"), cell("2"), cell("y");
    PRINTS("ID  COUNT  NAME\n"
           "é       1  x\n"
           "ab      2  y\n");
}

Test(grid, the_widest_column_gives_way_where_the_terminal_is_narrow, .fini = end)
{
    start(30, false);
    cell("0123456789012345678901234567890"), cell("1"), cell("short");
    PRINTS("ID                COUNT  NAME\n"
           "012345678901234…      1  short\n");
}

Test(grid, no_column_gets_narrower_than_it_is_readable, .fini = end)
{
    start(1, false);
    cell("0123456789"), cell("1"), cell("0123456789");
    PRINTS("ID        COUNT  NAME\n"
           "0123456…      1  0123456…\n");
}

Test(grid, a_list_that_comes_in_pages_stays_one_table, .fini = end)
{
    start(0, false);
    cell("longest"), cell("1"), cell("x");
    flush();
    cell("a"), cell("2"), cell("y");
    memset(printed, 0, sizeof printed);
    PRINTS("a            2  y\n");
}

Test(grid, shows_nothing_that_would_steer_a_terminal, .fini = end)
{
    start(0, false);
    cell("\033[2J"), cell("1"), cell("a\nb\xc2\x9b\xff");
    PRINTS("ID    COUNT  NAME\n"
           "?[2J      1  a b??\n");
}

Test(grid, colours_words_and_not_the_space_between, .fini = end)
{
    start(0, true);
    grid_cell(&grid, SLICE("dead"), GRID_BAD);
    cell("1"), cell("x");
    PRINTS("\033[1mID\033[0m    \033[1mCOUNT\033[0m  \033[1mNAME\033[0m\n"
           "\033[31mdead\033[0m      1  x\n");
}

Test(grid, without_rows_it_prints_nothing, .fini = end)
{
    start(0, false);
    PRINTS("");
}
