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
    cr_assert(lt(sz, 20, world.event_count));
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

/* ---- a block of attempts, in which each has its own texts ---- */

enum { ATTEMPTS = 5, BLOCK = 1 };

static const struct {
    struct id event, subscription;
} told[ATTEMPTS] = {
    {{{1}}, {{1}}}, {{{1}}, {{2}}}, {{{2}}, {{1}}}, {{{1}}, {{1}}}, {{{2}}, {{2}}},
};

static struct slice text_of(unsigned i)
{
    static const struct slice texts[ATTEMPTS] = {
        {"card 4111-0", 11}, {"card 4111-1", 11}, {"card 4111-2", 11},
        {"card 4111-3", 11}, {"card 4111-4", 11},
    };
    return texts[i];
}

static void put_attempts(void)
{
    static char memory[WORLD_BLOCK_SIZE];
    struct block block;
    struct key key = key_block(BLOCK);
    block_init(&block, BLOCK_ATTEMPTS, 0, BLOCK, memory, sizeof memory);
    for (unsigned i = 0; i < ATTEMPTS; i++) {
        struct attempt_record attempt = {.event = told[i].event,
                                         .subscription = told[i].subscription,
                                         .outcome = ATTEMPT_HTTP_ERROR,
                                         .status_after = DELIVERY_RETRYING,
                                         .number = i + 1,
                                         .request_headers = SLICE("A: b\n"),
                                         .response_headers = text_of(i),
                                         .response_body = text_of(i)};
        char *at = block_append(&block, attempt_record_size(&attempt), 1);
        cr_assert(at != NULL);
        attempt_record_encode(&attempt, at);
    }
    block_seal(&block, 1, 0);
    batch_put(batch, world.scratch.db, (struct family){FAMILY_ATTEMPTS, 0}, key_slice(&key),
              block_value(&block));
    write_batch();
}

/* Checks that the texts of these are gone, byte by byte, and that all else is there. */
static void expect_gone(unsigned bits)
{
    struct key key = key_block(BLOCK);
    struct db_value value;
    struct block_view view;
    struct slice record;
    unsigned i = 0;
    cr_assert(zero(int, db_get(world.scratch.db, (struct family){FAMILY_ATTEMPTS, 0},
                               key_slice(&key), &value)));
    cr_assert(zero(int, block_open(value.bytes, &view)), "its checksum is right");
    for (struct slice rest = view.records; block_next(&rest, &record); i++) {
        struct attempt_record attempt;
        bool is_gone = bits >> i & 1;
        struct slice text = text_of(i);
        cr_assert(zero(int, attempt_record_decode(record, &attempt)));
        cr_expect(eq(u32, attempt.number, i + 1));
        cr_expect(slice_equal(attempt.request_headers, SLICE("A: b\n")));
        cr_expect(eq(int, attempt.expunged, is_gone), "%u", i);
        cr_expect(eq(int, slice_equal(attempt.response_body, text), !is_gone), "%u", i);
        cr_expect(eq(int, memmem(record.at, record.size, text.at, text.size) == NULL, is_gone),
                  "%u", i);
    }
    cr_expect(eq(u32, i, ATTEMPTS));
    db_value_give(&value);
}

Test(expunge, takes_the_responses_of_each_attempt_of_one_delivery_and_of_no_other)
{
    const struct attempts_place place = {.shard = 0, .block = BLOCK};
    struct id nobody = {{9}};
    put_attempts();
    expect_gone(0);
    cr_expect(eq(int, expunge_responses(world.scratch.db, batch, place, &told[0].event, &nobody),
                 -ENOENT));
    cr_assert(zero(int, expunge_responses(world.scratch.db, batch, place, &told[0].event,
                                          &told[0].subscription)));
    write_batch();
    expect_gone(1U << 0 | 1U << 3);
    cr_assert(zero(int, expunge_responses(world.scratch.db, batch, place, &told[4].event,
                                          &told[4].subscription)));
    write_batch();
    expect_gone(1U << 0 | 1U << 3 | 1U << 4);
}
