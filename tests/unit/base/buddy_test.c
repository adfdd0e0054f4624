/* The buddy system: buffers never overlap, and whatever was split is whole again in the end. */
#include "base/buddy.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

enum { ARENA = 1 << 20, UNIT = 1 << BUDDY_MIN_BITS };

static struct buddy buddy;

static void start(void)
{
    cr_assert(eq(int, buddy_open(&buddy, ARENA), 0));
}

static void stop(void)
{
    buddy_close(&buddy);
}

TestSuite(buddy, .init = start, .fini = stop);

Test(buddy, rounds_sizes_up_to_powers_of_two)
{
    static const struct {
        size_t asked, real;
    } cases[] = {{0, 512},     {1, 512},       {512, 512},     {513, 1024},
                 {1024, 1024}, {40000, 65536}, {ARENA, ARENA}, {ARENA / 2 + 1, ARENA}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *buffer = buddy_take(&buddy, cases[i].asked);
        cr_assert(eq(sz, buddy_size(&buddy, buffer), cases[i].real));
        cr_assert(eq(sz, buddy.used, cases[i].real));
        memset(buffer, 1, cases[i].real);
        buddy_give(&buddy, buffer);
        cr_assert(eq(sz, buddy.used, 0));
    }
}

Test(buddy, has_none_left_when_full)
{
    cr_assert(eq(ptr, buddy_take(&buddy, ARENA + 1), NULL));
    cr_assert(eq(ptr, buddy_take(&buddy, SIZE_MAX), NULL));
    for (unsigned i = 0; i < ARENA / UNIT; i++)
        cr_assert(ne(ptr, buddy_take(&buddy, 1), NULL));
    cr_assert(eq(ptr, buddy_take(&buddy, 1), NULL));
    cr_assert(eq(sz, buddy.used, ARENA));
}

Test(buddy, is_whole_again_when_all_is_given_back)
{
    static void *buffers[ARENA / UNIT];
    for (size_t i = 0; i < ARENA / UNIT; i++)
        buffers[i] = buddy_take(&buddy, 1);
    for (size_t i = 0; i < ARENA / UNIT; i += 2)
        buddy_give(&buddy, buffers[i]);
    cr_assert(eq(ptr, buddy_take(&buddy, UNIT + 1), NULL), "no two free ones are buddies");
    for (size_t i = 1; i < ARENA / UNIT; i += 2)
        buddy_give(&buddy, buffers[i]);
    cr_assert(ne(ptr, buddy_take(&buddy, ARENA), NULL));
}

Test(buddy, takes_nothing_back_without_complaint)
{
    buddy_give(&buddy, NULL);
    cr_assert(eq(sz, buddy.used, 0));
}

Test(buddy, rounds_its_arena)
{
    struct buddy other;
    cr_assert(eq(int, buddy_open(&other, 1), 0));
    cr_assert(eq(sz, other.arena_size, 1 << 20));
    buddy_close(&other);
    cr_assert(eq(int, buddy_open(&other, (size_t)3 << 20), 0));
    cr_assert(eq(sz, other.arena_size, 2 << 20));
    buddy_close(&other);
    cr_assert(eq(int, buddy_open(&other, (size_t)1 << 40), -ENOMEM));
    buddy_close(&other);
}

Test(buddy, stops_at_a_buffer_given_twice, .signal = SIGABRT)
{
    void *buffer = buddy_take(&buddy, 5000);
    buddy_give(&buddy, buffer);
    buddy_give(&buddy, buffer);
}

Test(buddy, stops_at_a_buffer_given_twice_whose_buddy_is_taken, .signal = SIGABRT)
{
    void *first = buddy_take(&buddy, 1);
    (void)buddy_take(&buddy, 1);
    buddy_give(&buddy, first);
    buddy_give(&buddy, first);
}

Test(buddy, stops_at_the_middle_of_a_buffer, .signal = SIGABRT)
{
    buddy_give(&buddy, (char *)buddy_take(&buddy, 5000) + UNIT);
}

Test(buddy, stops_at_an_address_of_no_buffer, .signal = SIGABRT)
{
    char elsewhere[UNIT];
    buddy_give(&buddy, elsewhere);
}

/* The obviously right one: a map of units, each with the number of the holder that has it. */
enum { HOLDERS = 64, STEPS = 200000 };
static unsigned char owner[ARENA / UNIT];
static struct {
    char *buffer;
    size_t units;
} held[HOLDERS];

static void mark(size_t holder, unsigned char expected, unsigned char value)
{
    size_t first = (size_t)(held[holder].buffer - buddy.arena) / UNIT;
    cr_assert(first % held[holder].units == 0, "aligned to its size");
    for (size_t i = 0; i < held[holder].units; i++) {
        cr_assert(owner[first + i] == expected);
        owner[first + i] = value;
    }
}

/* True if some aligned run of `units` is nobody's. */
static bool has_room(size_t units)
{
    for (size_t first = 0; first < ARENA / UNIT; first += units) {
        size_t run = 0;
        while (run < units && owner[first + run] == 0)
            run++;
        if (run == units)
            return true;
    }
    return false;
}

static void take(size_t holder, size_t size)
{
    size_t units = 1;
    while (units * UNIT < size)
        units *= 2;
    held[holder].buffer = buddy_take(&buddy, size);
    held[holder].units = units;
    cr_assert(eq(int, held[holder].buffer != NULL, has_room(units)));
    if (!held[holder].buffer)
        return;
    cr_assert(buddy_size(&buddy, held[holder].buffer) == units * UNIT);
    memset(held[holder].buffer, (int)holder, size);
    mark(holder, 0, (unsigned char)(holder + 1));
}

Test(buddy, agrees_with_a_map_of_its_units)
{
    struct random random;
    random_init(&random, 51);
    for (unsigned step = 0; step < STEPS; step++) {
        size_t holder = random_below(&random, HOLDERS);
        if (held[holder].buffer) {
            cr_assert(held[holder].buffer[0] == (char)holder);
            mark(holder, (unsigned char)(holder + 1), 0);
            buddy_give(&buddy, held[holder].buffer);
            held[holder].buffer = NULL;
        } else {
            take(holder,
                 1 + random_u64(&random) % (UINT64_C(1) << (9 + random_below(&random, 10))));
        }
        size_t used = 0;
        for (size_t i = 0; i < HOLDERS; i++)
            used += held[i].buffer ? held[i].units * UNIT : 0;
        cr_assert(buddy.used == used);
    }
    for (size_t i = 0; i < HOLDERS; i++)
        buddy_give(&buddy, held[i].buffer);
    cr_assert(ne(ptr, buddy_take(&buddy, ARENA), NULL));
}
