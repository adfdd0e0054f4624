/* json_number.c - see json_number.h. */
#include "json_number.h"

#include <math.h>

enum json_order json_number_compare(struct json_value value, struct json_value limit)
{
    uint64_t whole, whole_limit;
    int64_t small, small_limit;
    double number, bound;
    if (json_i64(value, &small) && json_i64(limit, &small_limit))
        return small < small_limit ? JSON_BELOW : small > small_limit ? JSON_ABOVE : JSON_SAME;
    if (json_u64(value, &whole) && json_u64(limit, &whole_limit))
        return whole < whole_limit ? JSON_BELOW : whole > whole_limit ? JSON_ABOVE : JSON_SAME;
    if (!json_double(value, &number) || !json_double(limit, &bound))
        return JSON_NO_NUMBER;
    return number < bound ? JSON_BELOW : number > bound ? JSON_ABOVE : JSON_SAME;
}

bool json_number_is_whole(struct json_value value)
{
    double number;
    return json_double(value, &number) && floor(number) == number;
}

bool json_number_is_multiple(struct json_value value, struct json_value unit)
{
    uint64_t whole, whole_unit;
    int64_t small, small_unit;
    double number, step;
    if (!json_double(value, &number) || !json_double(unit, &step))
        return true;
    if (json_i64(value, &small) && json_i64(unit, &small_unit) && small_unit > 0)
        return small % small_unit == 0;
    if (json_u64(value, &whole) && json_u64(unit, &whole_unit) && whole_unit)
        return whole % whole_unit == 0;
    double quotient = number / step;
    return fabs(quotient - nearbyint(quotient)) <= 1e-9 * fmax(1, fabs(quotient) * 1e-6);
}
