/* keeper.h - who keeps the subscriptions, by the admin port: makes, pauses, resumes, moves and
 * deletes them. */
#ifndef SIM_KEEPER_H
#define SIM_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

/* Makes `first` subscriptions at once, and does something to one of them `count` times until
 * `until_ns`. `long_ms`: what the longest wait before a retry may be. */
void keeper_open(unsigned first, unsigned count, uint64_t until_ns, uint64_t long_ms);

/* The first ones are made. */
bool keeper_has_begun(void);

/* From now on makes every subscription active that is not, again and again. */
void keeper_heal(void);

/* Nothing is under way, and all have been active since the healing. */
bool keeper_is_done(void);

#endif
