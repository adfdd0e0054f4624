/* priority.c - see priority.h. */
#include "base/priority.h"

#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The slice is the least that Linux takes. What counts is slice / weight: with that it comes after
 * whoever has the usual ones. */
enum {
    STEPPED_BACK_NICE = 15,
    STEPPED_BACK_SLICE_NS = 100000,
};

void priority_step_back(void)
{
    struct sched_attr wish = {.size = sizeof wish};
    if (syscall(SYS_sched_getattr, 0, &wish, sizeof wish, 0))
        return;
    wish.sched_nice = STEPPED_BACK_NICE;
    wish.sched_runtime = STEPPED_BACK_SLICE_NS;
    (void)syscall(SYS_sched_setattr, 0, &wish, 0);
}
