/* replays.h - the jobs that go through deliveries which have ended, a page at a time, and hand them
 * over to their shards to be delivered once more; or give dead letters up.
 *
 * How far a job has come is durable in the same commit as what it has handed over (redelivery.h).
 * So after a crash it goes on behind that, and hands over each delivery once.
 *
 * A job does not get in the way: a step of it is bounded and followed by a pause, its pages wait
 * while their endpoint has other things to do (but no longer than REPLAYS_PATIENCE_MS each), and
 * jobs take turns. One whose subscription is paused or disabled waits for it; one that cannot go on
 * for as long as events are kept fails.
 *
 * At most REPLAYS_RUNNING_MAX are running, REPLAYS_OF_TENANT_MAX of them one tenant's, and of those
 * that are over the last REPLAYS_KEPT_MAX are kept. Control's thread.
 */
#ifndef ENGINE_REPLAYS_H
#define ENGINE_REPLAYS_H

#include "changes.h"
#include "redeliveries.h"
#include "replay.h"

enum {
    REPLAYS_RUNNING_MAX = 32,
    REPLAYS_OF_TENANT_MAX = 8,
    REPLAYS_KEPT_MAX = 256,
    REPLAYS_PATIENCE_MS = 10000,
};

struct replay_job {
    struct replay now;            /* as it is on disk, or was read; first: for struct shelf */
    struct replay next;           /* as it will be when the page that is out is done */
    struct redelivery_page *page; /* that is out; NULL: none */
    bool is_ended;                /* with that page, of its subscription */
    bool is_cancelled;            /* it ends when the page is back, and `waiter` is told */
    void (*on_cancelled)(void *context);
    void *waiter;
    uint64_t again_ms, pause_ms; /* monotonic: not before; how long it waited last */
    uint64_t patient_until_ms;   /* monotonic: its page waits no longer */
    struct replays *replays;
};

struct replays {
    struct crew *crew;
    struct db *db;
    struct changes *changes;
    struct redeliveries redeliveries;
    uint64_t retention_ms;
    struct shelf jobs; /* struct replay_job */
    unsigned running;
    size_t turn; /* of jobs */
    uint64_t next_ms;
    struct selection *selection; /* of the step that is being made */
};

enum { REPLAYS_WHY_SIZE = 256 };

/* Reads them. 0, or -errno and `why`. */
MUST_CHECK int replays_open(struct replays *replays, struct changes *changes, uint64_t retention_ms,
                            char why[static REPLAYS_WHY_SIZE]);
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

/* Makes a step, if it is time for one, and looks after single deliveries; while the program stops
 * nothing is begun but what somebody waits for. Returns the monotonic ms at which to be called
 * next.
 */
uint64_t replays_turn(struct replays *replays, uint64_t now_ms, bool is_stopping);

#endif
