/* Keys: what is built can be taken apart, their order is the order of what is in them, and nothing
 * else is taken for one. */
#include "store/keys.h"

#include "base/random.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>

static struct random chance;

static void setup(void)
{
    random_init(&chance, 3);
}

TestSuite(keys, .init = setup);

static struct id any_id(void)
{
    return id_new(random_below(&chance, UINT64_C(1) << 48), &chance);
}

static int compare(struct key a, struct key b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.bytes, b.bytes, size);
    return order ? order : (a.size > b.size) - (a.size < b.size);
}

Test(keys, of_blocks_are_in_the_order_of_their_numbers)
{
    uint64_t number = 0;
    for (unsigned i = 0; i < 64; i++) {
        uint64_t next = UINT64_C(1) << i, parsed;
        cr_assert(lt(int, compare(key_block(number), key_block(next)), 0));
        struct key key = key_block(next);
        cr_assert(zero(int, key_parse_block(key_slice(&key), &parsed)));
        cr_assert(eq(u64, parsed, next));
        number = next;
    }
}

Test(keys, of_retries_are_in_the_order_of_time)
{
    struct id low = any_id(), high = any_id();
    cr_assert(lt(int, compare(key_retry(255, &high, &high), key_retry(256, &low, &low)), 0));
}

Test(keys, of_rows_are_taken_apart_again)
{
    static const enum row_kind kinds[] = {ROW_PARKED, ROW_DEAD, ROW_DELIVERY, ROW_OUTAGE};
    for (unsigned i = 0; i < 300; i++) {
        struct id subscription = any_id(), event = any_id(), subscription_read, event_read;
        enum row_kind kind;
        struct key key = key_row(kinds[i % 3], &subscription, &event);
        cr_assert(
            zero(int, key_parse_row(key_slice(&key), &kind, &subscription_read, &event_read)));
        cr_assert(eq(int, (int)kind, (int)kinds[i % 3]));
        cr_assert(id_equal(&subscription, &subscription_read));
        cr_assert(id_equal(&event, &event_read));

        uint64_t due_ms = random_u64(&chance), due_read;
        key = key_retry(due_ms, &subscription, &event);
        cr_assert(zero(
            int, key_parse_retry(key_slice(&key), &due_read, &subscription_read, &event_read)));
        cr_assert(eq(u64, due_ms, due_read));
        cr_assert(id_equal(&subscription, &subscription_read));
        cr_assert(id_equal(&event, &event_read));
    }
}

Test(keys, refuse_what_is_no_key)
{
    uint64_t number;
    struct id a = any_id(), b = any_id();
    enum row_kind kind;
    cr_assert(eq(int, key_parse_block(SLICE("seven b"), &number), -EBADMSG));
    struct key key = key_retry(1, &a, &b);
    cr_assert(eq(int, key_parse_row(key_slice(&key), &kind, &a, &b), -EBADMSG));
    key.size--;
    cr_assert(eq(int, key_parse_retry(key_slice(&key), &number, &a, &b), -EBADMSG));
    key = key_row(ROW_PARKED, &a, &b);
    key.bytes[0] = '?';
    cr_assert(eq(int, key_parse_row(key_slice(&key), &kind, &a, &b), -EBADMSG));
}

Test(keys, of_rollups_are_in_order_of_time_and_tell_their_place)
{
    struct rollup_place place = {.tenant = {{1}},
                                 .subscription = {{0xff}},
                                 .resolution = RESOLUTION_1M,
                                 .start_ms = 255},
                        found;
    struct key earlier = key_rollup(&place);
    cr_assert(zero(int, key_parse_rollup(key_slice(&earlier), &found)));
    cr_expect(id_equal(&found.tenant, &place.tenant));
    cr_expect(id_equal(&found.subscription, &place.subscription));
    cr_expect(eq(int, (int)found.resolution, (int)RESOLUTION_1M));
    cr_expect(eq(u64, found.start_ms, 255));
    place.start_ms = 256;
    place.subscription = (struct id){{0}};
    cr_expect(lt(int, compare(earlier, key_rollup(&place)), 0));
    earlier.bytes[17] = 4;
    cr_expect(eq(int, key_parse_rollup(key_slice(&earlier), &found), -EBADMSG));
    struct key level = key_rollup_level(1);
    cr_expect(eq(int, key_parse_rollup(key_slice(&level), &found), -EBADMSG));
}

