/* observer.c - see observer.h.
 *
 * A step is short enough not to be felt by who waits for an answer of control, and between two
 * there is a pause, so that summing up takes no more than a part of the thread even when it is far
 * behind.
 */
#include "observer.h"

#include "base/clock.h"
#include "base/log.h"

enum { STEP_RECORDS = 4096, PAUSE_MS = 10, REST_MS = 1000 };

int observer_open(struct observer *observer, struct db *db)
{
    *observer = (struct observer){0};
    return rollups_open(&observer->rollups, db);
}

void observer_close(struct observer *observer)
{
    rollups_close(observer->rollups);
    observer->rollups = NULL;
}

static void say_what_is_lost(struct observer *observer)
{
    uint64_t lost = rollups_figures(observer->rollups).blocks_lost;
    if (lost > observer->lost)
        LOG(LOG_WARN, "attempts were dropped by retention before they were summed up",
            log_u64("blocks", lost - observer->lost));
    observer->lost = lost;
}

uint64_t observer_turn(struct observer *observer, uint64_t now_ms)
{
    bool more = false;
    if (now_ms < observer->again_ms)
        return observer->again_ms;
    int error = rollups_step(observer->rollups, STEP_RECORDS, clock_wall_ms(), &more);
    if (error && !observer->is_failing)
        LOG(LOG_ERROR, "attempts cannot be summed up", log_str("why", db_why()));
    observer->is_failing = error != 0;
    say_what_is_lost(observer);
    observer->again_ms = now_ms + (more && !error ? PAUSE_MS : REST_MS);
    return observer->again_ms;
}
