/* figures.h - what a bench was asked to do, and what it measured. */
#ifndef LOAD_FIGURES_H
#define LOAD_FIGURES_H

#include "bench/load/collector.h"
#include "bench/load/engine_process.h"
#include "bench/load/flags.h"
#include "bench/load/machine.h"
#include "bench/load/publisher.h"
#include "bench/load/timeline.h"

struct bench_settings {
    const char *engine, *durability, *data, *json, *html;
    uint64_t events, duration_ms, rate, payload_bytes, batch;
    uint64_t subscriptions, fan_out, connections, shards;
    /* Subscriptions that misbehave, counted from the first: `hanging` never answer, `failing`
     * behind them answer 500, `dead` refuse connections until they are revived. What the first
     * `unjudged` groups get is not in the account. */
    uint64_t hanging, failing, dead, unjudged;
    const char *subscription_extra; /* more members of each subscription's JSON, or NULL */
    const char *filter;             /* to be compared with none; NULL: nothing is compared */
    bool tls;
    struct flag_texts engine_arguments;
};

struct figures {
    /* as they were counted */
    struct audit audit;
    struct publisher_counters published;
    struct collector_counters collected;
    struct histogram receive_us;
    struct engine_cost before, after; /* the first publish; all delivered */
    uint64_t load_cpu_ns;             /* of the generator and the receiver in that time */
    uint64_t start_ns, drained_ns;
    struct timeline timeline;
    struct machine machine;

    /* as they are shown: figures_finish() */
    double publish_seconds, deliver_seconds;
    double accepted_per_second, delivered_per_second;
    double cpu_us_per_event, cpu_us_per_delivery, user_us_per_event, system_us_per_event;
    double load_cpu_us_per_event;
};

void figures_finish(struct figures *figures);

/* True if nothing was lost, no signature was bad, nothing came to the wrong place, and at least one
 * event was accepted. */
bool figures_are_good(const struct figures *figures);

#endif
