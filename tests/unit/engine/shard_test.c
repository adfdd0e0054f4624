/* A shard as the other threads see it: by mail, and by its end. What becomes of deliveries is in
 * delivery_test.c. */
#include "oauth.h"
#include "shard_stage.h"

TestSuite(shard, .init = stage_open, .fini = stage_close);

static const char *const anywhere = "{\"url\":\"https://example.com/\"}";

/* ---- mail ---- */

Test(shard, answers_a_question_for_figures)
{
    static struct shard_figures figures;
    struct mail_figures mail = {.into.shard = &figures};
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    post(&mail.mail, MAIL_FIGURES);
    cr_assert(at_control() == &mail.mail);
    cr_expect(eq(u64, figures.endpoints, 1));
    cr_expect(eq(u64, figures.in_flight, 1));
    cr_expect(zero(u64, figures.ready));
    cr_expect(eq(u64, figures.metrics.deliveries_created, 2));
    cr_expect(eq(u64, figures.metrics.deliveries_delivered, 1));
    cr_expect(eq(u64, figures.metrics.attempts[ATTEMPT_DELIVERED], 1));
    cr_expect(eq(u64, figures.deliveries_max, shard.deliveries.pool.capacity));
    cr_expect(lt(u64, 0, figures.memory_max));
}

Test(shard, says_when_it_has_to_be_called_next)
{
    cr_assert(lt(u64, clock_monotonic_ns(), shard_tick(&shard)));
    cr_assert(lt(u64, shard_tick(&shard), UINT64_MAX));
}

Test(shard, tells_control_that_a_receiver_is_gone)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 410);
    settle();
    struct mail *mail = at_control();
    cr_assert(mail != NULL);
    cr_assert(eq(u32, mail->kind, MAIL_REPORT));
    cr_expect(
        id_equal(&container_of(mail, struct mail_report, mail)->subscription, &subscription->id));
    post(mail, MAIL_REPORT);
}

Test(shard, gives_back_the_block_of_another_that_has_nothing_for_it)
{
    struct subscription *elsewhere = make_subscription(anywhere);
    while (keys_home(&elsewhere->id, crew.shards) == 0)
        elsewhere->id.bytes[15]++;
    publish(elsewhere);
    struct mailbox *owner = &crew.members[1].mailbox;
    cr_assert(mailbox_take(owner) == &events[0]->share->released);
    cr_assert(mailbox_take(owner) == &events[0]->share->settled);
}

/* ---- the end ---- */

Test(shard, stops_at_once_when_there_is_nothing_to_do)
{
    post(&stop_mail.mail, MAIL_STOP);
    for (unsigned i = 0; i < 100 && !shard.is_stopped; i++) {
        loop_turn(shard.loop, clock_monotonic_ns() + 1000000);
        settle();
    }
    cr_assert(shard.is_stopped);
    cr_assert(at_control() == &stop_mail.mail);
}

static void turn(unsigned times)
{
    for (unsigned i = 0; i < times && !shard.is_stopped; i++) {
        loop_turn(shard.loop, clock_monotonic_ns() + 1000000);
        settle();
    }
}

Test(shard, waits_for_attempts_that_are_on_their_way)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    post(&stop_mail.mail, MAIL_STOP);
    turn(10);
    cr_assert(not(shard.is_stopped));
    cr_assert(eq(u32, client.count, 1));
    end_call(0, HTTP_RESPONSE, 200);
    turn(100);
    cr_assert(shard.is_stopped);
    cr_expect(zero(u32, rows_of(ROW_PARKED)), "it was delivered");
}

Test(shard, ends_attempts_when_the_time_is_up)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    post(&stop_mail.mail, MAIL_STOP);
    now_ms += config.shutdown_timeout_ms - 1;
    turn(10);
    cr_assert(eq(u32, client.count, 1));
    now_ms++;
    turn(100);
    cr_assert(shard.is_stopped);
    cr_expect(zero(u32, client.count));
    cr_expect(eq(u32, rows_of(ROW_PARKED), 1), "it waits on disk");
}

