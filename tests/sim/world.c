/* world.c - see world.h. Acts are in a heap by time, then by the order in which they were asked
 * for.
 *
 * Each run of a fiber or an act takes a few microseconds of virtual time, so that a thread that
 * never rests does not stop the clock; now and then a thread is held up for longer, as a busy
 * machine does.
 */
#include "world.h"

#include "base/must.h"
#include "base/random.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

enum {
    STACK_SIZE = 1 << 20,
    FIBERS_MAX = 64,
    STEPS_MAX = 200 * 1000 * 1000,
    PLACE_WORDS = 5, /* what __builtin_setjmp() asks for */
};

struct act {
    uint64_t at_ns, order;
    void (*act)(void *context);
    void *context;
};

struct fiber {
    const char *name;
    ucontext_t beginning;
    void *place[PLACE_WORDS]; /* where it is, if it has begun */
    bool has_begun;
    char *stack;
    void *fake_stack;
    void (*run)(void *context);
    void *argument;
    uint64_t due_ns, held_up_ns;
    bool is_asleep, is_over;
};

static struct {
    uint64_t seed, now_ns, steps, order, digest;
    int64_t wall_step_ms;
    uint64_t wall_fraction_ns; /* its milliseconds do not begin with those of the other clock */
    struct random random;
    bool is_verbose;
    struct act *acts; /* a heap: the first is the earliest */
    size_t act_count, act_room;
    struct fiber *fibers[FIBERS_MAX];
    unsigned fiber_count;
    struct fiber *current;
    void *driver_place[PLACE_WORDS];
    void *driver_fake_stack;
    const void *driver_stack;
    size_t driver_stack_size;
} world;

static const uint64_t wall_begin_ms = UINT64_C(1767225600000); /* 2026-01-01 */

void world_open(uint64_t seed, bool verbose)
{
    world.seed = seed;
    world.is_verbose = verbose;
    world.now_ns = WORLD_SECOND;
    random_init(&world.random, seed);
    world.wall_fraction_ns = world_below(WORLD_MS);
}

/* ---- time and chance ---- */

uint64_t world_now_ns(void)
{
    return world.now_ns;
}

uint64_t world_wall_ms(void)
{
    uint64_t passed_ms = (world.now_ns + world.wall_fraction_ns) / WORLD_MS;
    return wall_begin_ms + (uint64_t)((int64_t)passed_ms + world.wall_step_ms);
}

void world_step_wall(int64_t step_ms)
{
    world.wall_step_ms += step_ms;
}

uint64_t world_below(uint64_t bound)
{
    return random_below(&world.random, bound);
}

uint64_t world_between(uint64_t low, uint64_t high)
{
    return low + random_below(&world.random, high - low + 1);
}

bool world_one_in(uint64_t count)
{
    return random_below(&world.random, count) == 0;
}

/* ---- acts ---- */

static bool is_before(const struct act *a, const struct act *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

static void swap_acts(size_t a, size_t b)
{
    struct act kept = world.acts[a];
    world.acts[a] = world.acts[b];
    world.acts[b] = kept;
}

void world_at(uint64_t at_ns, void (*act)(void *context), void *context)
{
    if (world.act_count == world.act_room) {
        world.act_room = world.act_room ? 2 * world.act_room : 256;
        world.acts = realloc(world.acts, world.act_room * sizeof *world.acts);
        must(world.acts);
    }
    size_t at = world.act_count++;
    world.acts[at] = (struct act){at_ns, world.order++, act, context};
    for (; at > 0 && is_before(&world.acts[at], &world.acts[(at - 1) / 2]); at = (at - 1) / 2)
        swap_acts(at, (at - 1) / 2);
}

static struct act take_act(void)
{
    struct act first = world.acts[0];
    world.acts[0] = world.acts[--world.act_count];
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < world.act_count; child++)
            if (is_before(&world.acts[child], &world.acts[least]))
                least = child;
        if (least == at)
            return first;
        swap_acts(at, least);
        at = least;
    }
}

/* ---- fibers ---- */

/* The sanitizer has to know whose stack is in use. */
static void before_switch(void **fake_stack, const void *stack, size_t size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(fake_stack, stack, size);
#else
    (void)fake_stack, (void)stack, (void)size;
#endif
}

static void after_switch(void *fake_stack, const void **stack, size_t *size)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(fake_stack, stack, size);
#else
    (void)fake_stack, (void)stack, (void)size;
#endif
}

/* Those who are gone have left frames there. */
static void forget_stack(char *stack)
{
#ifdef __SANITIZE_ADDRESS__
    __asan_unpoison_memory_region(stack, STACK_SIZE);
#endif
    munmap(stack, STACK_SIZE);
}

/* The compiler's own jumps: swapcontext() is a system call, for the mask of signals, and both it
 * and the library's _longjmp() make AddressSanitizer wipe what it knows of a stack, for which it
 * may ask the system for new pages. What jumps has no frame that the sanitizer would look after.
 * The two halves of a jump have to be in two functions that do not know of each other. */
#define JUMPS __attribute__((noipa, no_sanitize_address))

JUMPS _Noreturn static void jump(void **place)
{
    __builtin_longjmp(place, 1);
}

JUMPS static void switch_to_driver(struct fiber *fiber)
{
    if (__builtin_setjmp(fiber->place) == 0)
        jump(world.driver_place);
}

JUMPS static void switch_to(struct fiber *fiber)
{
    if (__builtin_setjmp(world.driver_place))
        return;
    if (fiber->has_begun)
        jump(fiber->place);
    fiber->has_begun = true;
    setcontext(&fiber->beginning);
}

