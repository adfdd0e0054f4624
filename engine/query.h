/* query.h - the parameters of a request's target: name=value&name=value, percent-encoded (RFC 3986,
 * and '+' for a space as forms send it).
 */
#ifndef ENGINE_QUERY_H
#define ENGINE_QUERY_H

#include "base/must.h"
#include "base/slice.h"

/* The value of the first parameter `name`, decoded, with a NUL. 1; 0 if there is none; -EINVAL if
 * it is badly encoded, holds a NUL, or does not fit. */
MUST_CHECK int query_get(struct slice query, const char *name, char *value, size_t room);

/* Takes the next parameter's name (as written) off `query`; false at the end. */
bool query_next(struct slice *query, struct slice *name);

#endif
