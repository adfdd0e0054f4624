/* timeline.h - how far a run had come, moment by moment, in bounded memory: when it is full every
 * second sample goes, and from then on the steps are twice as long.
 */
#ifndef LOAD_TIMELINE_H
#define LOAD_TIMELINE_H

#include <stdint.h>

enum { TIMELINE_SAMPLES = 240 };

struct sample {
    uint64_t at_ns; /* since the start */
    uint64_t accepted, delivered;
};

struct timeline {
    uint64_t step_ns;
    unsigned count;
    struct sample samples[TIMELINE_SAMPLES];
};

/* Its first sample is zero at time zero. */
void timeline_init(struct timeline *timeline, uint64_t step_ns);

/* Stores the sample if a step has passed since the last one. */
void timeline_add(struct timeline *timeline, const struct sample *sample);

#endif
