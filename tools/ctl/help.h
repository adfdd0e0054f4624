/* help.h - what --help prints, from the table. */
#ifndef CTL_HELP_H
#define CTL_HELP_H

#include "tools/ctl/line.h"

#include <stdio.h>

/* Of the program, of a noun, or of a verb: as much as the line says. */
void help_print(const struct line *line, FILE *out);

#endif
