/* priority.h - what a thread whose work can wait does for those whose work cannot, when there are
 * more of them than cores. All of it is about the calling thread.
 */
#ifndef BASE_PRIORITY_H
#define BASE_PRIORITY_H

#include <stdint.h>

/* It has what is left over of a core and a 70th part of what is not (nice 19, sched(7)), in slices
 * of 0.1 ms: enough that a lock it holds, here or in the file system, is not held long. Under
 * SCHED_IDLE it would be, and whoever syncs would wait for it.
 *
 * Threads that it starts from now on inherit this; without privileges it cannot be undone. What the
 * system does not grant stays as it is. */
void priority_give_way(void);

/* In the midst of long work, often, and with no lock held: lets those go first that need the core,
 * every 0.1 ms. Without it, whoever had used up its share when it was woken waits for the timer's
 * next tick, up to 4 ms, even if it is the kernel's own thread that ends a sync for the writer.
 * Does nothing in a thread that has not given way. */
void priority_yield(void);

/* What the thread had used when it looked. */
struct priority_use {
    uint64_t cpu_us;
    uint64_t interruptions; /* in favour of others, while it could have gone on */
};

enum { PRIORITY_REST_US_MAX = 100000 };

/* How long to rest after a piece of work, in us: 0 if others did not need the core meanwhile,
 * else five times as long as it computed, PRIORITY_REST_US_MAX at most. */
uint64_t priority_rest_us(const struct priority_use *before, const struct priority_use *after);

/* Between two pieces of work: rests, if it has to. *last: at first zero, then this function's. */
void priority_rest(struct priority_use *last);

#endif
