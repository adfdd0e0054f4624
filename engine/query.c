/* query.c - see query.h. No state; any thread. */
#include "query.h"

#include <errno.h>

static struct slice take_parameter(struct slice *query)
{
    struct slice parameter = slice_of(query->at, slice_find(*query, '&'));
    *query = slice_skip(*query, parameter.size + 1);
    return parameter;
}

bool query_next(struct slice *query, struct slice *name)
{
    while (query->size) {
        struct slice parameter = take_parameter(query);
        *name = slice_of(parameter.at, slice_find(parameter, '='));
        if (parameter.size)
            return true;
    }
    return false;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int decode(struct slice from, char *to, size_t room)
{
    size_t size = 0;
    while (from.size) {
        char c = from.at[0];
        size_t taken = 1;
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = from.size > 2 ? hex_value(from.at[1]) : -1;
            int low = from.size > 2 ? hex_value(from.at[2]) : -1;
            if (high < 0 || low < 0)
                return -EINVAL;
            c = (char)(high << 4 | low);
            taken = 3;
        }
        if (c == '\0' || size + 1 >= room)
            return -EINVAL;
        to[size++] = c;
        from = slice_skip(from, taken);
    }
    to[size] = '\0';
    return 1;
}

int query_get(struct slice query, const char *name, char *value, size_t room)
{
    while (query.size) {
        struct slice parameter = take_parameter(&query);
        size_t sign = slice_find(parameter, '=');
        if (slice_equal(slice_of(parameter.at, sign), slice_str(name)))
            return decode(slice_skip(parameter, sign + 1), value, room);
    }
    return 0;
}