static void back_to_driver(struct fiber *fiber)
{
    before_switch(fiber->is_over ? NULL : &fiber->fake_stack, world.driver_stack,
                  world.driver_stack_size);
    switch_to_driver(fiber);
    after_switch(fiber->fake_stack, &world.driver_stack, &world.driver_stack_size);
}

static void begin_fiber(void)
{
    struct fiber *fiber = world.current;
    after_switch(NULL, &world.driver_stack, &world.driver_stack_size);
    fiber->run(fiber->argument);
    fiber->is_over = true;
    back_to_driver(fiber);
}

struct fiber *fiber_start(const char *name, void (*run)(void *context), void *context)
{
    struct fiber *fiber = calloc(1, sizeof *fiber);
    must(fiber && world.fiber_count < FIBERS_MAX);
    fiber->name = name;
    fiber->run = run;
    fiber->argument = context;
    fiber->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(fiber->stack != MAP_FAILED && getcontext(&fiber->beginning) == 0);
    fiber->beginning.uc_stack.ss_sp = fiber->stack;
    fiber->beginning.uc_stack.ss_size = STACK_SIZE;
    makecontext(&fiber->beginning, begin_fiber, 0);
    world.fibers[world.fiber_count++] = fiber;
    return fiber;
}

struct fiber *fiber_current(void)
{
    return world.current;
}

void fiber_wait(uint64_t until_ns)
{
    struct fiber *fiber = world.current;
    must(fiber);
    fiber->due_ns = until_ns;
    back_to_driver(fiber);
}

void fiber_sleep(uint64_t duration_ns)
{
    if (!world.current) {
        world.now_ns += duration_ns;
        return;
    }
    world.current->is_asleep = true;
    fiber_wait(world.now_ns + duration_ns);
    world.current->is_asleep = false;
}

void fiber_wake(struct fiber *fiber)
{
    if (!fiber->is_asleep)
        fiber->due_ns = 0;
}

bool fiber_is_over(const struct fiber *fiber)
{
    return fiber->is_over;
}

void fiber_kill_all(void)
{
    must(!world.current);
    for (unsigned i = 0; i < world.fiber_count; i++)
        forget_stack(world.fibers[i]->stack);
    world.fiber_count = 0;
}

static void resume(struct fiber *fiber)
{
    fiber->due_ns = UINT64_MAX;
    world.current = fiber;
    before_switch(&world.driver_fake_stack, fiber->stack, STACK_SIZE);
    switch_to(fiber);
    after_switch(world.driver_fake_stack, NULL, NULL);
    world.current = NULL;
}

/* ---- turns ---- */

static uint64_t due_of(const struct fiber *fiber)
{
    if (fiber->is_over)
        return UINT64_MAX;
    return fiber->due_ns > fiber->held_up_ns ? fiber->due_ns : fiber->held_up_ns;
}

/* Moves the time to when something is due. */
static void wait_for_something(uint64_t until_ns)
{
    uint64_t next_ns = world.act_count ? world.acts[0].at_ns : UINT64_MAX;
    for (unsigned i = 0; i < world.fiber_count; i++)
        if (due_of(world.fibers[i]) < next_ns)
            next_ns = due_of(world.fibers[i]);
    if (next_ns > until_ns)
        next_ns = until_ns;
    if (next_ns > world.now_ns)
        world.now_ns = next_ns;
}

static void run_one(struct fiber *const *due, unsigned count, bool has_act)
{
    uint64_t drawn = world_below(count + has_act);
    if (drawn == count) {
        struct act act = take_act();
        act.act(act.context);
    } else if (world_one_in(1000)) {
        uint64_t most_ns = world_one_in(20) ? 3 * WORLD_SECOND : 30 * WORLD_MS;
        due[drawn]->held_up_ns = world.now_ns + world_below(most_ns);
    } else {
        resume(due[drawn]);
    }
    world.now_ns += 1 + world_below(20 * WORLD_US); /* no two have the same moment */
    world.digest = (world.digest ^ world.now_ns) * UINT64_C(0x9e3779b97f4a7c15) + drawn;
}

bool world_run(bool (*is_over)(void), uint64_t until_ns)
{
    while (!is_over()) {
        struct fiber *due[FIBERS_MAX];
        unsigned count = 0;
        if (world.now_ns >= until_ns)
            return false;
        wait_for_something(until_ns);
        for (unsigned i = 0; i < world.fiber_count; i++)
            if (due_of(world.fibers[i]) <= world.now_ns)
                due[count++] = world.fibers[i];
        bool has_act = world.act_count > 0 && world.acts[0].at_ns <= world.now_ns;
        if (count > 0 || has_act)
            run_one(due, count, has_act);
        if (++world.steps > STEPS_MAX)
            world_fail("it does not come to rest: %d steps", STEPS_MAX);
    }
    return true;
}

/* ---- the record ---- */

uint64_t world_digest(void)
{
    return world.digest;
}

static void print_moment(void)
{
    uint64_t ms = world.now_ns / WORLD_MS;
    fprintf(stderr, "%5lu:%02lu:%02lu.%03lu %-9s ", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60,
            ms % 1000, world.current ? world.current->name : "");
}

void world_say(const char *format, ...)
{
    if (!world.is_verbose)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_moment();
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

void world_fail(const char *format, ...)
{
    char what[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    fprintf(stderr, "seed %lu: after %.3f s: %s\n", world.seed,
            (double)world.now_ns / (double)WORLD_SECOND, what);
    _exit(1);
}
