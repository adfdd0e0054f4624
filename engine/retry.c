#include "retry.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const struct {
    const char *name;
    unsigned count;
    uint64_t steps_ms[8];
} presets[] = {
    {"quick", 6, {1 * SECOND, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE}},
    {"standard", 5, {5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 1 * HOUR}},
    {"day",
     8,
     {5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 1 * HOUR, 4 * HOUR, 8 * HOUR, 10 * HOUR}},
};

unsigned retry_preset(struct slice name, uint64_t steps_ms[static LIMIT_RETRY_STEPS])
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++) {
        if (!slice_equal(name, slice_str(presets[i].name)))
            continue;
        memcpy(steps_ms, presets[i].steps_ms, presets[i].count * sizeof *steps_ms);
        return presets[i].count;
    }
    return 0;
}

uint64_t retry_wait_ms(const struct subscription *subscription, uint32_t failures,
                       struct random *random)
{
    must(failures > 0);
    if (failures > subscription->retry_count)
        return RETRY_NEVER;
    uint64_t step_ms = subscription->retry_ms[failures - 1];
    uint64_t spread_ms = (uint64_t)((double)step_ms * subscription->jitter);
    return step_ms + random_below(random, spread_ms + 1);
}
