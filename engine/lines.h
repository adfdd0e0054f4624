/* lines.h - lists of texts as one text with an entry on each line, which is how settings keep them.
 */
#ifndef ENGINE_LINES_H
#define ENGINE_LINES_H

#include "base/must.h"
#include "base/slice.h"

struct redaction;

/* Takes the part before the first of `separators` off the list. */
struct slice lines_take(struct slice *list, const char *separators);

/* Puts each part of the list behind the lines that are in `lines`, if `add` takes all of them
 * together. 0, -ENOSPC, or what `add` said. */
MUST_CHECK int lines_add(char *lines, size_t room, struct slice list, const char *separators,
                         int (*add)(struct redaction *trial, struct slice line));

#endif
