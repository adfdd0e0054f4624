/* What goes into blocks and chains, who is told of them when, and what is refused; what random
 * requests do is in intake_model_test.c. */
#include "intake_stage.h"

TestSuite(intake, .init = open_intake, .fini = close_intake);

static int append(struct intake_request *request, struct slice payload, const struct id *wants)
{
    struct event_record event = event_of(payload, wants);
    return intake_append(&shard, request, &event, WALL, NULL);
}

/* A request with one event. */
static void publish(const char *payload, const struct id *wants)
{
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, append(&request, slice_str(payload), wants)));
    cr_assert(zero(int, commit(&request)));
}

static struct event_block *send_off(void)
{
    intake_flush(&shard);
    struct event_block *chain = take_chain();
    cr_assert(chain != NULL);
    return chain;
}

/* ---- chains ---- */

Test(intake, sends_nothing_off_while_there_is_nothing)
{
    intake_flush(&shard);
    cr_assert(take_chain() == NULL);
    expect_nothing_held();
}

Test(intake, gives_each_event_an_id_that_is_its_place)
{
    struct intake_request request;
    struct event_record events[2] = {event_of(SLICE("1"), NULL), event_of(SLICE("2"), NULL)};
    intake_begin(&shard, &tenant, &request);
    for (unsigned i = 0; i < 2; i++)
        cr_assert(zero(int, intake_append(&shard, &request, &events[i], WALL, NULL)));
    cr_assert(zero(int, commit(&request)));

    for (unsigned i = 0; i < 2; i++) {
        struct place place = place_of(&events[i].event);
        cr_assert(eq(u64, place.block, FIRST_NUMBER));
        cr_assert(eq(u32, place.index, i));
        cr_assert(eq(u32, place.shard, shard.number));
    }
}

Test(intake, numbers_the_deliveries_of_a_block)
{
    const struct id both[] = {mine, theirs};
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    for (unsigned i = 0; i < 3; i++) {
        struct event_record event = event_of(SLICE("1"), both);
        event.subscription_count = 2;
        cr_assert(zero(int, intake_append(&shard, &request, &event, WALL, NULL)));
        cr_assert(eq(u32, event.first_delivery, 2 * i));
    }
    cr_assert(zero(int, commit(&request)));
}

Test(intake, tells_those_who_deliver_what_the_writer_found_to_be_there_already)
{
    static const uint8_t key[CLAIM_KEY_SIZE] = {1};
    struct event_record event = event_of(SLICE("1"), &mine), read;
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, intake_append(&shard, &request, &event, WALL, key)));
    cr_assert(zero(int, append(&request, SLICE("2"), &mine)));
    cr_assert(zero(int, commit(&request)));
    struct event_block *chain = send_off();
    chain->journal.claims->duplicate = true;
    event_record_mark_duplicate(chain->journal.claims->record);
    intake_durable(&shard, chain);

    struct slice rest = seen.share->rest, record;
    for (unsigned i = 0; block_next(&rest, &record); i++) {
        cr_assert(zero(int, event_record_decode(record, &read)));
        cr_assert(eq(int, read.duplicate, i == 0));
    }
    intake_released(&shard, seen.share);
    intake_settled(&shard, seen.share);
    expect_nothing_held();
}

Test(intake, gathers_while_a_chain_is_out)
{
    publish("1", NULL);
    struct event_block *first = send_off();
    publish("2", NULL);
    publish("3", NULL);
    intake_flush(&shard);
    cr_assert(take_chain() == NULL, "the disk has work");

    intake_durable(&shard, first);
    struct event_block *second = send_off();
    cr_assert(eq(u32, second->journal.block.count, 2));
    cr_assert(eq(u64, second->journal.block.number, FIRST_NUMBER + 1));
    intake_durable(&shard, second);
    cr_assert(eq(u32, seen.receipts, 3));
    expect_nothing_held();
}

static void publish_ordered(uint64_t at_ms)
{
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, append(&request, SLICE("1"), &mine)));
    intake_order(&shard, at_ms);
    cr_assert(zero(int, commit(&request)));
}

