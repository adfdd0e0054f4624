/* outage.c - see outage.h. */
#include "outage.h"

#include "base/clock.h"
#include "shard.h"

enum {
    NOTED_AFTER_MS = 60 * 1000,
    GAP_MAX_MS = 24 * 3600 * 1000,    /* without an attempt */
    TOLD_AGAIN_MS = 24 * 3600 * 1000, /* that it is well */
};

/* ---- the row ---- */

static void write_row(struct shard *shard, const struct endpoint *endpoint)
{
    const struct outage *outage = &endpoint->outage;
    const struct outage_row row = {.since_ms = outage->is_noted ? outage->since_ms : 0,
                                   .told_ms = outage->told_ms,
                                   .recovered_ms = outage->recovered_ms};
    char value[OUTAGE_ROW_SIZE];
    struct key key = key_outage(&endpoint->id);
    if (row.since_ms == 0 && row.told_ms == 0) {
        outcomes_drop(shard, &key);
        return;
    }
    outage_row_encode(&row, value);
    outcomes_put(shard, &key, slice_of(value, sizeof value));
}

/* The next attempt takes it out of the row. */
static void untell(struct outage *outage)
{
    outage->is_noted |= outage->told_ms > 0;
    outage->told_ms = outage->recovered_ms = 0;
}

void outage_restore(struct shard *shard, struct endpoint *endpoint, const struct outage_row *row)
{
    struct outage *outage = &endpoint->outage;
    uint64_t now_ms = clock_wall_ms();
    if (row->since_ms > 0) {
        outage->since_ms = row->since_ms;
        outage->last_ms = now_ms;
        outage->is_noted = true;
    }
    if (row->told_ms == 0 || outage->told_ms > 0)
        return; /* not told, or this process has told already */
    outage->told_ms = row->told_ms;
    outage->recovered_ms = row->recovered_ms;
    if (row->recovered_ms > 0 && now_ms > row->recovered_ms + TOLD_AGAIN_MS)
        untell(outage);
    else
        report_again(shard, endpoint);
}

void outage_forget(struct outage *outage)
{
    outage->since_ms = 0;
    untell(outage);
}

/* ---- what is told ---- */

bool outage_is_told(const struct outage *outage)
{
    return outage->told_ms > 0 && outage->recovered_ms == 0;
}

void outage_tell(struct shard *shard, struct endpoint *endpoint, bool goes_on)
{
    struct outage *outage = &endpoint->outage;
    if (!goes_on)
        outage->told_ms = outage->since_ms ? outage->since_ms : clock_wall_ms();
    outage->recovered_ms = 0;
    outcomes_begin(shard);
    write_row(shard, endpoint);
}

void outage_tell_end(struct shard *shard, struct endpoint *endpoint, bool as_if_never)
{
    struct outage *outage = &endpoint->outage;
    outage->recovered_ms = clock_wall_ms();
    if (as_if_never)
        outage->told_ms = outage->recovered_ms = 0;
    outcomes_begin(shard);
    write_row(shard, endpoint);
}

/* ---- attempts ---- */

static void end(struct shard *shard, struct endpoint *endpoint)
{
    struct outage *outage = &endpoint->outage;
    bool was_noted = outage->is_noted;
    outage->since_ms = outage->last_ms = 0;
    outage->is_noted = false;
    if (was_noted)
        write_row(shard, endpoint);
}

static void succeed(struct shard *shard, struct endpoint *endpoint)
{
    end(shard, endpoint);
    if (outage_is_told(&endpoint->outage) && !endpoint->is_failing)
        report_recovered(shard, endpoint); /* the breaker was closed by a start */
}

void outage_note(struct shard *shard, struct endpoint *endpoint, bool is_success)
{
    struct outage *outage = &endpoint->outage;
    if (is_success) {
        succeed(shard, endpoint);
        return;
    }
    if (outage->since_ms == 0)
        end(shard, endpoint);
    uint64_t now_ms = clock_wall_ms();
    bool is_new =
        outage->since_ms == 0 || now_ms < outage->since_ms || now_ms > outage->last_ms + GAP_MAX_MS;
    outage->last_ms = now_ms;
    if (is_new)
        outage->since_ms = now_ms;
    uint64_t lasts_ms = now_ms - outage->since_ms;
    if (is_new ? outage->is_noted : !outage->is_noted && lasts_ms >= NOTED_AFTER_MS) {
        outage->is_noted = true;
        write_row(shard, endpoint);
    }
    if (lasts_ms >= shard->config->disable_after_ms)
        report_disable(shard, endpoint, DISABLED_FAILING);
}
