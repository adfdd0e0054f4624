/* trace_name.h - the traces of the simulation: each has a number, of which its traceparent is made.
 */
#ifndef SIM_TRACE_NAME_H
#define SIM_TRACE_NAME_H

#include "base/slice.h"

enum { TRACE_NAME_SIZE = 56 };

/* Empty for 0, which is none. */
struct slice trace_name(unsigned number, char out[static TRACE_NAME_SIZE]);

/* Its tracestate; empty for 0, and for some of the others. */
struct slice trace_name_state(unsigned number, char out[static TRACE_NAME_SIZE]);

#endif
