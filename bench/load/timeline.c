/* timeline.c - see timeline.h. */
#include "bench/load/timeline.h"

void timeline_init(struct timeline *timeline, uint64_t step_ns)
{
    timeline->step_ns = step_ns;
    timeline->count = 1;
    timeline->samples[0] = (struct sample){0};
}

static void thin_out(struct timeline *timeline)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < timeline->count; i += 2)
        timeline->samples[kept++] = timeline->samples[i];
    timeline->count = kept;
    timeline->step_ns *= 2;
}

void timeline_add(struct timeline *timeline, const struct sample *sample)
{
    if (sample->at_ns < timeline->samples[timeline->count - 1].at_ns + timeline->step_ns)
        return;
    if (timeline->count == TIMELINE_SAMPLES)
        thin_out(timeline);
    timeline->samples[timeline->count++] = *sample;
}
