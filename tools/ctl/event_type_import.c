/* event_type_import.c - grapnelctl event-type import: a document's bytes as they are. */
#include "tools/ctl/request.h"
#include "tools/ctl/run.h"

#include <stdlib.h>

static bool ends_with(struct slice name, struct slice end)
{
    return name.size >= end.size && slice_equal_nocase(slice_skip(name, name.size - end.size), end);
}

/* The engine says what to do about YAML. */
static struct slice type_of(struct slice name)
{
    bool is_yaml = ends_with(name, SLICE(".yaml")) || ends_with(name, SLICE(".yml"));
    return is_yaml ? SLICE("application/yaml") : SLICE("application/json");
}

int run_event_type_import(const struct line *line)
{
    char *at;
    size_t size;
    int status = session_read_file(line->argument, &at, &size);
    if (status)
        return status;
    status = request_send(line, slice_of(at, size), type_of(slice_str(line->argument)));
    free(at);
    return status;
}
