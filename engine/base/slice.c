/* slice.c - the few things about a run of bytes that are too long for the header. */
#include "base/slice.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice whole)
{
    while (whole.size && is_blank(whole.at[0]))
        whole = slice_skip(whole, 1);
    while (whole.size && is_blank(whole.at[whole.size - 1]))
        whole.size--;
    return whole;
}

bool slice_to_u64(struct slice whole, unsigned long *value)
{
    if (whole.size == 0 || whole.size > 19) /* 19 nines fit 64 bits */
        return false;

    unsigned long sum = 0;
    for (size_t i = 0; i < whole.size; i++) {
        if (whole.at[i] < '0' || whole.at[i] > '9')
            return false;
        sum = sum * 10 + (unsigned long)(whole.at[i] - '0');
    }
    *value = sum;
    return true;
}
