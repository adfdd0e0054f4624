/* figures.c - from counts to rates and costs. */
#include "bench/load/figures.h"

static double ratio(double amount, double per)
{
    return per > 0 ? amount / per : 0;
}

static double seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e9 : 0;
}

static double us(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (double)(to_ns - from_ns) / 1e3 : 0;
}

void figures_finish(struct figures *figures)
{
    const struct publisher_counters *published = &figures->published;
    double events = (double)figures->audit.accepted;
    double deliveries = (double)figures->audit.delivered;
    figures->publish_seconds = seconds_between(published->first_ns, published->last_ns);
    figures->deliver_seconds = seconds_between(published->first_ns, figures->collected.last_ns);
    figures->accepted_per_second = ratio(events, figures->publish_seconds);
    figures->delivered_per_second = ratio(deliveries, figures->deliver_seconds);

    double cpu_us = us(figures->before.cpu_ns, figures->after.cpu_ns);
    figures->cpu_us_per_event = ratio(cpu_us, events);
    figures->cpu_us_per_delivery = ratio(cpu_us, deliveries);
    figures->user_us_per_event = ratio(us(figures->before.user_ns, figures->after.user_ns), events);
    figures->system_us_per_event =
        ratio(us(figures->before.system_ns, figures->after.system_ns), events);
    figures->load_cpu_us_per_event = ratio((double)figures->load_cpu_ns / 1e3, events);
}

bool figures_are_good(const struct figures *figures)
{
    return figures->audit.accepted > 0 && figures->audit.lost == 0 &&
           figures->collected.bad_signatures == 0 && figures->collected.strays == 0;
}