Test(keys, of_the_attempt_index_are_by_block_of_events_and_tell_their_place)
{
    struct index_place place = {.events_shard = 4095,
                                .attempts_shard = 255,
                                .events_block = (UINT64_C(1) << PLACE_BLOCK_BITS) - 1,
                                .attempts_block = 255},
                       found;
    struct key earlier = key_index(&place), since = key_index_since(), after = key_after(&since);
    cr_assert(zero(int, key_parse_index(key_slice(&earlier), &found)));
    cr_expect(eq(u32, found.events_shard, place.events_shard));
    cr_expect(eq(u64, found.events_block, place.events_block));
    cr_expect(eq(u32, found.attempts_shard, place.attempts_shard));
    cr_expect(eq(u64, found.attempts_block, place.attempts_block));
    place.attempts_block = 256;
    cr_expect(lt(int, compare(earlier, key_index(&place)), 0));
    place = (struct index_place){.events_shard = 4095};
    cr_expect(lt(int, compare(key_index(&place), earlier), 0));
    cr_expect(lt(int, compare(since, key_index(&place)), 0));
    cr_expect(lt(int, compare(earlier, after), 0));
    cr_expect(eq(int, key_parse_index(key_slice(&since), &found), -EBADMSG));
    earlier.bytes[0] = 'B';
    cr_expect(eq(int, key_parse_index(key_slice(&earlier), &found), -EBADMSG));
}

Test(keys, after_a_prefix_come_after_all_that_begin_with_it)
{
    struct id subscription;
    memset(&subscription, 0xff, sizeof subscription);
    struct key all = key_row(ROW_PARKED, &subscription, NULL);
    struct key last = key_row(ROW_PARKED, &subscription, &subscription);
    struct key after = key_after(&all);
    cr_assert(lt(int, 0, compare(after, last)));
    cr_assert(lt(int, compare(after, key_row(ROW_DEAD, NULL, NULL)), 0));
}

Test(keys, of_documents_keep_kinds_apart)
{
    struct key ten = key_meta("tenant", slice_of(NULL, 0)), after = key_after(&ten);
    struct key inside = key_meta("tenant", SLICE("x")), other = key_meta("tenants", SLICE("a"));
    cr_assert(lt(int, compare(ten, inside), 0));
    cr_assert(lt(int, compare(inside, after), 0));
    cr_assert(ge(int, compare(other, after), 0));
}

Test(keys, find_a_home_for_every_subscription)
{
    unsigned counts[7] = {0};
    for (unsigned i = 0; i < 7000; i++) {
        struct id id = any_id();
        unsigned home = keys_home(&id, 7);
        cr_assert(lt(u32, home, 7));
        cr_assert(zero(u32, keys_home(&id, 1)));
        counts[home]++;
    }
    for (unsigned i = 0; i < 7; i++)
        cr_assert(lt(u32, 800, counts[i]), "homes are even");
}

Test(keys, of_events_are_their_addresses)
{
    for (unsigned i = 0; i < 1000; i++) {
        struct place place = {
            .shard = (unsigned)random_below(&chance, 1u << PLACE_SHARD_BITS),
            .block = random_below(&chance, UINT64_C(1) << PLACE_BLOCK_BITS),
            .index = (uint32_t)random_below(&chance, 1u << PLACE_INDEX_BITS),
        };
        uint64_t wall_ms = random_below(&chance, UINT64_C(1) << 48);
        struct id id = place_id(wall_ms, place);
        struct place read = place_of(&id);
        cr_assert(eq(u64, id_time_ms(&id), wall_ms));
        cr_assert(eq(u32, read.shard, place.shard));
        cr_assert(eq(u64, read.block, place.block));
        cr_assert(eq(u32, read.index, place.index));
    }
}

Test(keys, refuse_a_block_number_that_an_id_cannot_hold, .signal = SIGABRT)
{
    (void)place_id(1, (struct place){.block = UINT64_C(1) << PLACE_BLOCK_BITS});
}
