/* rollup.c - encoded: version 1; varints: how many outcomes, each, delivered, dead, delivered at
 * once; both spreads; XXH32 of all before. Pure functions. */
#include "store/rollup.h"

#include "store/bytes.h"
#include "store/varint.h"

#include <errno.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { ROLLUP_VERSION = 1, CHECKSUM_SIZE = 4 };

#define SECOND_MS UINT64_C(1000)
#define HOUR_MS   (3600 * SECOND_MS)

static const struct {
    const char *name;
    uint64_t span_ms, keep_ms;
} resolutions[] = {
    [RESOLUTION_10S] = {"10s", 10 * SECOND_MS, HOUR_MS},
    [RESOLUTION_1M] = {"1m", 60 * SECOND_MS, 48 * HOUR_MS},
    [RESOLUTION_1H] = {"1h", HOUR_MS, 90 * (24 * HOUR_MS)},
};

uint64_t resolution_span_ms(enum resolution resolution)
{
    return resolutions[resolution].span_ms;
}

uint64_t resolution_keep_ms(enum resolution resolution)
{
    return resolutions[resolution].keep_ms;
}

uint64_t resolution_start_ms(enum resolution resolution, uint64_t wall_ms)
{
    return wall_ms - wall_ms % resolutions[resolution].span_ms;
}

const char *resolution_name(enum resolution resolution)
{
    return resolutions[resolution].name;
}

uint64_t rollup_time_ms(const struct attempt_record *attempt)
{
    return attempt->at_ms + attempt->duration_ms;
}

static bool is_attempt(const struct attempt_record *attempt)
{
    return attempt->outcome > ATTEMPT_NONE && attempt->outcome <= ATTEMPT_CANCELLED;
}

void rollup_add(struct rollup *rollup, const struct attempt_record *attempt)
{
    if (is_attempt(attempt)) {
        rollup->outcomes[attempt->outcome]++;
        if (attempt->outcome != ATTEMPT_CANCELLED)
            spread_add(&rollup->attempt_ms, attempt->duration_ms);
    }
    if (attempt->status_after == DELIVERY_DEAD)
        rollup->dead++;
    if (attempt->status_after != DELIVERY_DELIVERED)
        return;
    uint64_t accepted_ms = id_time_ms(&attempt->event), ended_ms = rollup_time_ms(attempt);
    rollup->delivered++;
    rollup->delivered_at_once += attempt->number == 1;
    spread_add(&rollup->delivery_ms, ended_ms > accepted_ms ? ended_ms - accepted_ms : 0);
}

void rollup_merge(struct rollup *into, const struct rollup *from)
{
    for (unsigned i = 0; i < ROLLUP_OUTCOMES; i++)
        into->outcomes[i] += from->outcomes[i];
    into->delivered += from->delivered;
    into->dead += from->dead;
    into->delivered_at_once += from->delivered_at_once;
    spread_merge(&into->attempt_ms, &from->attempt_ms);
    spread_merge(&into->delivery_ms, &from->delivery_ms);
}

uint64_t rollup_attempts(const struct rollup *rollup)
{
    return rollup->outcomes[ATTEMPT_DELIVERED] + rollup_failures(rollup);
}

uint64_t rollup_failures(const struct rollup *rollup)
{
    uint64_t failures = 0;
    for (unsigned i = ATTEMPT_HTTP_ERROR; i < ATTEMPT_CANCELLED; i++)
        failures += rollup->outcomes[i];
    return failures;
}

size_t rollup_encode(const struct rollup *rollup, char out[static ROLLUP_SIZE_MAX])
{
    size_t size = 0;
    out[size++] = ROLLUP_VERSION;
    out[size++] = ROLLUP_OUTCOMES;
    for (unsigned i = 0; i < ROLLUP_OUTCOMES; i++)
        size += varint_put(out + size, rollup->outcomes[i]);
    size += varint_put(out + size, rollup->delivered);
    size += varint_put(out + size, rollup->dead);
    size += varint_put(out + size, rollup->delivered_at_once);
    size += spread_encode(&rollup->attempt_ms, out + size);
    size += spread_encode(&rollup->delivery_ms, out + size);
    bytes_put_u32(out + size, XXH32(out, size, 0));
    return size + CHECKSUM_SIZE;
}

int rollup_decode(struct slice value, struct rollup *rollup)
{
    if (value.size < 2 + CHECKSUM_SIZE)
        return -EBADMSG;
    size_t size = value.size - CHECKSUM_SIZE;
    if (bytes_get_u32(value.at + size) != XXH32(value.at, size, 0) ||
        value.at[0] != ROLLUP_VERSION || value.at[1] != ROLLUP_OUTCOMES)
        return -EBADMSG;
    struct slice rest = slice_of(value.at + 2, size - 2);
    for (unsigned i = 0; i < ROLLUP_OUTCOMES; i++)
        if (varint_take(&rest, &rollup->outcomes[i]))
            return -EBADMSG;
    if (varint_take(&rest, &rollup->delivered) || varint_take(&rest, &rollup->dead) ||
        varint_take(&rest, &rollup->delivered_at_once) ||
        spread_decode(&rest, &rollup->attempt_ms) || spread_decode(&rest, &rollup->delivery_ms))
        return -EBADMSG;
    return rest.size == 0 ? 0 : -EBADMSG;
}
