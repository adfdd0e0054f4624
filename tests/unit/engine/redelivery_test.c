/* Deliveries that have ended come to a shard to be delivered once more: what is sent, and what is
 * on disk about it then. */
#include "redelivery.h"

#include "shard_stage.h"

TestSuite(redelivery, .init = stage_open, .fini = stage_close);

#define ONE_RETRY                                                                       \
    "{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"5s\"],\"jitter\":0}," \
    "\"breaker\":{\"min_attempts\":1000}}"

static struct mail_redeliver page;

static struct delivery_row state_of(const struct subscription *subscription, const struct id *event)
{
    struct key key = key_row(ROW_DELIVERY, &subscription->id, event);
    struct delivery_row row = {.status = DELIVERY_DELIVERED, .attempt_count = 1};
    int at = row_at(&key);
    if (at >= 0)
        cr_assert(zero(int, delivery_row_decode(slice_of(rows[at].value, rows[at].size), &row)));
    return row;
}

static void begin(const struct subscription *subscription)
{
    memset(&page, 0, sizeof page);
    page.subscription = subscription->id;
}

static void add(const struct subscription *subscription, const struct id *event)
{
    page.deliveries[page.count++] =
        (struct ended_delivery){.event = *event, .row = state_of(subscription, event)};
}

/* Whether it is back. */
static bool is_back(void)
{
    struct mail *mail = at_control();
    cr_assert(mail == NULL || mail == &page.mail);
    return mail;
}

static enum redelivery_result redeliver(const struct subscription *subscription,
                                        const struct id *event)
{
    begin(subscription);
    add(subscription, event);
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    return page.result;
}

static struct id publish_and_fail(struct subscription *subscription, unsigned times)
{
    struct id event = publish(subscription);
    for (unsigned i = 0; i < times; i++) {
        cr_assert(eq(u32, client.count, 1));
        end_call(0, HTTP_RESPONSE, 500);
        settle();
        pass(6000);
    }
    return event;
}

Test(redelivery, sends_what_was_delivered_once_more_and_counts_on)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_assert(eq(int, (int)redeliver(subscription, &event), REDELIVERY_DONE));
    cr_assert(eq(u32, page.handed, 1));
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_expect(eq(u32, attempts[1].number, 2));
    struct delivery_row row = state_of(subscription, &event);
    cr_expect(eq(int, (int)row.status, DELIVERY_DELIVERED));
    cr_expect(eq(u32, row.attempt_count, 2));
    cr_expect(zero(u32, rows_of(ROW_PARKED)));
    cr_expect(zero(sz, shard.deliveries.pool.used));
}

Test(redelivery, begins_the_schedule_anew_and_ends_as_a_dead_letter_again)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish_and_fail(subscription, 2);
    cr_assert(has_row(ROW_DEAD, subscription, &event));
    cr_assert(eq(int, (int)redeliver(subscription, &event), REDELIVERY_DONE));
    cr_assert(not(has_row(ROW_DEAD, subscription, &event)));
    for (unsigned i = 0; i < 2; i++) {
        cr_assert(eq(u32, client.count, 1), "try %u", i);
        end_call(0, HTTP_RESPONSE, 500);
        settle();
        pass(6000);
    }
    cr_expect(has_row(ROW_DEAD, subscription, &event));
    cr_expect(eq(u32, state_of(subscription, &event).attempt_count, 4));
    cr_expect(zero(u32, client.count));
}

Test(redelivery, leaves_alone_what_is_on_its_way)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish_and_fail(subscription, 2);
    struct delivery_row dead = state_of(subscription, &event);
    cr_assert(eq(int, (int)redeliver(subscription, &event), REDELIVERY_DONE));
    begin(subscription);
    page.deliveries[page.count++] = (struct ended_delivery){.event = event, .row = dead};
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    cr_expect(zero(u32, page.handed));
    cr_expect(eq(u32, client.count, 1));
}

