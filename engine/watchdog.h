/* watchdog.h - whether the shards turn: each is asked in rounds, and a round is over when all have
 * answered. Then the service manager is told, if it waits to be told (sd_watchdog_enabled(3)); what
 * it does when it is not told is its own business. Control's thread.
 *
 * Only shards are asked: what the writer and the reader wait for is the disk, and starting anew
 * makes no disk faster.
 */
#ifndef ENGINE_WATCHDOG_H
#define ENGINE_WATCHDOG_H

#include "crew.h"

enum { WATCHDOG_ROUND_MS = 5000, WATCHDOG_LATE_MS = 30000 };

struct watchdog {
    struct crew *crew;
    struct mail mails[DB_SHARDS_MAX];
    unsigned left; /* that have not answered in this round */
    uint64_t round_ms, begun_ms, answered_ms;
    bool tells_manager, is_late;
};

/* `interval_us`: as the manager says in $WATCHDOG_USEC; NULL, or what is no number: it does not
 * wait. */
void watchdog_init(struct watchdog *watchdog, struct crew *crew, const char *interval_us,
                   uint64_t now_ms);

/* Begins a round if it is time for one. To be called once a second or so. */
void watchdog_turn(struct watchdog *watchdog, uint64_t now_ms);

/* A MAIL_PING came back. */
void watchdog_answered(struct watchdog *watchdog, uint64_t now_ms);

/* For how long not all of them have been heard of: up to a round when all is well. */
uint64_t watchdog_age_ms(const struct watchdog *watchdog, uint64_t now_ms);

#endif
