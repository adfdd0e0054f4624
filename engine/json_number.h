/* json_number.h - numbers of JSON: whole ones are exact up to 64 bits, others are doubles.
 *
 * Plain functions, no state.
 */
#ifndef ENGINE_JSON_NUMBER_H
#define ENGINE_JSON_NUMBER_H

#include "base/json.h"

enum json_order { JSON_BELOW, JSON_SAME, JSON_ABOVE, JSON_NO_NUMBER };

/* How `value` stands to `limit`. JSON_NO_NUMBER: one of them is none. */
enum json_order json_number_compare(struct json_value value, struct json_value limit);

/* 1.0 is whole too. */
bool json_number_is_whole(struct json_value value);

/* Of a number above 0. 0.3 is a multiple of 0.1, whatever doubles say: the quotient may be off by
 * their last bits. True if one of them is no number. */
bool json_number_is_multiple(struct json_value value, struct json_value unit);

#endif
