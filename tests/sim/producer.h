/* producer.h - who publishes: events in all forms, alone and in batches, with and without a key,
 * and again when they got no answer. */
#ifndef SIM_PRODUCER_H
#define SIM_PRODUCER_H

#include <stdbool.h>
#include <stdint.h>

/* Publishes so many times at moments drawn from [from_ns, until_ns). `is_heavy`: events are large,
 * so that what is read back comes in pages that are full by their bytes. */
void producers_open(unsigned count, bool is_heavy, uint64_t from_ns, uint64_t until_ns);

/* Everything has been published, and answered or given up. */
bool producers_are_done(void);

#endif
