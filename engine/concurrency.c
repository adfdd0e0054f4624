/* concurrency.c - see concurrency.h. */
#include "concurrency.h"

#include "base/must.h"

enum {
    USUAL_SAMPLES = 256,
    RECENT_SAMPLES = 16,
    OUTLIER_TIMES = 8, /* a response time counts for no more than this many usual ones */
};

static unsigned at_most(unsigned value, unsigned max)
{
    return value < max ? value : max;
}

void concurrency_init(struct concurrency *concurrency, struct concurrency_settings settings)
{
    *concurrency = (struct concurrency){.limit = CONCURRENCY_START, .is_slow_start = true};
    concurrency_change(concurrency, settings);
}

void concurrency_change(struct concurrency *concurrency, struct concurrency_settings settings)
{
    must(settings.max > 0);
    concurrency->max = settings.max;
    concurrency->adaptive = settings.adaptive;
    concurrency->limit =
        settings.adaptive ? at_most(concurrency->limit, settings.max) : settings.max;
}

static void cut(struct concurrency *concurrency, uint64_t begun_ns, uint64_t now_ns)
{
    if (begun_ns < concurrency->cut_ns)
        return;
    concurrency->limit = concurrency->limit > 1 ? concurrency->limit * 7 / 10 : 1;
    concurrency->is_slow_start = false;
    concurrency->successes = 0;
    concurrency->cut_ns = now_ns;
}

static void grow(struct concurrency *concurrency, unsigned in_flight)
{
    if (concurrency->limit == concurrency->max || (uint64_t)in_flight * 2 < concurrency->limit)
        return;
    if (++concurrency->successes < concurrency->limit && !concurrency->is_slow_start)
        return;
    concurrency->limit++;
    concurrency->successes = 0;
}

static bool is_far_above(double response_ns, double usual_ns)
{
    return response_ns > CONCURRENCY_SLOW_NS && response_ns > usual_ns * CONCURRENCY_SLOW_TIMES;
}

/* Takes a response time in; true if it and those before it are far above the usual. */
static bool is_slow(struct concurrency *concurrency, uint64_t response_ns)
{
    double sample_ns = (double)response_ns, usual_ns = concurrency->usual_ns;
    if (concurrency->samples == 0)
        usual_ns = concurrency->recent_ns = sample_ns;
    else if (sample_ns > usual_ns * OUTLIER_TIMES)
        sample_ns = usual_ns * OUTLIER_TIMES;
    if (concurrency->samples < USUAL_SAMPLES)
        concurrency->samples++;
    concurrency->usual_ns = usual_ns + (sample_ns - usual_ns) / concurrency->samples;
    concurrency->recent_ns += (sample_ns - concurrency->recent_ns) / RECENT_SAMPLES;
    return is_far_above(sample_ns, concurrency->usual_ns) &&
           is_far_above(concurrency->recent_ns, concurrency->usual_ns);
}

void concurrency_end(struct concurrency *concurrency, enum concurrency_result result,
                     uint64_t begun_ns, uint64_t now_ns, unsigned in_flight)
{
    if (!concurrency->adaptive || result == CONCURRENCY_NEUTRAL)
        return;
    uint64_t response_ns = now_ns > begun_ns ? now_ns - begun_ns : 0;
    if (result == CONCURRENCY_TROUBLE || is_slow(concurrency, response_ns))
        cut(concurrency, begun_ns, now_ns);
    else
        grow(concurrency, in_flight);
}
