/* concurrency.c - see concurrency.h. */
#include "concurrency.h"

#include "base/must.h"

enum {
    FIRST_SAMPLES = 32, /* after so many it is known what is usual, and changes slowly */
    USUAL_SAMPLES = 1024,
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

static void cut(struct concurrency *concurrency, unsigned least, uint64_t begun_ns, uint64_t now_ns)
{
    if (begun_ns < concurrency->cut_ns || concurrency->limit <= least)
        return;
    unsigned lower = concurrency->limit * 7 / 10;
    concurrency->limit = lower > least ? lower : least;
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

static double quick_or(double usual_ns)
{
    return usual_ns > CONCURRENCY_QUICK_NS ? usual_ns : CONCURRENCY_QUICK_NS;
}

/* Takes a response time in; true if it and those before it are far above the usual. */
static bool is_slow(struct concurrency *concurrency, uint64_t response_ns)
{
    double most_ns = quick_or(concurrency->usual_ns) * OUTLIER_TIMES;
    double sample_ns = (double)response_ns < most_ns ? (double)response_ns : most_ns;
    double usual_over = USUAL_SAMPLES, recent_over = RECENT_SAMPLES;
    if (concurrency->samples < FIRST_SAMPLES) {
        usual_over = ++concurrency->samples;
        recent_over = usual_over < recent_over ? usual_over : recent_over;
    }
    concurrency->usual_ns += (sample_ns - concurrency->usual_ns) / usual_over;
    concurrency->recent_ns += (sample_ns - concurrency->recent_ns) / recent_over;
    double slow_ns = quick_or(concurrency->usual_ns) * CONCURRENCY_SLOW_TIMES;
    return sample_ns > slow_ns && concurrency->recent_ns > slow_ns;
}

void concurrency_end(struct concurrency *concurrency, enum concurrency_result result,
                     uint64_t begun_ns, uint64_t now_ns, unsigned in_flight)
{
    if (!concurrency->adaptive || result == CONCURRENCY_NEUTRAL)
        return;
    uint64_t response_ns = now_ns > begun_ns ? now_ns - begun_ns : 0;
    if (result == CONCURRENCY_TROUBLE)
        cut(concurrency, 1, begun_ns, now_ns);
    else if (is_slow(concurrency, response_ns))
        cut(concurrency, CONCURRENCY_START, begun_ns, now_ns);
    else
        grow(concurrency, in_flight);
}
