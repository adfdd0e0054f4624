/* The map of deliveries against a simple one. */
#include "store/pairs.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

enum { EVENTS = 300, SUBSCRIPTIONS = 10 };

Test(pairs, agree_with_a_simple_model)
{
    static uint64_t model[EVENTS][SUBSCRIPTIONS]; /* 0: never put */
    struct id events[EVENTS], subscriptions[SUBSCRIPTIONS];
    struct random chance;
    random_init(&chance, 17);
    for (unsigned i = 0; i < EVENTS; i++)
        events[i] = id_new(1, &chance);
    for (unsigned i = 0; i < SUBSCRIPTIONS; i++)
        subscriptions[i] = id_new(1, &chance);

    struct pairs pairs;
    pairs_init(&pairs, EVENTS * SUBSCRIPTIONS);
    for (unsigned step = 0; step < 20000; step++) {
        size_t e = random_below(&chance, EVENTS), s = random_below(&chance, SUBSCRIPTIONS);
        uint64_t *found = pairs_find(&pairs, &events[e], &subscriptions[s]);
        cr_assert(eq(int, found != NULL, model[e][s] != 0));
        if (found)
            cr_assert(eq(u64, *found, model[e][s]));
        if (random_below(&chance, 4) == 0) {
            model[e][s] = 1 + random_below(&chance, 1000);
            cr_assert(zero(int, pairs_put(&pairs, &events[e], &subscriptions[s], model[e][s])));
        }
    }
    pairs_close(&pairs);
}

Test(pairs, keep_to_their_limit)
{
    struct random chance;
    random_init(&chance, 17);
    struct pairs pairs;
    struct id event, first = id_new(1, &chance);
    pairs_init(&pairs, 1000);
    cr_assert(zero(int, pairs_put(&pairs, &first, &first, 1)));
    for (unsigned i = 1; i < 1000; i++) {
        event = id_new(1, &chance);
        cr_assert(zero(int, pairs_put(&pairs, &event, &event, i)));
    }
    event = id_new(1, &chance);
    cr_assert(eq(int, pairs_put(&pairs, &event, &event, 1), -ENOBUFS));
    cr_assert(zero(int, pairs_put(&pairs, &first, &first, 2)));
    cr_assert(eq(u64, *pairs_find(&pairs, &first, &first), 2));
    pairs_close(&pairs);
}

Test(pairs, find_nothing_when_empty)
{
    struct pairs pairs;
    struct id id = {{1}};
    pairs_init(&pairs, 10);
    cr_assert(zero(ptr, pairs_find(&pairs, &id, &id)));
    pairs_close(&pairs);
}
