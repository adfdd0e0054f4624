/* lines.c - see lines.h. No state; any thread. */
#include "lines.h"

#include "redaction.h"

#include <errno.h>

struct slice lines_take(struct slice *list, const char *separators)
{
    struct slice part = slice_of(list->at, 0);
    while (part.size < list->size && !strchr(separators, list->at[part.size]))
        part.size++;
    *list = slice_skip(*list, part.size + 1);
    return part;
}

static int add_line(char *lines, size_t room, struct slice line,
                    int (*add)(struct redaction *trial, struct slice line))
{
    struct redaction trial = {.header_count = 0};
    struct slice before = slice_str(lines);
    size_t used = before.size;
    while (before.size)
        must(add(&trial, lines_take(&before, "\n")) == 0);
    int error = add(&trial, line);
    if (error)
        return error;
    if (used + line.size + sizeof "\n" > room)
        return -ENOSPC;
    memcpy(lines + used, line.at, line.size);
    memcpy(lines + used + line.size, "\n", sizeof "\n");
    return 0;
}

int lines_add(char *lines, size_t room, struct slice list, const char *separators,
              int (*add)(struct redaction *trial, struct slice line))
{
    while (list.size) {
        struct slice line = lines_take(&list, separators);
        int error = line.size ? add_line(lines, room, line, add) : 0;
        if (error)
            return error;
    }
    return 0;
}
