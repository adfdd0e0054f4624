/* Families: names and places in the arrays go together. */
#include "store/families.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(families, are_each_at_a_place_of_their_own)
{
    static bool taken[FAMILIES_MAX];
    taken[0] = true; /* default */
    for (enum family_kind kind = FAMILY_META; kind <= FAMILY_QUEUE; kind++) {
        unsigned shards = kind >= FAMILY_EVENTS ? DB_SHARDS_MAX : 1;
        for (unsigned shard = 0; shard < shards; shard++) {
            size_t index = families_index((struct family){kind, shard});
            cr_assert(lt(sz, index, FAMILIES_MAX));
            cr_assert(not(taken[index]));
            taken[index] = true;
            cr_assert(eq(int, (int)families_kind(index), (int)kind));
        }
    }
    for (size_t i = 0; i < FAMILIES_MAX; i++)
        cr_assert(taken[i]);
}

Test(families, of_fewer_shards_come_first)
{
    cr_assert(eq(sz, families_count(1), 7));
    cr_assert(lt(sz, families_index((struct family){FAMILY_QUEUE, 4}), families_count(5)));
    cr_assert(ge(sz, families_index((struct family){FAMILY_EVENTS, 5}), families_count(5)));
}

Test(families, tell_their_shard_by_their_name)
{
    char name[FAMILY_NAME_SIZE];
    families_name(0, name);
    cr_assert_str_eq(name, "default");
    cr_assert(zero(u32, families_shards(name)));
    families_name(families_index((struct family){FAMILY_DEDUP, 0}), name);
    cr_assert_str_eq(name, "dedup");
    families_name(families_index((struct family){FAMILY_ATTEMPTS, 17}), name);
    cr_assert_str_eq(name, "attempts-17");
    cr_assert(eq(u32, families_shards(name), 18));
    cr_assert(zero(u32, families_shards("attempts-")));
    cr_assert(zero(u32, families_shards("attempts-256")));
}
