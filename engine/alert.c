/* alert.c - see alert.h. */
#include "alert.h"

static const char *const types[ALERT_KINDS] = {
    [ALERT_ENDPOINT_DISABLED] = "endpoint.disabled",
    [ALERT_ENDPOINT_FAILING] = "endpoint.failing",
    [ALERT_ENDPOINT_RECOVERED] = "endpoint.recovered",
    [ALERT_DELIVERY_DEAD] = "delivery.dead",
    [ALERT_SLA_BREACHED] = "sla.breached",
    [ALERT_STORAGE_LOW] = "storage.low",
};

const char *alert_type(enum alert_kind kind)
{
    return types[kind];
}

bool alert_is_type(struct slice type)
{
    /* Asked for each event that comes in: most are told by their first letter. */
    if (type.size == 0 || (type.at[0] != 'e' && type.at[0] != 'd' && type.at[0] != 's'))
        return false;
    for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
        if (slice_equal(type, slice_str(types[kind])))
            return true;
    return false;
}

bool alert_is_named_by(struct slice pattern)
{
    if (pattern.size < 2 || pattern.at[pattern.size - 1] != '*')
        return alert_is_type(pattern);
    struct slice start = slice_of(pattern.at, pattern.size - 1);
    for (unsigned kind = 0; kind < ALERT_KINDS; kind++)
        if (slice_starts_with(slice_str(types[kind]), start))
            return true;
    return false;
}
