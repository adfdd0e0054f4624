/* Rounds of the watchdog: shards are mailboxes that the test empties, and the service manager is a
 * function of the test's. */
#include "watchdog.h"

#include "mail.h"
#include "notify.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { SHARDS = 3 };

static struct crew crew;
static struct watchdog watchdog;
static unsigned told;

/* In place of notify.c. */
void notify(const char *state)
{
    cr_assert_str_eq(state, "WATCHDOG=1");
    told++;
}

static void begin(const char *interval_us)
{
    crew_init(&crew, SHARDS);
    watchdog_init(&watchdog, &crew, interval_us, 1000);
}

/* Whether shard `number` was asked; it answers at `now_ms`. */
static bool answers(unsigned number, uint64_t now_ms)
{
    struct mail *mail = mailbox_take(&crew.members[number].mailbox);
    if (!mail)
        return false;
    cr_assert(eq(int, (int)mail->kind, MAIL_PING));
    watchdog_answered(&watchdog, now_ms);
    return true;
}

Test(watchdog, tells_the_manager_when_all_shards_have_answered)
{
    begin("30000000");
    watchdog_turn(&watchdog, 6000);
    cr_assert(answers(0, 6001));
    cr_assert(answers(2, 6002));
    cr_assert(zero(u32, told), "one is missing");
    cr_assert(answers(1, 6003));
    cr_assert(eq(u32, told, 1));
    cr_assert(eq(u64, watchdog_age_ms(&watchdog, 6013), 10));
}

Test(watchdog, asks_nobody_again_while_one_owes_an_answer)
{
    begin("30000000");
    watchdog_turn(&watchdog, 6000);
    cr_assert(answers(0, 6000));
    cr_assert(answers(1, 6000));
    for (uint64_t now_ms = 6000; now_ms < 90000; now_ms += 1000)
        watchdog_turn(&watchdog, now_ms);
    cr_assert(not(answers(0, 90000)));
    cr_assert(zero(u32, told));
    cr_assert(eq(u64, watchdog_age_ms(&watchdog, 90000), 89000));
    cr_assert(watchdog.is_late, "somebody was told of it");

    cr_assert(answers(2, 90000));
    cr_assert(eq(u32, told, 1));
    watchdog_turn(&watchdog, 90000);
    cr_assert(answers(0, 90000), "and so it goes on");
}

Test(watchdog, has_more_rounds_than_one_in_the_time_the_manager_waits)
{
    begin("6000000");
    watchdog_turn(&watchdog, 2999);
    cr_assert(not(answers(0, 2999)));
    watchdog_turn(&watchdog, 3000);
    cr_assert(answers(0, 3000));
}

Test(watchdog, tells_nobody_who_does_not_wait)
{
    const char *const intervals[] = {NULL, "", "0", "soon", "-1"};
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        begin(intervals[i]);
        watchdog_turn(&watchdog, 6000);
        for (unsigned shard = 0; shard < SHARDS; shard++)
            cr_assert(answers(shard, 6000));
        cr_assert(zero(u32, told));
        cr_assert(zero(u64, watchdog_age_ms(&watchdog, 6000)));
    }
}
