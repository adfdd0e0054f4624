/* condition.h - what a subscription asks of an event beyond its type: that it carries a channel,
 * and that a filter lets it pass.
 *
 * Drawn from a stream of its own, and in some seeds only: those without are the runs that they
 * would be if there were no conditions.
 * What each filter says is written down a second time here, as plain code that knows nothing of the
 * engine's.
 */
#ifndef SIM_CONDITION_H
#define SIM_CONDITION_H

#include "base/text.h"

#include <stdbool.h>

struct body;

struct condition {
    unsigned filter;   /* 0: none */
    unsigned number;   /* that it compares with */
    unsigned channels; /* a set of them; 0: it asks for none */
};

void conditions_open(uint64_t seed);

/* For a subscription. */
void condition_draw(struct condition *condition);

/* The set of channels that an event carries; most often 0. */
unsigned condition_draw_channels(void);

/* A list in JSON of those in the set. */
void condition_print_channels(unsigned channels, struct text *text);

/* As fields of a subscription, each behind a comma; nothing if it asks for nothing. */
void condition_print(const struct condition *condition, struct text *text);

bool condition_holds(const struct condition *condition, const struct body *body);

#endif
