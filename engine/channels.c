/* channels.c - see channels.h. */
#include "channels.h"

#include <string.h>

/* Whether `quoted`, a name with its quotes, is an element of `list`. Inside of an element's text a
 * quote has a backslash before it, and after one that ends an element comes no name. */
static bool is_element(struct slice list, struct slice quoted)
{
    for (;;) {
        const char *found = memmem(list.at, list.size, quoted.at, quoted.size);
        if (!found)
            return false;
        if (found[-1] != '\\')
            return true;
        list = slice_skip(list, (size_t)(found - list.at) + 1);
    }
}

bool channels_match(struct slice wanted, struct slice of_event)
{
    if (wanted.size == 0)
        return true;
    while (of_event.size > 0) {
        struct slice name = slice_skip(wanted, slice_find(wanted, '"') + 1);
        if (name.size == 0)
            return false;
        size_t size = slice_find(name, '"');
        if (is_element(of_event, slice_of(name.at - 1, size + 2)))
            return true;
        wanted = slice_skip(name, size + 1);
    }
    return false;
}
