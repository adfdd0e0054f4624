/* outage.h - for how long a receiver has brought nothing but failures, restarts included.
 *
 * An outage begins with a failure and is over at the next success; it begins anew after a day
 * without an attempt. One that has lasted for a minute is noted in a row ('F'), and dropped from
 * there when it is over. One that has lasted for the setting `disable_after` disables the
 * subscription.
 *
 * Time: wall ms.
 */
#ifndef ENGINE_OUTAGE_H
#define ENGINE_OUTAGE_H

#include <stdbool.h>
#include <stdint.h>

struct endpoint;
struct shard;

struct outage {
    uint64_t since_ms; /* 0: there is none */
    uint64_t last_ms;  /* its last failure */
    bool has_row;
};

/* An attempt has ended. Writes into the open outcomes. */
void outage_note(struct shard *shard, struct endpoint *endpoint, bool is_success);

/* As read back from a row. */
void outage_restore(struct outage *outage, uint64_t since_ms);

/* A person says that it is over; the row goes with the next attempt. */
void outage_forget(struct outage *outage);

#endif