Test(intake, holds_what_is_ordered_until_its_millisecond_has_passed)
{
    wall_ms = 1000;
    publish_ordered(1000);
    struct event_block *ordered = send_off();
    intake_durable(&shard, ordered);
    cr_assert(zero(u32, seen.receipts));
    cr_assert(zero(u32, seen.shares));
    cr_assert(eq(u64, intake_announce(&shard), shard.now_ms + 1));

    wall_ms = 1001;
    cr_assert(eq(u64, intake_announce(&shard), UINT64_MAX));
    cr_assert(eq(u32, seen.receipts, 1));
    cr_assert(eq(u32, seen.shares, 1));
}

Test(intake, holds_nothing_else_and_nothing_for_long)
{
    wall_ms = 1000;
    publish("1", &mine);
    intake_durable(&shard, send_off());
    cr_assert(eq(u32, seen.receipts, 1));

    publish_ordered(5000); /* the clock was set back */
    intake_durable(&shard, send_off());
    shard.now_ms += 2;
    intake_announce(&shard);
    cr_assert(eq(u32, seen.receipts, 1));
    shard.now_ms += 1;
    intake_announce(&shard);
    cr_assert(eq(u32, seen.receipts, 2));
}

Test(intake, sends_a_long_chain_off_although_another_is_out_but_not_many)
{
    static char large[300 * 1024];
    struct event_block *chains[8];
    unsigned out = 0;
    memset(large, 'x', sizeof large - 1);
    for (unsigned i = 0; i < 8; i++) {
        publish(large, NULL);
        intake_flush(&shard);
        struct event_block *chain = take_chain();
        if (chain)
            chains[out++] = chain;
    }
    cr_assert(eq(u32, out, 4));
    for (unsigned i = 0; i < out; i++)
        intake_durable(&shard, chains[i]);
    intake_durable(&shard, send_off());
    cr_assert(eq(u32, seen.events, 8));
    expect_nothing_held();
}

/* An accepted batch whose answer finds no memory would be sent again. */
Test(intake, leaves_memory_for_answers)
{
    static char large[300 * 1024];
    struct intake_request request;
    memset(large, 'x', sizeof large - 1);
    int error = 0;
    for (unsigned i = 0; i < 64 && error == 0; i++) {
        intake_begin(&shard, &tenant, &request);
        error = append(&request, slice_str(large), NULL);
        if (error)
            intake_cancel(&shard, &request);
        else
            cr_assert(zero(int, commit(&request)));
    }
    cr_assert(eq(int, error, -ENOMEM));
    void *answer = buddy_take(&shard.memory, ARENA / 8);
    cr_assert(answer != NULL);
    buddy_give(&shard.memory, answer);
    struct event_block *chain = send_off();
    intake_durable(&shard, chain);
    expect_nothing_held();
}

Test(intake, does_not_send_off_early_for_what_was_cancelled)
{
    static char large[300 * 1024];
    struct intake_request request;
    memset(large, 'x', sizeof large - 1);
    publish("1", NULL);
    struct event_block *first = send_off();
    publish("2", NULL);
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, append(&request, slice_str(large), NULL)));
    intake_cancel(&shard, &request);
    intake_flush(&shard);
    cr_assert(take_chain() == NULL);

    intake_durable(&shard, first);
    intake_durable(&shard, send_off());
    expect_nothing_held();
}

Test(intake, keeps_a_batch_that_spans_blocks_in_one_chain)
{
    static char payload[50 * 1024];
    struct intake_request request;
    memset(payload, 'x', sizeof payload - 1);
    intake_begin(&shard, &tenant, &request);
    for (unsigned i = 0; i < 9; i++)
        cr_assert(zero(int, append(&request, slice_str(payload), NULL)));
    cr_assert(zero(int, commit(&request)));

    struct event_block *first = send_off();
    uint64_t number = FIRST_NUMBER;
    unsigned events = 0;
    for (struct journal_events *each = &first->journal; each; each = each->next) {
        cr_assert(eq(u64, each->block.number, number++));
        events += each->block.count;
    }
    cr_assert(eq(u32, events, 9));
    cr_assert(lt(u64, FIRST_NUMBER + 1, number));
    cr_assert(take_chain() == NULL);
    intake_durable(&shard, first);
    cr_assert(eq(u32, seen.events, 9));
    cr_assert(eq(u32, seen.receipts, 1));
    expect_nothing_held();
}