Test(redelivery, waits_for_a_ghost_to_be_laid)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish_and_fail(subscription, 1);
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 500); /* dead, and not yet on disk */
    begin(subscription);
    page.deliveries[page.count++] = (struct ended_delivery){
        .event = event,
        .row = {.status = DELIVERY_DEAD, .last_outcome = ATTEMPT_HTTP_ERROR, .attempt_count = 2}};
    post(&page.mail, MAIL_REDELIVER);
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_BUSY));
    settle();
    cr_expect(eq(int, (int)redeliver(subscription, &event), REDELIVERY_DONE));
}

Test(redelivery, is_not_back_before_it_is_on_disk)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    begin(subscription);
    add(subscription, &event);
    post(&page.mail, MAIL_REDELIVER);
    tick();
    cr_assert(not(is_back()));
    struct mail *mail = mailbox_take(&crew.members[crew_writer(&crew)].mailbox);
    const struct outcome_batch *batch = container_of(mail, struct outcome_batch, mail);
    cr_assert(batch->journal.sync, "somebody is told");
    crew_post(&crew, 0, crew_writer(&crew), mail);
    stage_write();
    tick();
    cr_assert(is_back());
}

Test(redelivery, of_a_subscription_that_is_paused_or_gone_does_not_happen)
{
    struct subscription *before = subscribe(ONE_RETRY), *paused = subscription_copy(before);
    struct id event = publish(before);
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    paused->status = SUBSCRIPTION_PAUSED;
    subscriptions[subscription_count++] = paused;
    change(DIRECTORY_SUBSCRIPTION, before, paused);
    cr_expect(eq(int, (int)redeliver(paused, &event), REDELIVERY_HELD));
    change(DIRECTORY_SUBSCRIPTION, paused, NULL);
    cr_expect(eq(int, (int)redeliver(before, &event), REDELIVERY_NOBODY));
    cr_expect(zero(u32, rows_of(ROW_PARKED)));
}

/* Makes `count` deliveries of which all are delivered, and a page that may wait of them. */
static void begin_page(struct subscription *subscription, unsigned count)
{
    begin(subscription);
    page.may_wait = true;
    for (unsigned i = 0; i < count; i++) {
        struct id event = publish(subscription);
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        add(subscription, &event);
    }
}

static void deliver_all(void)
{
    while (client.count > 0) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
}

Test(redelivery, that_may_wait_is_taken_one_at_a_time_while_there_is_enough_to_do)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    begin_page(subscription, 4);
    for (unsigned i = 0; i < STAGE_CALLS - 1; i++)
        publish(subscription);
    settle();
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(not(is_back()));
    cr_assert(zero(u32, page.done), "nobody has paid for it");
    pass(100);
    settle();
    cr_assert(eq(u32, page.done, 1), "time has");
    for (unsigned i = 0; i < 5; i++) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
    cr_assert(eq(u32, page.done, 2), "first attempts have");
    pass(1000);
    settle();
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_DONE));
    cr_expect(eq(u32, page.handed, 4));
    deliver_all();
}

Test(redelivery, goes_back_with_what_is_done_of_it_when_it_has_waited_for_long)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    begin_page(subscription, 15);
    for (unsigned i = 0; i < STAGE_CALLS - 1; i++)
        publish(subscription);
    settle();
    post(&page.mail, MAIL_REDELIVER);
    for (unsigned i = 0; i < REDELIVERY_STAY_MS / 100; i++) {
        cr_assert(not(is_back()));
        pass(100);
        settle();
    }
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_BUSY));
    cr_expect(eq(u32, page.done, REDELIVERY_STAY_MS / 100 - 1));
    cr_expect(eq(u32, page.handed, page.done));
    deliver_all();
}

Test(redelivery, is_no_faster_than_its_page_says)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    begin_page(subscription, 12);
    page.per_second = 125; /* two at a time */
    post(&page.mail, MAIL_REDELIVER);
    for (unsigned i = 1; i <= 6; i++) {
        settle();
        cr_expect(eq(u32, page.done, 2 * i));
        deliver_all();
        pass(i < 6 ? 15 : 0);
        cr_expect(eq(u32, page.done, 2 * i));
        pass(i < 6 ? 1 : 0);
    }
    cr_assert(is_back());
    cr_expect(ge(u64, page.after_us, shard.now_ms * 1000));
}

