/* replays.h - the jobs that go through deliveries which have ended, a page at a time, and hand them
 * over to their shards to be delivered once more; or give dead letters up.
 *
 * How far a job has come is durable in the same commit as what it has handed over (redelivery.h).
 * So after a crash it goes on behind that, and hands over each delivery once.
 *
 * A job does not get in the way: a step of it is bounded and followed by a pause, its pages give
 * way to what their endpoint has to do besides (redelivery.h), together jobs hand over no more in a
 * second than is set (replay_rate), and they take turns. One whose subscription is paused or
 * disabled waits for it; one that cannot go on for as long as events are kept fails.
 *
 * At most REPLAYS_RUNNING_MAX are running, REPLAYS_OF_TENANT_MAX of them one tenant's, and of those
 * that are over the last REPLAYS_KEPT_MAX are kept. Control's thread.
 */
#ifndef ENGINE_REPLAYS_H
#define ENGINE_REPLAYS_H

#include "changes.h"
#include "config.h"
#include "replay_job.h"

enum {
    REPLAYS_RUNNING_MAX = 32,
    REPLAYS_OF_TENANT_MAX = 8,
    REPLAYS_KEPT_MAX = 256,
};

struct replays {
    struct crew *crew;
    struct db *db;
    struct changes *changes;
    struct redeliveries redeliveries;
    const struct config *config; /* as it is now */
    struct shelf jobs;           /* struct replay_job */
    unsigned running;
    size_t turn; /* of jobs */
    uint64_t next_ms;
    struct selection *selection; /* of the step that is being made */
};

enum { REPLAYS_WHY_SIZE = 256 };

/* Reads them. 0, or -errno and `why`. */
MUST_CHECK int replays_open(struct replays *replays, struct changes *changes,
                            const struct config *config, char why[static REPLAYS_WHY_SIZE]);
void replays_close(struct replays *replays);

/* Begins one as `wish` says, whose id is new. Durable when it returns 0. -EBUSY: too many are
 * running; -ENOMEM; -EIO. */
MUST_CHECK int replays_begin(struct replays *replays, const struct mutation *by,
                             const struct replay *wish);

/* NULL: there is none. */
const struct replay *replays_find(const struct replays *replays, const struct id *id);

/* One that is running is cancelled, one that is over is forgotten. 0: it is durable; -EINPROGRESS:
 * `on_done` is called when it is (it frees `context`; else, at the end, free() does); -EALREADY: it
 * is being cancelled; or -EIO. */
MUST_CHECK int replays_end(struct replays *replays, const struct mutation *by, const struct id *id,
                           void (*on_done)(void *context), void *context);

/* Drops the jobs of tenants that are gone; one whose page is out when that is back. What fails is
 * done at the next replays_open(). */
void replays_erase(struct replays *replays);

/* Makes a step, if it is time for one, and looks after single deliveries; while the program stops
 * nothing is begun but what somebody waits for. Returns the monotonic ms at which to be called
 * next.
 */
uint64_t replays_turn(struct replays *replays, uint64_t now_ms, bool is_stopping);

#endif
