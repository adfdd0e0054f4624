/* world.h - virtual time, chance, and what is to happen when. One world a process.
 *
 * Everything that runs is either a fiber (a thread of the engine) or an act that was asked for with
 * world_at(). One is run at a time; which of those that are due is drawn from the seed, and when
 * none is due the time jumps to the first that will be.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORLD_US     UINT64_C(1000)
#define WORLD_MS     UINT64_C(1000000)
#define WORLD_SECOND (1000 * WORLD_MS)

void world_open(uint64_t seed, bool verbose);

/* ---- time ---- */

uint64_t world_now_ns(void); /* never goes back */
uint64_t world_wall_ms(void);

/* The wall clock alone is set by so much. */
void world_step_wall(int64_t step_ms);

/* ---- chance ---- */

uint64_t world_below(uint64_t bound);                /* [0, bound) */
uint64_t world_between(uint64_t low, uint64_t high); /* both included */
bool world_one_in(uint64_t count);

/* ---- what is to happen ---- */

void world_at(uint64_t at_ns, void (*act)(void *context), void *context);

/* Runs until `is_over` or `until_ns`. Returns whether it was over. */
bool world_run(bool (*is_over)(void), uint64_t until_ns);

/* ---- fibers ---- */

struct fiber;

/* A thread: begins when it is its turn. */
struct fiber *fiber_start(const char *name, void (*run)(void *context), void *context);

/* What runs now; NULL: no fiber. */
struct fiber *fiber_current(void);

/* Lets others run until `until_ns`, or until somebody calls fiber_wake(). */
void fiber_wait(uint64_t until_ns);

/* As fiber_wait(), but nobody can wake it: the disk is at work. Outside of a fiber the time passes
 * at once. */
void fiber_sleep(uint64_t duration_ns);
void fiber_wake(struct fiber *fiber);
bool fiber_is_over(const struct fiber *fiber);

/* None of those that are there will run again: the process was killed. */
void fiber_kill_all(void);

/* ---- the record ---- */

/* Of all that happened, in its order: two runs of one seed have the same. */
uint64_t world_digest(void);

/* With --verbose: a line with the virtual time. */
void world_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A guarantee was broken: says so, with the seed, and ends the process. */
_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
