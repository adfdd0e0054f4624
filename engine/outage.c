/* outage.c - see outage.h. */
#include "outage.h"

#include "base/clock.h"
#include "shard.h"

enum {
    NOTED_AFTER_MS = 60 * 1000,
    GAP_MAX_MS = 24 * 3600 * 1000, /* without an attempt */
};

void outage_restore(struct outage *outage, uint64_t since_ms)
{
    *outage = (struct outage){since_ms, clock_wall_ms(), true};
}

void outage_forget(struct outage *outage)
{
    outage->since_ms = 0;
}

static void end(struct shard *shard, struct endpoint *endpoint)
{
    struct key key = key_outage(&endpoint->id);
    if (endpoint->outage.has_row)
        outcomes_drop(shard, &key);
    endpoint->outage = (struct outage){0};
}

static void put_row(struct shard *shard, struct endpoint *endpoint)
{
    char value[OUTAGE_ROW_SIZE];
    struct key key = key_outage(&endpoint->id);
    outage_row_encode(&(struct outage_row){endpoint->outage.since_ms}, value);
    outcomes_put(shard, &key, slice_of(value, sizeof value));
    endpoint->outage.has_row = true;
}

void outage_note(struct shard *shard, struct endpoint *endpoint, bool is_success)
{
    struct outage *outage = &endpoint->outage;
    if (is_success || outage->since_ms == 0) {
        end(shard, endpoint);
        if (is_success)
            return;
    }
    uint64_t now_ms = clock_wall_ms();
    bool is_new =
        outage->since_ms == 0 || now_ms < outage->since_ms || now_ms > outage->last_ms + GAP_MAX_MS;
    outage->last_ms = now_ms;
    if (is_new)
        outage->since_ms = now_ms;
    uint64_t lasts_ms = now_ms - outage->since_ms;
    if (is_new ? outage->has_row : !outage->has_row && lasts_ms >= NOTED_AFTER_MS)
        put_row(shard, endpoint);
    if (lasts_ms >= shard->config->disable_after_ms)
        report_disable(shard, endpoint, DISABLED_FAILING);
}
