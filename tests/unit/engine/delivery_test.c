/* The life of a delivery, as it is seen from outside of a shard: what is sent and when, and what is
 * on disk about it then. */
#include "shard_stage.h"

TestSuite(delivery, .init = stage_open, .fini = stage_close);

/* Two tries and that is that. */
#define ONE_RETRY \
    "{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"5s\"],\"jitter\":0}}"

/* How the delivery stands on disk. */
static struct delivery_row state_of(const struct subscription *subscription, const struct id *event)
{
    struct key key = key_row(ROW_DELIVERY, &subscription->id, event);
    struct delivery_row row;
    int at = row_at(&key);
    cr_assert(ge(int, at, 0));
    cr_assert(zero(int, delivery_row_decode(slice_of(rows[at].value, rows[at].size), &row)));
    return row;
}

static bool owner_has(const struct mail *answer)
{
    const struct mail *mail = mailbox_take(&crew.members[1].mailbox);
    cr_assert(mail == NULL || mail == answer);
    return mail == answer;
}

/* ---- the straight path ---- */

Test(delivery, sends_at_once_and_leaves_no_row_when_it_is_delivered)
{
    struct subscription *subscription = subscribe("{\"url\":\"https://example.com/\"}");
    struct id event = publish(subscription);
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 204);
    settle();
    cr_expect(zero(u32, row_count));
    cr_assert(eq(u32, attempt_count, 1));
    cr_expect(id_equal(&attempts[0].event, &event));
    cr_expect(id_equal(&attempts[0].subscription, &subscription->id));
    cr_expect(eq(int, (int)attempts[0].outcome, ATTEMPT_DELIVERED));
    cr_expect(eq(u32, attempts[0].number, 1));
    cr_expect(zero(sz, shard.deliveries.pool.used));
}

Test(delivery, lets_the_blocks_bytes_go_at_the_end_and_settles_when_that_is_on_disk)
{
    struct subscription *subscription = subscribe("{\"url\":\"https://example.com/\"}");
    publish(subscription);
    struct block_share *share = events[0]->share;
    settle();
    cr_assert(not(owner_has(&share->released)), "it is being sent");
    end_call(0, HTTP_RESPONSE, 200);
    cr_assert(owner_has(&share->released));
    cr_assert(not(owner_has(&share->settled)));
    settle();
    cr_assert(owner_has(&share->settled));
}

Test(delivery, takes_every_2xx_and_nothing_else_for_delivered)
{
    static const int good[] = {200, 201, 202, 204, 299}, bad[] = {301, 400, 404, 500};
    struct subscription *subscription = subscribe(ONE_RETRY);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        publish(subscription);
        end_call(0, HTTP_RESPONSE, good[i]);
    }
    settle();
    cr_assert(zero(u32, row_count));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        publish(subscription);
        end_call(0, HTTP_RESPONSE, bad[i]);
        settle();
        cr_assert(eq(u32, rows_of(ROW_RETRY), i + 1));
    }
}

/* ---- failure ---- */

Test(delivery, waits_in_a_row_after_a_failure)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    uint64_t failed_ms = clock_wall_ms();
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    struct delivery_row state = state_of(subscription, &event);
    cr_expect(eq(int, (int)state.status, DELIVERY_RETRYING));
    cr_expect(eq(int, (int)state.last_outcome, ATTEMPT_HTTP_ERROR));
    cr_expect(eq(u16, state.last_http_status, 500));
    cr_expect(eq(u32, state.attempt_count, 1));
    cr_expect(ge(u64, state.next_attempt_ms, failed_ms + 5000));
    struct key key = key_retry(state.next_attempt_ms, &subscription->id, &event);
    cr_expect(ge(int, row_at(&key), 0));
    cr_expect(eq(u32, row_count, 2));
}

