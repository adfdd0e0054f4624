/* priority.h - whom Linux runs first when more threads have work than there are cores.
 */
#ifndef BASE_PRIORITY_H
#define BASE_PRIORITY_H

/* The calling thread's work can wait for everybody else's: when cores are scarce it has a small
 * share of one, and whoever is woken goes before it at once. The latter takes Linux 6.12, where a
 * thread may choose its slice (sched_setattr(2)): one that computes for long keeps its core for the
 * rest of that, some ms. A wish: what the system does not grant stays as it is. */
void priority_step_back(void);

#endif