Test(shard, ends_the_attempts_of_a_deleted_subscription_with_all_that_is_left_of_it)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    publish(subscription);
    settle();
    change(DIRECTORY_SUBSCRIPTION, subscription, NULL);
    post(&stop_mail.mail, MAIL_STOP);
    now_ms += config.shutdown_timeout_ms;
    turn(100);
    cr_assert(shard.is_stopped);
    cr_expect(zero(u64, shard.endpoints.count));
}

Test(shard, waits_for_the_report_of_an_attempt_that_has_ended_already)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    post(&stop_mail.mail, MAIL_STOP);
    client.takes_no_cancel = true;
    now_ms += config.shutdown_timeout_ms;
    turn(10);
    cr_assert(not(shard.is_stopped));
    end_call(0, HTTP_RESPONSE, 200);
    turn(100);
    cr_assert(shard.is_stopped);
    cr_expect(zero(u32, rows_of(ROW_PARKED)), "it was delivered");
}

Test(shard, hurries_when_it_is_told_again_and_sends_both_back)
{
    static struct mail_stop hurry = {.now = true};
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    post(&stop_mail.mail, MAIL_STOP);
    turn(10);
    cr_assert(not(shard.is_stopped));
    post(&hurry.mail, MAIL_STOP);
    turn(100);
    cr_assert(shard.is_stopped);
    cr_assert(at_control() == &stop_mail.mail);
    cr_assert(at_control() == &hurry.mail);
}

Test(shard, begins_nothing_new_while_it_stops)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    post(&stop_mail.mail, MAIL_STOP);
    struct id late = publish(subscription);
    settle();
    cr_assert(eq(u32, client.begun, 1));
    cr_assert(has_row(ROW_PARKED, subscription, &late));
    end_call(0, HTTP_RESPONSE, 500);
    turn(100);
    cr_assert(shard.is_stopped);
    cr_assert(eq(u32, client.begun, 1));
}

Test(shard, waits_until_what_it_wrote_is_on_disk)
{
    struct subscription *subscription = subscribe(anywhere);
    publish(subscription);
    end_call(0, HTTP_RESPONSE, 200);
    post(&stop_mail.mail, MAIL_STOP);
    for (unsigned i = 0; i < 10; i++) {
        loop_turn(shard.loop, clock_monotonic_ns() + 1000000);
        stage_read();
        tick();
    }
    cr_assert(not(shard.is_stopped));
    stage_write();
    turn(100);
    cr_assert(shard.is_stopped);
    cr_assert(eq(u32, attempt_count, 1));
}

/* Whatever is asked for ends like this, for that long. */
static void fail_for(uint64_t ms)
{
    for (uint64_t until_ms = now_ms + ms; now_ms < until_ms; pass(100))
        while (client.count > 0)
            end_call(0, HTTP_RESPONSE, 500);
}

/* A minute in virtual time: in real time it would be one. */
Test(shard, lets_a_delivery_wait_for_a_token_for_a_minute_and_then_its_attempt_fails)
{
    struct subscription *subscription = subscribe(
        "{\"url\":\"http://127.0.0.1/hook\",\"auth\":{\"type\":\"oauth2\",\"client_id\":\"me\","
        "\"token_url\":\"http://127.0.0.1/token\",\"client_secret\":\"x\"},"
        "\"retry\":{\"schedule\":[\"1h\"],\"jitter\":0}}");
    publish(subscription);
    settle();
    cr_assert(eq(u32, client.count, 1), "the token is asked for, and the receiver is not");
    fail_for(OAUTH_WAIT_MAX_MS - 1000);
    cr_assert(eq(u32, attempt_count, 1), "it waits, and after a while that is on disk");
    cr_expect(eq(int, attempts[0].outcome, ATTEMPT_NONE));
    cr_expect(lt(u32, 5, client.begun), "and the server is asked again");
    fail_for(OAUTH_PAUSE_MAX_MS + 2000);
    cr_assert(eq(u32, attempt_count, 2));
    cr_expect(eq(int, attempts[1].outcome, ATTEMPT_HTTP_ERROR));
    cr_expect(zero(u32, attempts[1].http_status));
    cr_expect_str_eq(last_error, "oauth2: token endpoint answered 500");
    cr_expect(eq(u32, attempts[1].number, 1));
    cr_expect(eq(int, attempts[1].status_after, DELIVERY_RETRYING));
    cr_expect(eq(u32, rows_of(ROW_RETRY), 1));
}