Test(delivery, retries_when_it_is_due_and_not_a_moment_earlier)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    uint64_t due_ms = state_of(subscription, &event).next_attempt_ms;
    pass(due_ms - clock_wall_ms() - 1);
    cr_assert(eq(u32, client.begun, 1));
    pass(2);
    cr_assert(eq(u32, client.begun, 2));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    struct delivery_row state = state_of(subscription, &event);
    cr_expect(eq(int, (int)state.status, DELIVERY_DELIVERED));
    cr_expect(eq(u32, state.attempt_count, 2));
    cr_expect(eq(u32, state.block_count, 2));
    cr_expect(eq(u32, row_count, 1), "nothing waits any more");
    cr_expect(zero(sz, shard.deliveries.pool.used));
}

Test(delivery, waits_as_long_though_the_clock_is_set_back_while_the_attempt_is_on_its_way)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    publish(subscription);
    wall_back = 3000;
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    pass(4999);
    cr_assert(eq(u32, client.begun, 1));
    pass(10);
    cr_assert(eq(u32, client.begun, 2));
}

/* Its row is read back with its event, and has to be there by then. */
Test(delivery, keeps_all_its_attempts_though_a_retry_is_due_before_the_disk_has_the_failure)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"10ms\"]}}");
    struct id event = publish(subscription);
    end_call(0, HTTP_RESPONSE, 500);
    for (int ms = 0; ms < 100; ms++) {
        now_ms++;
        tick();
        stage_read();
    }
    cr_assert(eq(u32, client.begun, 1), "what is not written is not read");
    settle();
    pass(100);
    cr_assert(eq(u32, client.begun, 2));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    struct delivery_row state = state_of(subscription, &event);
    cr_expect(eq(u32, state.attempt_count, 2));
    cr_expect(eq(u32, state.block_count, 2));
}

Test(delivery, goes_again_with_those_it_failed_with_though_the_clock_ticks_meanwhile)
{
    struct subscription *subscription =
        subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[\"5s\"]},"
                  "\"delivery\":{\"mode\":\"batch\",\"max_events\":8,\"max_wait\":\"1s\"}}");
    for (int i = 0; i < 8; i++)
        publish(subscription);
    cr_assert(eq(u32, client.begun, 1));
    wall_creep = 1;
    end_call(0, HTTP_RESPONSE, 500);
    for (int ms = 0; ms < 10000 && client.begun == 1; ms++)
        pass(1);
    wall_creep = 0;
    cr_assert(eq(u32, client.begun, 2));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_expect(eq(u32, client.begun, 2), "all of them were in it");
    cr_expect(zero(sz, shard.deliveries.pool.used));
}

Test(delivery, is_dead_when_its_schedule_is_over)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    end_call(0, HTTP_TIMEOUT, 0);
    pass(6000);
    end_call(0, HTTP_CONNECT_REFUSED, 0);
    settle();
    struct delivery_row state = state_of(subscription, &event);
    cr_expect(eq(int, (int)state.status, DELIVERY_DEAD));
    cr_expect(eq(int, (int)state.last_outcome, ATTEMPT_CONNECT_REFUSED));
    cr_expect(has_row(ROW_DEAD, subscription, &event));
    cr_expect(eq(u32, row_count, 2));
    pass(3600 * 1000);
    cr_expect(eq(u32, client.begun, 2));
}

Test(delivery, goes_by_the_receivers_retry_after)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    struct http_head head = {.status = 404, .header_count = 1};
    head.headers[0] = (struct http_header){SLICE("Retry-After"), SLICE("3600")};
    client.open[0]->on_head(client.open[0], &head);
    uint64_t failed_ms = clock_wall_ms();
    end_call(0, HTTP_RESPONSE, 404);
    settle();
    cr_expect(ge(u64, state_of(subscription, &event).next_attempt_ms, failed_ms + 3600 * 1000));
}

/* Nothing was sent: that is no attempt. */
Test(delivery, uses_up_no_attempt_for_want_of_a_connection)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    client.has_no_connection = true;
    publish(subscription);
    settle();
    cr_assert(zero(u32, attempt_count));
    cr_assert(zero(u32, row_count));
    client.has_no_connection = false;
    pass(100);
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_assert(eq(u32, attempts[0].number, 1));
}

