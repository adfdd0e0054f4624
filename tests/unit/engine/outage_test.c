/* For how long a receiver has brought nothing but failures, and what comes of it. On a whole shard,
 * of which the test has the rest in its hands. */
#include "shard_stage.h"

enum { MINUTE_MS = 60000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS };

static struct subscription *subscription;
static struct endpoint *endpoint;

static void open_failing(void)
{
    stage_open();
    subscription = subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[]},"
                             "\"breaker\":{\"min_attempts\":1000}}");
    endpoint = endpoint_find(&shard, &subscription->id);
}

TestSuite(outage, .init = open_failing, .fini = stage_close);

/* One attempt, after `ms`. */
static void attempt_after(uint64_t ms, int status)
{
    now_ms += ms;
    publish(subscription);
    settle();
    end_call(0, HTTP_RESPONSE, status);
    settle();
}

/* The report that control got, or NULL. */
static struct mail_report *report(void)
{
    struct mail *mail = at_control();
    if (!mail)
        return NULL;
    cr_assert(eq(u32, mail->kind, MAIL_REPORT));
    return container_of(mail, struct mail_report, mail);
}

Test(outage, begins_with_a_failure_and_is_over_at_the_next_success)
{
    attempt_after(0, 200);
    cr_assert(zero(u64, endpoint->outage.since_ms));
    attempt_after(10, 500);
    uint64_t since_ms = clock_wall_ms();
    cr_assert(eq(u64, endpoint->outage.since_ms, since_ms));
    attempt_after(1000, 500);
    cr_assert(eq(u64, endpoint->outage.since_ms, since_ms));
    attempt_after(1000, 200);
    cr_assert(zero(u64, endpoint->outage.since_ms));
}

Test(outage, has_a_row_once_it_has_lasted_for_a_minute)
{
    struct outage_row row;
    attempt_after(0, 500);
    uint64_t since_ms = clock_wall_ms();
    attempt_after(MINUTE_MS - 1, 500);
    cr_assert(zero(u32, rows_of(ROW_OUTAGE)), "many are shorter");
    attempt_after(1, 500);
    cr_assert(eq(u32, rows_of(ROW_OUTAGE), 1));
    struct key key = key_outage(&subscription->id);
    int at = row_at(&key);
    cr_assert(zero(int, outage_row_decode(slice_of(rows[at].value, rows[at].size), &row)));
    cr_assert(eq(u64, row.since_ms, since_ms));
    attempt_after(1, 200);
    cr_assert(zero(u32, rows_of(ROW_OUTAGE)));
}

Test(outage, goes_on_after_a_restart)
{
    uint64_t since_ms = clock_wall_ms() - 4 * (uint64_t)DAY_MS;
    outage_restore(&shard, endpoint, &(struct outage_row){.since_ms = since_ms});
    attempt_after(DAY_MS - 1000, 500);
    cr_assert(report() == NULL);
    attempt_after(1000, 500);
    struct mail_report *told = report();
    cr_assert(told != NULL);
    cr_assert(id_equal(&told->subscription, &subscription->id));
    cr_assert(eq(int, (int)told->reason, DISABLED_FAILING));
}

Test(outage, begins_anew_after_a_day_without_an_attempt)
{
    attempt_after(0, 500);
    for (unsigned day = 0; day < 6; day++) {
        attempt_after(DAY_MS + 1, 500);
        cr_assert(eq(u64, endpoint->outage.since_ms, clock_wall_ms()));
    }
    cr_assert(report() == NULL);
}

Test(outage, is_forgotten_when_a_person_says_so)
{
    struct subscription paused = *subscription;
    paused.status = SUBSCRIPTION_PAUSED;
    attempt_after(0, 500);
    attempt_after(HOUR_MS, 500);
    cr_assert(eq(u32, rows_of(ROW_OUTAGE), 1));
    change(DIRECTORY_SUBSCRIPTION, subscription, &paused);
    cr_assert(lt(u64, 0, endpoint->outage.since_ms), "a pause says nothing");
    change(DIRECTORY_SUBSCRIPTION, &paused, subscription);
    cr_assert(zero(u64, endpoint->outage.since_ms));
    attempt_after(10, 500);
    cr_assert(eq(u64, endpoint->outage.since_ms, clock_wall_ms()));
    cr_assert(zero(u32, rows_of(ROW_OUTAGE)));
}

Test(outage, is_reported_again_until_it_is_heard_one_report_at_a_time)
{
    const struct outage_row row = {.since_ms = clock_wall_ms() - 5 * (uint64_t)DAY_MS};
    outage_restore(&shard, endpoint, &row);
    attempt_after(0, 500);
    struct mail_report *first = report();
    cr_assert(first != NULL);
    attempt_after(10, 500);
    attempt_after(10, 500);
    cr_assert(report() == NULL, "until the first is back");
    post(&first->mail, MAIL_REPORT);
    struct mail_report *second = report();
    cr_assert(second != NULL);
    post(&second->mail, MAIL_REPORT);
    cr_assert(report() == NULL);
}

