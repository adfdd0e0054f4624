/* json_equal.h - whether two values of JSON are the same: the order of members does not count, nor
 * how a number is written. Whole numbers are compared up to 64 bits, others as doubles.
 *
 * Plain functions, no state.
 */
#ifndef ENGINE_JSON_EQUAL_H
#define ENGINE_JSON_EQUAL_H

#include "base/json.h"

enum { JSON_EQUAL_DEPTH_MAX = 64 };

/* Takes what it needs off *steps, of which a value costs at least one. With none left, or where
 * values nest deeper than JSON_EQUAL_DEPTH_MAX: false, and *steps is 0. */
bool json_equal(struct json_value a, struct json_value b, uint64_t *steps);

#endif