/* ---- slow ones ---- */

/* So that recovery stays short. */
Test(delivery, gets_a_row_when_its_first_attempt_lasts_long)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    pass(LIMIT_UNSETTLED_MS + 1000);
    cr_expect(eq(u32, client.count, 1));
    cr_expect(has_row(ROW_PARKED, subscription, &event));
    cr_expect(owner_has(&events[0]->share->settled));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_expect(zero(u32, rows_of(ROW_PARKED)));
    cr_expect(eq(u32, client.begun, 1), "its row was not taken for another");
}

Test(delivery, keeps_the_bytes_until_the_kernel_has_them)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    publish(subscription);
    pass(LIMIT_UNSETTLED_MS + 1000);
    cr_assert(owner_has(&events[0]->share->settled));
    cr_assert(not(owner_has(&events[0]->share->released)));
    end_call(0, HTTP_RESPONSE, 200);
    cr_assert(owner_has(&events[0]->share->released));
}

/* ---- pauses and deletions ---- */

static const struct subscription *turn_into(struct subscription *before,
                                            enum subscription_status status)
{
    struct subscription *after = subscription_copy(before);
    after->status = status;
    subscriptions[subscription_count++] = after;
    change(DIRECTORY_SUBSCRIPTION, before, after);
    return after;
}

Test(delivery, is_parked_for_a_subscription_that_is_paused)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    turn_into(subscription, SUBSCRIPTION_PAUSED);
    struct id event = publish(subscription);
    settle();
    cr_expect(zero(u32, client.count));
    cr_expect(has_row(ROW_PARKED, subscription, &event));
    cr_expect(owner_has(&events[0]->share->released));
    cr_expect(owner_has(&events[0]->share->settled));
}

Test(delivery, goes_out_when_its_subscription_is_resumed)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    const struct subscription *paused = turn_into(subscription, SUBSCRIPTION_PAUSED);
    publish(subscription);
    settle();
    change(DIRECTORY_SUBSCRIPTION, paused, subscription);
    settle();
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    settle();
    cr_expect(zero(u32, rows_of(ROW_PARKED)));
    cr_expect(eq(int, (int)attempts[attempt_count - 1].outcome, ATTEMPT_DELIVERED));
    cr_expect(eq(u32, attempts[attempt_count - 1].number, 1), "a pause uses up no attempt");
}

Test(delivery, ends_with_its_subscription)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    change(DIRECTORY_SUBSCRIPTION, subscription, NULL);
    settle();
    pass(10000);
    cr_expect(eq(u32, client.begun, 1));
    cr_expect(zero(sz, shard.deliveries.pool.used));
}

Test(delivery, may_end_after_its_subscription)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    publish(subscription);
    change(DIRECTORY_SUBSCRIPTION, subscription, NULL);
    settle();
    end_call(0, HTTP_RESPONSE, 500);
    settle();
    cr_expect(zero(u32, rows_of(ROW_RETRY)));
    cr_expect(zero(u32, rows_of(ROW_DEAD)));
    cr_expect(owner_has(&events[0]->share->released));
    cr_expect(owner_has(&events[0]->share->settled));
    cr_expect(zero(u64, shard.endpoints.count));
}

/* ---- a stop ---- */

Test(delivery, is_parked_by_a_stop_as_if_it_had_not_begun)
{
    struct subscription *subscription = subscribe(ONE_RETRY);
    struct id event = publish(subscription);
    cr_assert(eq(u32, client.count, 1));
    stage_stop();
    cr_expect(zero(u32, client.count));
    cr_expect(has_row(ROW_PARKED, subscription, &event));
    cr_expect(eq(u32, row_count, 1));
    for (unsigned i = 0; i < attempt_count; i++)
        cr_expect(zero(u32, attempts[i].number), "a note and no attempt");
}
