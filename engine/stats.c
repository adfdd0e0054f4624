/* stats.c - see stats.h. */
#include "stats.h"

#include "base/clock.h"
#include "base/text.h"
#include "shard.h"

enum { OLDEST_LOOKED_AT = 64 };

/* The lowest event among the first of a list: those that come later are hardly older. */
static void look_for_oldest(const struct list_node *list, struct id *oldest)
{
    const struct list_node *node = list->next;
    for (unsigned i = 0; node != list && i < OLDEST_LOOKED_AT; i++, node = node->next) {
        const struct delivery *delivery = container_of(node, struct delivery, link);
        if (id_is_zero(oldest) || memcmp(&delivery->event, oldest, sizeof *oldest) < 0)
            *oldest = delivery->event;
    }
}

/* A monotonic moment as one of the wall clock. 0 stays 0. */
static uint64_t wall_of(const struct shard *shard, uint64_t moment_ms)
{
    return moment_ms ? clock_wall_ms() + moment_ms - shard->now_ms : 0;
}

void stats_fill(const struct shard *shard, struct mail_stats *mail)
{
    const struct endpoint *endpoint = endpoint_find(shard, &mail->subscription);
    struct endpoint_stats *stats = &mail->stats;
    mail->is_found = endpoint;
    if (!endpoint)
        return;
    const struct gate *gate = &endpoint->gate;
    const struct breaker *breaker = &gate->breaker;
    bool is_open = breaker->state == BREAKER_OPEN, is_slow = gate->slow_until_ms > shard->now_ms;
    *stats = (struct endpoint_stats){
        .breaker = breaker->state,
        .breaker_since_ms = wall_of(shard, breaker->since_ms),
        .breaker_until_ms = is_open ? wall_of(shard, breaker->until_ms) : 0,
        .slow_until_ms = is_slow ? wall_of(shard, gate->slow_until_ms) : 0,
        .failing_since_ms = endpoint->outage.since_ms,
        .concurrency = gate->concurrency.limit,
        .in_flight = gate->in_flight,
        .ready = endpoint->ready_count,
        .waiting = endpoint->in_memory - endpoint->ready_count - gate->in_flight,
        .parked_after = endpoint->parked_after,
    };
    look_for_oldest(&endpoint->ready, &stats->oldest);
    look_for_oldest(&endpoint->sending, &stats->oldest);
    struct text reason;
    text_init(&reason, stats->breaker_reason, sizeof stats->breaker_reason - 1);
    breaker_explain(breaker, &reason);
}
