/* outage.h - for how long a receiver has brought nothing but failures, and what was told of it,
 * restarts included.
 *
 * An outage begins with a failure and is over at the next success; it begins anew after a day
 * without an attempt. One that has lasted for a minute is noted in a row ('F'), and dropped from
 * there when it is over. One that has lasted for the setting `disable_after` disables the
 * subscription.
 *
 * What is told is more: that a receiver is failing, when its breaker opens, and that it is well
 * again, when the breaker has closed. The row says so too, from the moment of the report on, so
 * that a start can tell again what a crash may have kept from being stored: alerts have keys that
 * make one event of both. For a day, it tells that the receiver is well again; until it is, it
 * tells that it is failing.
 *
 * Time: wall ms.
 */
#ifndef ENGINE_OUTAGE_H
#define ENGINE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct endpoint;
struct outage_row;
struct shard;

struct outage {
    uint64_t since_ms;     /* 0: there is none */
    uint64_t last_ms;      /* its last failure */
    uint64_t told_ms;      /* it was told that it is failing since then; 0: it was not */
    uint64_t recovered_ms; /* when it was told that it is not any more; 0: it was not */
    bool is_noted;         /* the row has `since_ms`, or what is not true any more */
};

/* An attempt has ended. Writes into the open outcomes. */
void outage_note(struct shard *shard, struct endpoint *endpoint, bool is_success);

/* As read back from a row. Tells again what was told. */
void outage_restore(struct shard *shard, struct endpoint *endpoint, const struct outage_row *row);

/* A person says that it is over; the row goes with the next attempt. */
void outage_forget(struct outage *outage);

/* ---- report.c's ---- */

bool outage_is_told(const struct outage *outage);

/* It is told from now on that the receiver is failing; since when it was told before, if it
 * `goes_on`. */
void outage_tell(struct shard *shard, struct endpoint *endpoint, bool goes_on);

/* It is told that it is well again; or, `as_if_never`, none of both. */
void outage_tell_end(struct shard *shard, struct endpoint *endpoint, bool as_if_never);

#endif
