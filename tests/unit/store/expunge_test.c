/* What is taken out of blocks is gone, and all else in them stays. */
#include "store/expunge.h"

#include "world.h"

#include <criterion/new/assert.h>
#include <errno.h>

static struct world world;
static struct batch *batch;

static void setup(void)
{
    world_open(&world, 2, 20240813);
    cr_assert(zero(int, batch_open(&batch)));
}

static void teardown(void)
{
    batch_close(batch);
    world_close(&world);
}

TestSuite(expunge, .init = setup, .fini = teardown);

static void write_batch(void)
{
    cr_assert(zero(int, db_write(world.scratch.db, batch, true)));
}

Test(expunge, takes_one_payload_out_and_leaves_all_others)
{
    world_live(&world, 300);
    cr_assert(gt(sz, world.event_count, (size_t)20));
    size_t out = world.event_count / 2;
    while (world.events[out].duplicate)
        out++;
    cr_assert(zero(int, expunge_payload(world.scratch.db, batch, &world.events[out].id)));
    write_batch();
    struct event_reader *reader;
    cr_assert(zero(int, event_reader_open(&reader, world.scratch.db)));
    for (size_t i = 0; i < world.event_count; i++) {
        struct event_record event;
        if (world.events[i].duplicate)
            continue;
        cr_assert(zero(int, event_reader_get(reader, &world.events[i].id, &event)));
        cr_assert(eq(int, event.expunged, i == out));
        cr_assert(eq(int, slice_equal(event.payload, SLICE("{\"a\":1}")), i != out));
    }
    event_reader_close(reader);
    world_restart(&world, 2); /* which reads the blocks from its mark on */
}

Test(expunge, of_no_event_is_none)
{
    struct id never = id_pack(1, 1, 1);
    cr_expect(eq(int, expunge_payload(world.scratch.db, batch, &never), -ENOENT));
    never = place_id(1, (struct place){.shard = 4000, .block = 1});
    cr_expect(eq(int, expunge_payload(world.scratch.db, batch, &never), -ENOENT));
    cr_expect(zero(sz, batch_count(batch)));
}

Test(expunge, takes_responses_out_of_the_block_that_is_named)
{
    world_live(&world, 300);
    for (size_t i = 0; i < world.delivery_count; i++) {
        const struct world_delivery *delivery = &world.deliveries[i];
        const struct id *event = &world.events[delivery->event].id;
        const struct id *subscription = &world.subscriptions[delivery->subscription];
        if (delivery->row.block_count == 0)
            continue;
        unsigned home = keys_home(subscription, world.shards);
        struct attempts_place place = attempts_place(delivery->row.blocks[0], home);
        cr_assert(
            zero(int, expunge_responses(world.scratch.db, batch, place, event, subscription)));
        write_batch();
        struct id other = {{1}};
        cr_assert(eq(int, expunge_responses(world.scratch.db, batch, place, &other, subscription),
                     -ENOENT));
        return;
    }
    cr_assert(false, "there was no attempt");
}