/* ---- what is told ---- */

static void open_breaking(void)
{
    stage_open();
    subscription = subscribe("{\"url\":\"https://example.com/\",\"retry\":{\"schedule\":[]},"
                             "\"breaker\":{\"min_attempts\":1,\"cooldown\":\"1s\"}}");
    endpoint = endpoint_find(&shard, &subscription->id);
}

TestSuite(told, .init = open_breaking, .fini = stage_close);

/* The row as it is on disk; all zero if there is none. */
static struct outage_row stored(void)
{
    struct outage_row row = {0};
    struct key key = key_outage(&subscription->id);
    if (rows_of(ROW_OUTAGE) == 0)
        return row;
    int at = row_at(&key);
    cr_assert(zero(int, outage_row_decode(slice_of(rows[at].value, rows[at].size), &row)));
    return row;
}

static void expect_told(unsigned what, uint64_t since_ms)
{
    struct mail_report *told = report();
    cr_assert(told != NULL);
    cr_expect(eq(u32, told->what, what));
    cr_expect(eq(u64, told->since_ms, since_ms));
    post(&told->mail, MAIL_REPORT);
}

/* Until the breaker has closed. */
static void recover(void)
{
    for (unsigned i = 0; i < 3; i++)
        attempt_after(60 * 1000, 200);
}

Test(told, is_on_disk_as_soon_as_the_breaker_opens_and_when_it_has_closed)
{
    attempt_after(0, 500);
    uint64_t since_ms = clock_wall_ms();
    cr_expect(eq(u64, stored().told_ms, since_ms));
    cr_expect(zero(u64, stored().recovered_ms));
    expect_told(REPORT_FAILING, since_ms);
    recover();
    cr_expect(eq(u64, stored().told_ms, since_ms));
    cr_expect(eq(u64, stored().recovered_ms, clock_wall_ms()));
    cr_expect(zero(u64, stored().since_ms));
    expect_told(REPORT_RECOVERED, since_ms);
    attempt_after(1, 200);
    cr_expect(eq(u64, stored().told_ms, since_ms), "for the next start");
    attempt_after(MINUTE_MS, 500);
    cr_expect(eq(u64, stored().told_ms, clock_wall_ms()), "the next outage takes its place");
    cr_expect(zero(u64, stored().recovered_ms));
}

Test(told, is_told_again_after_a_start_and_its_end_with_the_first_success)
{
    outage_restore(&shard, endpoint, &(struct outage_row){.told_ms = 70});
    expect_told(REPORT_FAILING, 70);
    attempt_after(0, 200);
    expect_told(REPORT_RECOVERED, 70);
    cr_expect(eq(u64, stored().recovered_ms, clock_wall_ms()));
    attempt_after(0, 200);
    cr_expect(report() == NULL);
}

Test(told, end_is_told_again_for_a_day)
{
    const struct outage_row row = {.told_ms = 70, .recovered_ms = clock_wall_ms() - DAY_MS};
    outage_restore(&shard, endpoint, &row);
    expect_told(REPORT_RECOVERED, 70);
    attempt_after(0, 200);
    cr_expect(report() == NULL);
}

Test(told, end_is_not_told_again_after_a_day_and_its_row_goes)
{
    struct outage_row row = {.told_ms = 70, .recovered_ms = clock_wall_ms() - DAY_MS};
    outage_restore(&shard, endpoint, &row);
    expect_told(REPORT_RECOVERED, 70);
    endpoint->outage = (struct outage){0};
    row.recovered_ms--;
    outage_restore(&shard, endpoint, &row);
    cr_expect(report() == NULL);
    outage_tell(&shard, endpoint, true); /* a row */
    settle();
    outage_forget(&endpoint->outage);
    attempt_after(0, 200);
    cr_expect(zero(u32, rows_of(ROW_OUTAGE)));
    cr_expect(report() == NULL);
}

Test(told, is_forgotten_when_a_person_says_so)
{
    struct subscription paused = *subscription;
    paused.status = SUBSCRIPTION_PAUSED;
    attempt_after(0, 500);
    expect_told(REPORT_FAILING, clock_wall_ms());
    change(DIRECTORY_SUBSCRIPTION, subscription, &paused);
    change(DIRECTORY_SUBSCRIPTION, &paused, subscription);
    attempt_after(0, 200);
    cr_expect(report() == NULL);
    cr_expect(zero(u32, rows_of(ROW_OUTAGE)));
}
