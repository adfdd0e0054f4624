/* trace_context.h - of which trace an event is part, as its producer says it (W3C Trace Context,
 * level 1): what may be passed on of it.
 *
 *   reset -> hear, each field as it comes -> settle
 *
 * What is wrong is as good as not said, and never an error: a traceparent that is none or comes
 * twice, and a tracestate that is none, is too long or comes without a traceparent. Nothing is
 * added: the engine takes no part in the trace, it hands it on.
 *
 * A traceparent of version 00 is kept as it came. Of a higher version only what version 00 knows
 * may be understood, so it is kept as one of version 00 (section 3.2.4 of the recommendation).
 * Several fields tracestate are one, in their order.
 */
#ifndef ENGINE_TRACE_CONTEXT_H
#define ENGINE_TRACE_CONTEXT_H

#include "base/must.h"
#include "base/text.h"
#include "limits.h"

struct http_head;

enum trace_field { TRACE_NEITHER, TRACE_PARENT, TRACE_STATE };

struct trace_context {
    struct slice parent, state; /* once it is settled; empty: none. Borrow from here */
    unsigned parents;           /* that were heard */
    bool is_parent;             /* the latest is one */
    struct text states;
    char parent_text[LIMIT_TRACE_PARENT_SIZE], state_text[LIMIT_TRACE_STATE_SIZE];
};

/* By its name in a request; capitals do not matter. */
enum trace_field trace_field_of(struct slice name);

void trace_context_reset(struct trace_context *trace);

/* The value is copied, as far as it is of use. */
void trace_context_hear(struct trace_context *trace, enum trace_field field, struct slice value);

void trace_context_settle(struct trace_context *trace);

/* All of it: what a request says of itself. */
void trace_context_read(struct trace_context *trace, const struct http_head *head);

#endif
