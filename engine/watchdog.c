#include "watchdog.h"

#include "base/log.h"
#include "mail.h"
#include "notify.h"

void watchdog_init(struct watchdog *watchdog, struct crew *crew, const char *interval_us,
                   uint64_t now_ms)
{
    unsigned long us = 0;
    *watchdog = (struct watchdog){
        .crew = crew,
        .round_ms = WATCHDOG_ROUND_MS,
        .begun_ms = now_ms,
        .answered_ms = now_ms,
        .tells_manager = interval_us && slice_to_u64(slice_str(interval_us), &us) && us > 0,
    };
    /* Two rounds and more in the time that the manager waits. */
    if (watchdog->tells_manager && us / 3000 < WATCHDOG_ROUND_MS)
        watchdog->round_ms = us / 3000;
}

static void begin(struct watchdog *watchdog, uint64_t now_ms)
{
    struct crew *crew = watchdog->crew;
    watchdog->begun_ms = now_ms;
    watchdog->left = crew->shards;
    for (unsigned shard = 0; shard < crew->shards; shard++) {
        watchdog->mails[shard].kind = MAIL_PING;
        crew_post(crew, crew_control(crew), shard, &watchdog->mails[shard]);
    }
}

void watchdog_turn(struct watchdog *watchdog, uint64_t now_ms)
{
    if (watchdog->left == 0) {
        if (now_ms - watchdog->begun_ms >= watchdog->round_ms)
            begin(watchdog, now_ms);
        return;
    }
    if (watchdog->is_late || now_ms - watchdog->begun_ms < WATCHDOG_LATE_MS)
        return;
    watchdog->is_late = true;
    LOG(LOG_ERROR, "shards do not answer", log_u64("count", watchdog->left),
        log_u64("waited_ms", now_ms - watchdog->begun_ms));
}

void watchdog_answered(struct watchdog *watchdog, uint64_t now_ms)
{
    must(watchdog->left > 0);
    if (--watchdog->left)
        return;
    if (watchdog->is_late)
        LOG(LOG_WARN, "all shards answer again");
    watchdog->is_late = false;
    watchdog->answered_ms = now_ms;
    if (watchdog->tells_manager)
        notify("WATCHDOG=1");
}

uint64_t watchdog_age_ms(const struct watchdog *watchdog, uint64_t now_ms)
{
    return now_ms - watchdog->answered_ms;
}
