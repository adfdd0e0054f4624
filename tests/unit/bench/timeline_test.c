/* A timeline stays in order, ends near the end, and never fills up. */
#include "bench/load/timeline.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(timeline, keeps_one_sample_a_step)
{
    struct timeline timeline;
    timeline_init(&timeline, 100);
    for (uint64_t at = 1; at <= 1000; at++)
        timeline_add(&timeline, &(struct sample){.at_ns = at, .accepted = at});
    cr_assert(eq(uint, timeline.count, 11));
    cr_assert(eq(u64, timeline.samples[10].at_ns, 1000));
}

Test(timeline, grows_coarser_instead_of_longer)
{
    struct timeline timeline;
    timeline_init(&timeline, 1);
    for (uint64_t at = 1; at <= 100000; at++) {
        timeline_add(&timeline, &(struct sample){.at_ns = at, .accepted = 2 * at, .delivered = at});
        cr_assert(le(uint, timeline.count, TIMELINE_SAMPLES));
    }
    cr_assert(ge(uint, timeline.count, TIMELINE_SAMPLES / 2));
    cr_assert(eq(u64, timeline.samples[0].at_ns, 0));
    for (unsigned i = 1; i < timeline.count; i++) {
        const struct sample *sample = &timeline.samples[i];
        cr_assert(lt(u64, timeline.samples[i - 1].at_ns, sample->at_ns));
        cr_assert(eq(u64, sample->accepted, 2 * sample->at_ns));
    }
    cr_assert(lt(u64, 100000 - 2 * timeline.step_ns, timeline.samples[timeline.count - 1].at_ns));
}
