/* request.h - a verb that is one request: its body, from the options and the argument that were
 * given, and its answer. */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include "tools/ctl/fields.h"
#include "tools/ctl/session.h"

/* Puts --data, then the argument and all options in the order in which they were given, into
 * `fields`. EXIT_DONE or EXIT_USAGE, which has been said. */
MUST_CHECK int request_fields(const struct line *line, struct fields *fields);

/* The verb's one request with this body, and its answer. The exit status. */
MUST_CHECK int request_send(const struct line *line, struct slice body, struct slice content_type);

#endif
