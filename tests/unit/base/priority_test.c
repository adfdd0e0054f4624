/* Priority: what Linux says of the threads afterwards. */
#include "base/clock.h"
#include "base/priority.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
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

static void *give_way(void *after)
{
    priority_give_way();
    *(struct attributes *)after = attributes();
    return NULL;
}

Test(priority, a_thread_gives_way_and_no_other)
{
    struct attributes before = attributes(), others, own;
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, give_way, &own)));
    cr_assert(zero(int, pthread_join(thread, NULL)));
    others = attributes();
    cr_assert(zero(u32, own.policy));
    cr_assert(eq(i32, own.nice, 19));
    cr_assert(le(u64, own.runtime, 100000));
    cr_assert(eq(u32, others.policy, before.policy));
    cr_assert(eq(i32, others.nice, before.nice));
    cr_assert(eq(u64, others.runtime, before.runtime));
}

static volatile sig_atomic_t yields;

static void on_yield(int number)
{
    (void)number;
    yields++;
}

/* From now on the calling thread's sched_yield(2) is counted instead of done. */
static void count_yields(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof program / sizeof *program, program};
    signal(SIGSYS, on_yield);
    cr_assert(zero(int, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
    cr_assert(zero(int, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)));
}

static void yield_for_a_while(void)
{
    uint64_t end_ns = clock_monotonic_ns() + 1000000;
    while (clock_monotonic_ns() < end_ns)
        priority_yield();
}

Test(priority, who_has_given_way_yields_but_not_all_the_time)
{
    count_yields();
    priority_give_way();
    yield_for_a_while();
    cr_assert(lt(int, 0, yields));
    cr_assert(le(int, yields, 11));
}

Test(priority, who_has_not_given_way_does_not_yield)
{
    count_yields();
    yield_for_a_while();
    cr_assert(zero(int, yields));
}

Test(priority, who_was_in_nobodys_way_has_no_rest)
{
    const struct priority_use before = {1000, 10}, after = {90000, 13};
    cr_assert(zero(u64, priority_rest_us(&before, &after)));
}

Test(priority, who_was_in_the_way_rests_for_five_times_as_long_as_it_computed)
{
    const struct priority_use before = {1000, 10}, after = {8000, 14};
    cr_assert(eq(u64, priority_rest_us(&before, &after), 35000));
}

Test(priority, no_rest_is_longer_than_the_longest)
{
    const struct priority_use before = {1000, 10}, after = {2000000, 500};
    cr_assert(eq(u64, priority_rest_us(&before, &after), PRIORITY_REST_US_MAX));
}

Test(priority, a_piece_of_work_counts_once)
{
    struct priority_use last = {0}, first;
    priority_rest(&last);
    cr_assert(lt(u64, 0, last.cpu_us));
    first = last;
    while (last.cpu_us == first.cpu_us)
        priority_rest(&last);
    cr_assert(lt(u64, first.cpu_us, last.cpu_us));
}
