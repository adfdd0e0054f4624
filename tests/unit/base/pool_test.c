/* The pool: never more than it was opened with, never one object to two users. */
#include "base/pool.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

enum { OBJECT = 40, CAPACITY = 100 };

static struct pool pool;

static void start(void)
{
    cr_assert(eq(int, pool_open(&pool, OBJECT, CAPACITY), 0));
}

static void stop(void)
{
    pool_close(&pool);
}

TestSuite(pool, .init = start, .fini = stop);

Test(pool, gives_out_its_capacity_and_then_nothing)
{
    void *last = NULL;
    for (unsigned i = 0; i < CAPACITY; i++) {
        last = pool_take(&pool);
        cr_assert(ne(ptr, last, NULL));
    }
    cr_assert(eq(ptr, pool_take(&pool), NULL));
    cr_assert(eq(sz, pool.used, CAPACITY));

    pool_give(&pool, last);
    cr_assert(eq(ptr, pool_take(&pool), last));
    cr_assert(eq(ptr, pool_take(&pool), NULL));
}

Test(pool, keeps_the_contents_of_what_was_given_back)
{
    static const char zeros[OBJECT];
    char *object = pool_take(&pool), expected[OBJECT];
    cr_assert(eq(int, memcmp(object, zeros, OBJECT), 0), "zero at first");
    memset(object, 'x', OBJECT);
    memset(expected, 'x', OBJECT);

    pool_give(&pool, object);
    cr_assert(eq(ptr, pool_take(&pool), object));
    cr_assert(eq(int, memcmp(object, expected, OBJECT), 0));
}

Test(pool, aligns_for_any_type)
{
    for (unsigned i = 0; i < 10; i++)
        cr_assert(eq(u64, (uintptr_t)pool_take(&pool) % 16, 0));
}

Test(pool, reports_that_memory_is_short)
{
    struct pool huge;
    cr_assert(eq(int, pool_open(&huge, SIZE_MAX / 8, 1000), -ENOMEM));
    pool_close(&huge);
    cr_assert(eq(int, pool_open(&huge, (size_t)1 << 50, 1), -ENOMEM));
    pool_close(&huge);
}

Test(pool, can_be_closed_without_having_been_opened)
{
    struct pool empty = {0};
    pool_close(&empty);
}

Test(pool, stops_at_an_address_that_is_no_object, .signal = SIGABRT)
{
    pool_give(&pool, (char *)pool_take(&pool) + 8);
}

Test(pool, stops_at_an_object_of_another_pool, .signal = SIGABRT)
{
    struct pool other;
    cr_assert(eq(int, pool_open(&other, OBJECT, 1), 0));
    (void)pool_take(&pool);
    pool_give(&pool, pool_take(&other));
}

/* Random takes and gives. The model knows who holds what: each holder writes its own number all
 * over its object, and finds it there when it gives it back. */
Test(pool, agrees_with_a_simple_model)
{
    struct random random;
    struct {
        unsigned char *object, mark;
    } held[CAPACITY];
    size_t count = 0;
    random_init(&random, 21);

    for (unsigned step = 0; step < 100000; step++) {
        if (random_below(&random, 2)) {
            unsigned char *object = pool_take(&pool);
            cr_assert(eq(int, object == NULL, count == CAPACITY));
            if (object) {
                held[count].object = object;
                held[count].mark = (unsigned char)random_u64(&random);
                memset(object, held[count].mark, OBJECT);
                count++;
            }
        } else if (count) {
            size_t i = random_below(&random, count);
            for (unsigned k = 0; k < OBJECT; k++)
                cr_assert(held[i].object[k] == held[i].mark);
            pool_give(&pool, held[i].object);
            held[i] = held[--count];
        }
        cr_assert(pool.used == count);
    }
}
