/* request.h - the body of a verb's request, from the options and the argument that were given. */
#ifndef CTL_REQUEST_H
#define CTL_REQUEST_H

#include "tools/ctl/fields.h"
#include "tools/ctl/session.h"

/* Puts --data, then the argument and all options in the order in which they were given, into
 * `fields`. EXIT_DONE or EXIT_USAGE, which has been said. */
MUST_CHECK int request_fields(const struct line *line, struct fields *fields);

#endif
