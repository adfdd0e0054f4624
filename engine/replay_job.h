/* replay_job.h - a replay that is being made: how far it is, and the page of it that is out.
 *
 * Control's thread; while a page is out `next` is changed by the shard that has it.
 */
#ifndef ENGINE_REPLAY_JOB_H
#define ENGINE_REPLAY_JOB_H

#include "redeliveries.h"
#include "replay.h"

struct replays;

struct replay_job {
    struct replay now;            /* as it is on disk, or was read; first: for struct shelf */
    struct replay next;           /* as it will be when the page that is out is done */
    struct redelivery_page *page; /* that is out; NULL: none */
    struct selection_place end;   /* behind that page */
    unsigned passed;              /* between its last delivery and that */
    bool is_ended;                /* with that page, of its subscription */
    bool is_erased;               /* it goes when the page is back */
    bool is_cancelled;            /* it ends when the page is back, and `waiter` is told */
    void (*on_cancelled)(void *context);
    void *waiter;
    uint64_t again_ms, pause_ms; /* monotonic: not before; how long it waited last */
    uint64_t after_us;           /* monotonic: no delivery before, or it were too fast */
    struct replays *replays;
};

/* NULL: out of memory. */
struct replay_job *replay_job_make(struct replays *replays);
void replay_job_free(struct replay_job *job); /* NULL is allowed */

/* Between two jobs' replays or places: what they point to stays theirs. `count`: of `reached`. */
void replay_copy(const struct replay *from, struct replay *to);
void replay_place_copy(const struct selection_place *from, struct selection_place *to,
                       unsigned count);

/* The deliveries [from, to) of the page are dealt with: `next` counts them, and is behind them. */
void replay_job_pass(struct replay_job *job, unsigned from, unsigned to);

#endif
