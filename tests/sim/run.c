/* run.c - see run.h. Faults and mishaps first; then all is healed, and it has to come to rest. */
#include "run.h"

#include "condition.h"
#include "keeper.h"
#include "ledger.h"
#include "machine.h"
#include "producer.h"
#include "receiver.h"
#include "terms.h"
#include "world.h"

struct plan {
    uint64_t span_ns; /* of the time with faults */
    uint64_t long_ms; /* the longest wait before a retry */
    bool is_patient;  /* subscriptions may wait for all of a day, or longer */
    unsigned publishes;
    bool is_heavy;
    unsigned mishaps; /* crashes and stops */
    unsigned steps;   /* of the wall clock */
};

#define MINUTE_NS (60 * WORLD_SECOND)
#define HOUR_NS   (60 * MINUTE_NS)

static bool never(void)
{
    return false;
}

static bool is_down(void)
{
    return !machine_is_up();
}

static bool is_at_rest(void)
{
    return producers_are_done() && keeper_is_done() && machine_is_quiet() && guarantees_are_met();
}

static bool is_swept(void)
{
    return machine_is_quiet() && guarantees_are_swept();
}

static struct plan draw_plan(void)
{
    struct plan plan = {.span_ns = world_between(20, 600) * WORLD_SECOND, .long_ms = 120000};
    uint64_t scale = world_below(100);
    if (scale >= 97)
        plan = (struct plan){.span_ns = world_between(4, 24) * HOUR_NS,
                             .long_ms = UINT64_C(6) * 3600000};
    else if (scale >= 80)
        plan = (struct plan){.span_ns = world_between(20, 120) * MINUTE_NS, .long_ms = 1800000};
    if (world_one_in(60))
        plan = (struct plan){.span_ns = world_between(24, 30) * HOUR_NS, .is_patient = true};
    else if (world_one_in(400))
        plan = (struct plan){.span_ns = world_between(125, 180) * HOUR_NS, .is_patient = true};
    if (plan.is_patient)
        plan.long_ms = UINT64_C(10) * 3600000;
    plan.publishes = (unsigned)world_between(20, world_one_in(5) ? 120 : 50);
    if (world_one_in(25))
        plan.publishes = (unsigned)world_between(200, 400);
    else
        plan.is_heavy = world_one_in(25);
    plan.mishaps = (unsigned)(world_one_in(4) ? 0 : world_between(1, 4));
    plan.steps = world_one_in(8) ? 2 : 0;
    return plan;
}

static void step_wall(void *context)
{
    (void)context;
    int64_t step_ms = (int64_t)world_below(120000) - 60000;
    world_say("the wall clock is set by %ld ms", step_ms);
    world_step_wall(step_ms);
    ledger_note_step();
}

static void watch(void *context)
{
    machine_check_bounds();
    uint64_t pause_ns = world_now_ns() / 1000;
    world_at(world_now_ns() + 50 * WORLD_MS + world_below(pause_ns), watch, context);
}

static unsigned draw_shards(void)
{
    return (unsigned)world_between(1, 3);
}

static void mishap(unsigned *shards)
{
    if (machine_is_ready() && world_one_in(3)) {
        machine_stop();
        if (world_one_in(3)) /* it may be killed while it stops */
            world_run(is_down, world_now_ns() + world_below(12 * WORLD_SECOND));
        else if (!world_run(is_down, world_now_ns() + MINUTE_NS))
            world_fail("it does not stop");
    }
    machine_crash();
    world_run(never, world_now_ns() + world_below(world_one_in(3) ? MINUTE_NS : WORLD_SECOND));
    if (world_one_in(3))
        *shards = draw_shards();
    machine_start(*shards);
}

static void run_through(const struct plan *plan, unsigned shards)
{
    uint64_t until_ns = world_now_ns() + plan->span_ns;
    for (unsigned i = 0; i < plan->steps; i++)
        world_at(world_now_ns() + world_below(plan->span_ns), step_wall, NULL);
    for (unsigned left = plan->mishaps; left > 0; left--) {
        uint64_t now_ns = world_now_ns();
        if (now_ns >= until_ns)
            break;
        uint64_t wait_ns = (until_ns - now_ns) / left;
        world_run(never, now_ns + world_below(world_one_in(4) ? WORLD_SECOND : wait_ns + 1));
        mishap(&shards);
    }
    world_run(never, until_ns);
}

/* In which everything that waits has had its turn: two waits, what a receiver may ask for, and a
 * slow rate. */
static uint64_t longest_ns(const struct plan *plan)
{
    return 3 * plan->long_ms * WORLD_MS + 3 * HOUR_NS;
}

static void heal(const struct plan *plan)
{
    world_say("all is well from now on");
    receivers_heal();
    keeper_heal();
    bool is_over = world_run(is_at_rest, world_now_ns() + longest_ns(plan));
    machine_say_load();
    if (!is_over)
        world_fail("it does not come to rest");
    world_run(never, world_now_ns() + MINUTE_NS);
    if (!world_run(is_at_rest, world_now_ns() + MINUTE_NS))
        world_fail("it does not stay at rest");
    guarantees_at_rest();
}

/* What a start has to tidy up. */
static void restart(const struct plan *plan)
{
    machine_stop();
    if (!world_run(is_down, world_now_ns() + MINUTE_NS))
        world_fail("it does not stop");
    machine_crash();
    machine_start(draw_shards());
    if (!world_run(is_swept, world_now_ns() + longest_ns(plan)))
        world_fail("rows of deleted subscriptions are left");
    guarantees_at_rest();
}

void run_seed(uint64_t seed, bool verbose)
{
    world_open(seed, verbose);
    conditions_open(seed);
    struct plan plan = draw_plan();
    unsigned shards = draw_shards();
    receivers_open((unsigned)world_between(1, RECEIVERS_MAX), plan.is_patient);
    machine_start(shards);
    if (!world_run(machine_is_ready, world_now_ns() + MINUTE_NS))
        world_fail("it does not start");
    uint64_t until_ns = world_now_ns() + plan.span_ns;
    unsigned first = (unsigned)world_between(1, 8), changes = (unsigned)world_below(20);
    keeper_open(first, changes, until_ns, plan.is_patient ? TERMS_A_DAY : plan.long_ms);
    if (!world_run(keeper_has_begun, world_now_ns() + 5 * MINUTE_NS))
        world_fail("the subscriptions are not made");
    producers_open(plan.publishes, plan.is_heavy, world_now_ns(), world_now_ns() + plan.span_ns);
    watch(NULL);
    run_through(&plan, shards);
    heal(&plan);
    restart(&plan);
}
