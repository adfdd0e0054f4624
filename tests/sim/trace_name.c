#include "trace_name.h"

#include <stdio.h>

struct slice trace_name(unsigned number, char out[static TRACE_NAME_SIZE])
{
    if (number == 0)
        return SLICE("");
    snprintf(out, TRACE_NAME_SIZE, "00-%032x-%016x-01", number, number);
    return slice_str(out);
}

struct slice trace_name_state(unsigned number, char out[static TRACE_NAME_SIZE])
{
    if (number % 2 == 0)
        return SLICE("");
    snprintf(out, TRACE_NAME_SIZE, "sim=%u,other=1", number);
    return slice_str(out);
}
