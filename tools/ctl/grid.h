/* grid.h - a table for people: columns under titles, as wide as what is in them, and narrower where
 * the terminal is.
 *
 * Rows gather and are printed by grid_flush(); columns never get narrower from one flush to the
 * next, so that a long list that comes in pages stays one table. Widths count characters.
 * Characters that would steer the terminal are shown as '?'.
 */
#ifndef CTL_GRID_H
#define CTL_GRID_H

#include "base/slice.h"

#include <stdio.h>

enum { GRID_COLUMNS_MAX = 16, GRID_MIN_WIDTH = 8 };

enum grid_colour { GRID_PLAIN, GRID_GOOD, GRID_WAITING, GRID_BAD, GRID_DIM, GRID_BOLD };

struct grid_column {
    const char *title; /* NULL: no line of titles */
    bool is_right;     /* numbers */
    size_t width;      /* so far */
};

struct grid {
    struct grid_column columns[GRID_COLUMNS_MAX];
    unsigned column_count;
    size_t terminal_width; /* 0: unbounded */
    bool is_coloured;

    /* private */
    struct grid_cell *cells;
    size_t cell_count, cell_room;
    bool has_titles; /* they were printed */
};

void grid_init(struct grid *grid, size_t terminal_width, bool is_coloured);
void grid_close(struct grid *grid);
void grid_column(struct grid *grid, const char *title, bool is_right);

/* Puts the next cell, row by row; copies the text. */
void grid_cell(struct grid *grid, struct slice text, enum grid_colour colour);

/* Prints the rows there are, which must be whole, and forgets them. */
void grid_flush(struct grid *grid, FILE *out);

#endif
