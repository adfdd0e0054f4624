/* What producers say of traces, a field on each line ("p..." a parent, else a state): what is kept
 * is within its bounds, is never a state alone, and is kept again as it is. */
#include "trace_context.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trace_context trace, again;
    trace_context_reset(&trace);
    for (struct slice rest = slice_of(data, size); rest.size > 0;) {
        struct slice line = slice_of(rest.at, slice_find(rest, '\n'));
        bool is_parent = line.size > 0 && line.at[0] == 'p';
        trace_context_hear(&trace, is_parent ? TRACE_PARENT : TRACE_STATE, slice_skip(line, 1));
        rest = slice_skip(rest, line.size + 1);
    }
    trace_context_settle(&trace);
    must(trace.parent.size == 0 || trace.parent.size == LIMIT_TRACE_PARENT_SIZE);
    must(trace.state.size <= LIMIT_TRACE_STATE_SIZE);
    must(trace.state.size == 0 || trace.parent.size > 0);
    if (trace.parent.size == 0)
        return 0;
    trace_context_reset(&again);
    trace_context_hear(&again, TRACE_STATE, trace.state);
    trace_context_hear(&again, TRACE_PARENT, trace.parent);
    trace_context_settle(&again);
    must(slice_equal(again.parent, trace.parent) && slice_equal(again.state, trace.state));
    return 0;
}