/* ---- shares and the mark ---- */

Test(intake, offers_a_durable_block_to_the_shards_that_have_deliveries_of_it)
{
    publish("1", &mine);
    publish("2", &theirs);
    struct event_block *block = send_off();
    cr_assert(zero(u32, seen.shares), "not before it is durable");
    cr_assert(mail_for(1) == NULL);

    intake_durable(&shard, block);
    cr_assert(eq(u32, seen.shares, 1));
    struct mail *mail = mail_for(1);
    cr_assert(mail != NULL);
    cr_assert(eq(int, (int)mail->kind, MAIL_BLOCK));
    struct block_share *other = container_of(mail, struct block_share, mail);

    intake_released(&shard, seen.share);
    intake_settled(&shard, seen.share);
    cr_assert(lt(sz, 0, shard.memory.used), "the other shard still reads");
    intake_released(&shard, other);
    cr_assert(zero(sz, shard.memory.used));
    cr_assert(eq(sz, shard.intake.blocks.used, 1));
    intake_settled(&shard, other);
    expect_nothing_held();
}

Test(intake, keeps_the_bytes_of_a_settled_block_until_they_are_released)
{
    publish("1", &mine);
    intake_durable(&shard, send_off());
    intake_settled(&shard, seen.share);
    cr_assert(not(list_is_linked(&shard.intake.unsettled)), "the mark may move on");
    cr_assert(lt(sz, 0, shard.memory.used));
    intake_released(&shard, seen.share);
    expect_nothing_held();
}

Test(intake, marks_a_chain_with_the_oldest_block_that_is_not_settled)
{
    publish("1", &mine);
    struct event_block *first = send_off();
    cr_assert(eq(u64, first->journal.mark, FIRST_NUMBER));
    intake_durable(&shard, first);
    struct block_share *share = seen.share;

    publish("2", NULL);
    struct event_block *second = send_off();
    cr_assert(eq(u64, second->journal.mark, FIRST_NUMBER));
    intake_durable(&shard, second);

    intake_released(&shard, share);
    intake_settled(&shard, share);
    publish("3", NULL);
    struct event_block *third = send_off();
    cr_assert(eq(u64, third->journal.mark, FIRST_NUMBER + 2));
    intake_durable(&shard, third);
    expect_nothing_held();
}

/* ---- limits ---- */

Test(intake, refuses_when_memory_is_used_up_and_loses_nothing)
{
    static char large[600 * 1024];
    memset(large, 'x', sizeof large - 1);
    publish("first", NULL);
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    int rc = 0;
    while (rc == 0)
        rc = append(&request, slice_str(large), &mine);
    cr_assert(eq(int, rc, -ENOMEM));
    cr_assert(lt(u32, 2, request.count));
    intake_cancel(&shard, &request);

    struct event_block *chain = send_off();
    cr_assert(eq(u32, chain->journal.block.count, 1));
    cr_assert(chain->journal.next == NULL);
    intake_durable(&shard, chain);
    cr_assert(eq(u32, seen.events, 1));
    expect_nothing_held();
}

Test(intake, refuses_when_there_is_no_receipt_and_cancels)
{
    for (int i = 0; i < CONNECTIONS; i++)
        publish("1", NULL);
    struct intake_request request;
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, append(&request, SLICE("2"), NULL)));
    cr_assert(eq(int, commit(&request), -ENOBUFS));

    struct event_block *chain = send_off();
    cr_assert(eq(u32, chain->journal.block.count, CONNECTIONS));
    intake_durable(&shard, chain);
    expect_nothing_held();
}

Test(intake, refuses_a_batch_whose_answer_would_find_no_memory_and_cancels)
{
    static const struct requester nobody;
    struct intake_request request;
    seen.has_no_memory = true;
    intake_begin(&shard, &tenant, &request);
    cr_assert(zero(int, append(&request, SLICE("1"), &mine)));
    cr_assert(eq(int, intake_commit(&shard, &request, &nobody, 1, true), -ENOBUFS));
    cr_expect(not(intake_flush(&shard)));
    expect_nothing_held();
}
