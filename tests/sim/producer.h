/* producer.h - who publishes: events in all forms, alone and in batches, with and without a key,
 * and again when they got no answer. */
#ifndef SIM_PRODUCER_H
#define SIM_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

/* Publishes so many times at moments drawn from [from_ns, until_ns). */
void producers_open(unsigned count, uint64_t from_ns, uint64_t until_ns);

/* Everything has been published, and answered or given up. */
bool producers_are_done(void);

#endif
