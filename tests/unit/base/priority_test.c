/* Priority: what Linux says of the threads afterwards. */
#include "base/priority.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

/* As in sched_setattr(2): the header that has it cannot be used beside pthread.h. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime; /* the slice; 0 before Linux 6.12 */
    uint64_t deadline, period;
};

/* Of the calling thread. */
static struct attributes attributes(void)
{
    struct attributes now = {.size = sizeof now};
    cr_assert(zero(long, syscall(SYS_sched_getattr, 0, &now, sizeof now, 0)));
    return now;
}

static void *step_back(void *answer)
{
    priority_step_back();
    *(struct attributes *)answer = attributes();
    return NULL;
}

Test(priority, a_thread_steps_back_and_no_other)
{
    struct attributes before = attributes(), stepped_back = {0};
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, step_back, &stepped_back)));
    cr_assert(zero(int, pthread_join(thread, NULL)));
    cr_assert(eq(u32, stepped_back.policy, before.policy));
    cr_assert(eq(i32, stepped_back.nice, 15));
    if (before.runtime > 0)
        cr_assert(eq(u64, stepped_back.runtime, 100000));

    struct attributes after = attributes();
    cr_assert(eq(i32, after.nice, before.nice));
    cr_assert(eq(u64, after.runtime, before.runtime));
}