Test(redelivery, finds_all_of_a_page_that_is_not_in_the_order_of_ids)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id done[3];
    for (unsigned i = 0; i < 3; i++) {
        done[i] = publish(subscription);
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
    cr_assert(eq(int, (int)redeliver(subscription, &done[2]), REDELIVERY_DONE));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    begin(subscription); /* the rows up to the last are read */
    add(subscription, &done[1]);
    add(subscription, &done[0]);
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    cr_assert(eq(u32, page.handed, 2));
    cr_assert(eq(u32, client.count, 2));
    while (client.count > 0) {
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
    for (unsigned i = 0; i < 3; i++)
        cr_expect(eq(u32, state_of(subscription, &done[i]).attempt_count, 2), "number %u", i);
    cr_expect(zero(u32, rows_of(ROW_PARKED)));
}

Test(redelivery, of_an_ordered_subscription_goes_before_what_is_behind_and_in_order)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"ordering\":\"strict\"}");
    struct id done[3];
    for (unsigned i = 0; i < 3; i++) {
        done[i] = publish(subscription);
        settle();
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
    for (unsigned i = 0; i < 3; i++)
        publish(subscription);
    settle();
    cr_assert(eq(u32, client.count, 1));
    begin(subscription);
    for (unsigned i = 0; i < 3; i++)
        add(subscription, &done[i]);
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    cr_assert(eq(int, (int)page.result, REDELIVERY_DONE));
    while (client.count > 0) {
        cr_assert(eq(u32, client.count, 1));
        end_call(0, HTTP_RESPONSE, 200);
        settle();
    }
    cr_assert(eq(u32, client.begun, 9));
    unsigned delivered = 0;
    for (unsigned i = 0; i < attempt_count; i++) {
        if (attempts[i].outcome != ATTEMPT_DELIVERED)
            continue;
        /* Three, and the one that was being sent; then these. */
        if (delivered >= 4 && delivered < 7)
            cr_expect(id_equal(&attempts[i].event, &done[delivered - 4]), "number %u", delivered);
        delivered++;
    }
    cr_expect(eq(u32, delivered, 9));
}

static enum redelivery_result hurry(const struct subscription *subscription, const struct id *event)
{
    page.print = NULL;
    return redeliver(subscription, event);
}

Test(redelivery, of_one_that_waits_for_a_retry_makes_its_next_attempt_now)
{
    static const char *const schedules[] = {"30s", "2h"}; /* in memory, on disk alone */
    for (unsigned i = 0; i < 2; i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"url\":\"https://example.com/\",\"breaker\":{\"min_attempts\":1000},"
                 "\"retry\":{\"schedule\":[\"%s\",\"1h\"],\"jitter\":0}}",
                 schedules[i]);
        struct subscription *subscription = subscribe(body);
        struct id event = publish(subscription);
        end_call(0, HTTP_RESPONSE, 500);
        settle();
        cr_assert(eq(int, (int)state_of(subscription, &event).status, DELIVERY_RETRYING));
        cr_assert(eq(int, (int)hurry(subscription, &event), REDELIVERY_DONE));
        pass(100);
        settle();
        cr_assert(eq(u32, client.count, 1), "%s", schedules[i]);
        cr_expect(eq(int, (int)hurry(subscription, &event), REDELIVERY_DONE), "it is on its way");
        cr_expect(eq(u32, client.count, 1));
        end_call(0, HTTP_RESPONSE, 200);
        settle();
        cr_expect(eq(int, (int)state_of(subscription, &event).status, DELIVERY_DELIVERED));
        cr_expect(eq(u32, state_of(subscription, &event).attempt_count, 2));
        cr_expect(zero(u32, rows_of(ROW_RETRY)));
        cr_expect(zero(sz, shard.deliveries.pool.used));
    }
}

