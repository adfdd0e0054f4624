/* view.h - what the server answered, as people read it: lists as tables, objects as names and
 * values, problems as sentences.
 */
#ifndef CTL_VIEW_H
#define CTL_VIEW_H

#include "base/json.h"
#include "tools/ctl/grid.h"
#include "tools/ctl/verb.h"

/* A grid for standard output: bounded and coloured if it is a terminal (unless NO_COLOR is set). */
void view_grid(struct grid *grid);

/* Columns of a list, and its rows. `id` ends up with the last row's "id". */
void view_columns(struct grid *grid, const struct column *columns);
void view_row(struct grid *grid, const struct column *columns, struct json_value object);

/* All of an object, a line for each value. */
void view_object(struct json_value object);

/* RFC 9457, on standard error: its detail, and each of its errors. */
void view_problem(struct json *json, int status, struct slice body);

/* The value at a path, "last_attempt.http_status"; false if there is none. */
bool view_find(struct json_value object, const char *path, struct json_value *found);

#endif
