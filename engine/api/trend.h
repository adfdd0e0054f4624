/* trend.h - what routes about sums of attempts over time share. */
#ifndef API_TREND_H
#define API_TREND_H

#include "base/text.h"
#include "store/trend.h"

struct call;

/* What was asked for. */
struct trend_query {
    const char *name; /* of the window: "1h" */
    struct trend_window window;
};

/* Reads `window` and `resolution` for the call's tenant; else answers. */
MUST_CHECK bool trend_query_read(struct call *call, struct trend_query *query);

/* Prints the members window, resolution, since, until and as_of, and a comma. */
void trend_put_query(const struct call *call, struct text *text, const struct trend_query *query);

/* Prints the members totals and series. False: they cannot be read, which has been answered. */
MUST_CHECK bool trend_put(struct call *call, struct text *text, const struct trend_query *query);

/* Prints a share of `all`, or null if that is nothing: "name":0.9991, without a comma. */
void trend_put_share(struct text *text, const char *name, uint64_t part, uint64_t all);

/* Prints "name":"time" or null, without a comma. */
void trend_put_time(struct text *text, const char *name, uint64_t wall_ms);

#endif
