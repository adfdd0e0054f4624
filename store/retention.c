/* retention.c - pure functions of their arguments. What they cannot read they keep: to drop it is
 * for someone who knows what it is. */
#include "store/retention.h"

#include "store/rollup.h"
#include "store/row.h"

static bool is_over(uint64_t since_ms, uint64_t now_ms, uint64_t span_ms)
{
    return now_ms > since_ms && now_ms - since_ms > span_ms;
}

static bool is_settled(enum delivery_status status)
{
    return status == DELIVERY_DELIVERED || status == DELIVERY_DEAD || status == DELIVERY_CANCELLED;
}

bool retention_drops_row(struct slice key, struct slice value, uint64_t now_ms, uint64_t span_ms)
{
    enum row_kind kind;
    struct id subscription, event;
    struct delivery_row row;
    if (key_parse_row(key, &kind, &subscription, &event))
        return false;
    if (kind == ROW_DEAD)
        return is_over(id_time_ms(&event), now_ms, span_ms);
    return kind == ROW_DELIVERY && delivery_row_decode(value, &row) == 0 &&
           is_settled(row.status) && is_over(row.updated_ms, now_ms, span_ms);
}

bool retention_drops_dedup(struct slice value, uint64_t now_ms, uint64_t span_ms)
{
    struct dedup_row row;
    return dedup_row_decode(value, &row) == 0 && is_over(row.accepted_ms, now_ms, span_ms);
}

bool retention_drops_rollup(struct slice key, uint64_t now_ms)
{
    struct rollup_place place;
    return key_parse_rollup(key, &place) == 0 &&
           is_over(place.start_ms + resolution_span_ms(place.resolution), now_ms,
                   resolution_keep_ms(place.resolution));
}
