/* delivery_states.h - the changes of state that delivery.c makes for arrival.c, and for nobody
 * else.
 */
#ifndef ENGINE_DELIVERY_STATES_H
#define ENGINE_DELIVERY_STATES_H

#include "delivery.h"

/* In no state yet, without a row. NULL: there is no room. */
struct delivery *delivery_make(struct shard *shard, struct endpoint *endpoint,
                               const struct id *event);

/* A delivery in memory that has a row, or (a ghost) had one; NULL: there is none. */
struct delivery *delivery_find(const struct shard *shard, const struct endpoint *endpoint,
                               const struct id *event);
void delivery_set_row(struct shard *shard, struct delivery *delivery, enum row_kind row);

/* To READY, or BEHIND another of its lane. */
void delivery_become_ready(struct shard *shard, struct delivery *delivery);

/* To WAITING, without its event, until then (monotonic). */
void delivery_become_waiting(struct shard *shard, struct delivery *delivery, uint64_t due_ms);

/* Whether as many as may be wait for retries. */
bool delivery_waits_are_full(const struct shard *shard);

/* Leaves memory; its rows stay. */
void delivery_forget(struct shard *shard, struct delivery *delivery);

/* Has ended, or goes on as another row; the row it had was dropped in the open outcomes. */
void delivery_finish(struct shard *shard, struct delivery *delivery);

/* To a 'P' row alone; and before it what is behind it in its lane. False: there is not room for all
 * of them now. */
bool delivery_park_from(struct shard *shard, struct delivery *delivery);

/* The wall time as a monotonic one, by the clocks as of the last wait: so the retries of one batch
 * fall due together. Now if it is past. */
uint64_t delivery_due_ms(const struct shard *shard, uint64_t wall_ms);

#endif
