/* The buffer against a plain array: random additions and removals, fixed seed. */
#include "net/buffer.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

Test(buffer, refuses_what_passes_its_limit_and_keeps_the_rest)
{
    struct buffer buffer = {0};
    cr_assert(buffer_add(&buffer, SLICE("12345"), 8));
    cr_assert(not(buffer_add(&buffer, SLICE("6789"), 8)));
    cr_assert(slice_equal(buffer_slice(&buffer), SLICE("12345")));
    cr_assert(buffer_add(&buffer, SLICE("678"), 8));
    buffer_free(&buffer);
}

Test(buffer, gives_memory_back_when_emptied_after_being_large)
{
    static char large[100000];
    struct buffer buffer = {0};
    cr_assert(buffer_add(&buffer, slice_of(large, sizeof large), sizeof large));
    buffer_skip(&buffer, sizeof large);
    cr_assert(eq(sz, buffer.room, 0));
    cr_assert(eq(ptr, buffer.at, NULL));
}

Test(buffer, does_not_move_what_is_left_when_its_front_is_skipped)
{
    struct buffer buffer = {0};
    cr_assert(buffer_add(&buffer, SLICE("abcdef"), 100));
    const char *third = buffer_slice(&buffer).at + 2;
    buffer_skip(&buffer, 2);
    cr_assert(buffer_slice(&buffer).at == third);
    buffer_free(&buffer);
}

Test(buffer, agrees_with_an_array)
{
    enum { SEED = 5, STEPS = 5000, MAX = 20000 };
    static char model[MAX], chunk[3000];
    size_t held = 0;
    struct buffer buffer = {0};

    srandom(SEED);
    for (unsigned step = 0; step < STEPS; step++) {
        size_t size = (size_t)random() % sizeof chunk;
        if (random() % 2) {
            for (size_t i = 0; i < size; i++)
                chunk[i] = (char)random();
            bool fits = held + size <= MAX;
            cr_assert(eq(int, buffer_add(&buffer, slice_of(chunk, size), MAX), fits));
            if (fits) {
                memcpy(model + held, chunk, size);
                held += size;
            }
        } else {
            size = size < held ? size : held;
            buffer_skip(&buffer, size);
            held -= size;
            memmove(model, model + size, held);
        }
        cr_assert(slice_equal(buffer_slice(&buffer), slice_of(model, held)), "seed %d step %u",
                  SEED, step);
    }
    buffer_free(&buffer);
}