Test(redelivery, of_a_retry_that_has_gone_on_since_is_to_be_asked_for_again)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"2h\"]}}");
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    begin(subscription);
    add(subscription, &event);
    page.deliveries[0].row.next_attempt_ms += 1000;
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_BUSY));
    cr_expect(zero(u32, client.count));
}

Test(redelivery, of_a_retry_whose_place_is_in_an_order_leaves_it_there)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"ordering\":\"strict\","
                  "\"retry\":{\"schedule\":[\"30s\"],\"jitter\":0}}");
    struct id event = publish(subscription);
    settle();
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    cr_assert(eq(int, (int)hurry(subscription, &event), REDELIVERY_DONE));
    pass(100);
    cr_expect(zero(u32, client.count));
    pass(30000);
    cr_expect(eq(u32, client.count, 1), "when its wait is over");
}

Test(redelivery, of_a_retry_that_is_due_leaves_it_to_its_turn)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"2h\"]}}");
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    begin(subscription);
    add(subscription, &event);
    page.deliveries[0].row.next_attempt_ms = shard.wall_ms;
    post(&page.mail, MAIL_REDELIVER);
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_DONE));
    cr_expect(zero(u32, client.count));
}

Test(redelivery, of_a_retry_that_has_just_died_is_to_be_asked_for_again)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish_and_fail(subscription, 1);
    end_call(0, HTTP_RESPONSE, 500); /* dead, and not yet on disk */
    begin(subscription);
    page.deliveries[page.count++] = (struct ended_delivery){
        .event = event, .row = {.status = DELIVERY_RETRYING, .attempt_count = 1}};
    post(&page.mail, MAIL_REDELIVER);
    cr_assert(is_back());
    cr_expect(eq(int, (int)page.result, REDELIVERY_BUSY));
}

Test(redelivery, of_a_retry_that_the_reader_has_no_time_for_is_to_be_asked_for_again)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"2h\"]}}");
    struct id event = publish(subscription);
    static void *taken[4096];
    unsigned count = 0;
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    while ((taken[count] = pool_take(&shard.paging.fetches)))
        cr_assert(lt(u32, ++count, sizeof taken / sizeof taken[0]));
    cr_expect(eq(int, (int)hurry(subscription, &event), REDELIVERY_BUSY));
    while (count > 0)
        pool_give(&shard.paging.fetches, taken[--count]);
    cr_expect(eq(int, (int)hurry(subscription, &event), REDELIVERY_DONE));
}

Test(redelivery, gives_dead_letters_up_without_a_word_to_the_receiver)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish_and_fail(subscription, 2);
    begin(subscription);
    add(subscription, &event);
    page.discards = true;
    post(&page.mail, MAIL_REDELIVER);
    settle();
    cr_assert(is_back());
    cr_expect(eq(u32, page.handed, 1));
    cr_expect(eq(int, (int)state_of(subscription, &event).status, DELIVERY_CANCELLED));
    cr_expect(eq(u32, row_count, 1));
    cr_expect(zero(u32, client.count));
}

static void print(void *context, unsigned from, unsigned to, unsigned handed, struct text *text)
{
    text_printf(text, "%s %u of [%u, %u)", (const char *)context, handed, from, to);
}

Test(redelivery, writes_the_document_in_the_same_commit)
{
    static char word[] = "handed";
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    begin(subscription);
    add(subscription, &event);
    page.print = print;
    page.context = word;
    post(&page.mail, MAIL_REDELIVER);
    struct mail *mail = mailbox_take(&crew.members[crew_writer(&crew)].mailbox);
    const struct outcome_batch *batch = container_of(mail, struct outcome_batch, mail);
    cr_assert(batch->journal.document == &page.document);
    cr_assert(slice_equal(page.document.value, SLICE("handed 1 of [0, 1)")));
    cr_assert(not(batch->journal.sync));
    cr_assert(eq(u32, batch->journal.rows.count, 2));
    crew_post(&crew, crew_writer(&crew), 0, mail);
}
