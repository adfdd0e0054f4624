/* What a shard tells of the use of keys. The test empties control's mailbox and turns the wheel. */
#include "uses.h"

#include "shard.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

enum { KEYS = USES_MAX + 3, EVERY_MS = 10000 };

static struct crew crew;
static struct shard shard;
static struct access_key keys[KEYS];
static struct known_key known[KEYS];

static void open_shard(void)
{
    crew_init(&crew, 1);
    shard.crew = &crew;
    shard.now_ms = 1000;
    wheel_init(&shard.wheel, shard.now_ms);
    uses_init(&shard.uses);
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i].id.bytes[0] = (uint8_t)(i + 1);
        known[i].key = &keys[i];
        list_init(&known[i].fresh);
    }
}

TestSuite(uses, .init = open_shard);

/* The mail that control has, or NULL. */
static const struct mail_uses *told(void)
{
    struct mail *mail = mailbox_take(&crew.members[crew_control(&crew)].mailbox);
    cr_assert(mail == NULL || mail->kind == MAIL_USES);
    return mail ? container_of(mail, struct mail_uses, mail) : NULL;
}

static void turn_to(uint64_t now_ms)
{
    shard.now_ms = now_ms;
    wheel_advance(&shard.wheel, now_ms);
}

Test(uses, are_told_soon_and_each_key_once)
{
    uses_note(&shard, &known[0], 501);
    uses_note(&shard, &known[1], 502);
    uses_note(&shard, &known[0], 503);
    cr_assert(told() == NULL, "not while a request is looked at");
    turn_to(1001);
    const struct mail_uses *mail = told();
    cr_assert(mail != NULL);
    cr_assert(eq(uint, mail->count, 2));
    cr_assert(id_equal(&mail->uses[0].key, &keys[0].id));
    cr_assert(eq(u64, mail->uses[0].at_ms, 503), "the last use");
    cr_assert(eq(u64, mail->uses[1].at_ms, 502));
}

Test(uses, wait_until_the_time_for_another_mail_has_come)
{
    uses_note(&shard, &known[0], 501);
    turn_to(1001);
    cr_assert(told() != NULL);
    uses_note(&shard, &known[0], 502);
    turn_to(2000);
    cr_assert(told() == NULL, "one mail is out");
    uses_taken(&shard);
    turn_to(2000 + EVERY_MS - 100);
    cr_assert(told() == NULL);
    turn_to(2001 + EVERY_MS);
    const struct mail_uses *mail = told();
    cr_assert(mail != NULL);
    cr_assert(eq(u64, mail->uses[0].at_ms, 502));
}

Test(uses, go_on_at_once_when_a_mail_was_full)
{
    for (unsigned i = 0; i < KEYS; i++)
        uses_note(&shard, &known[i], 501);
    turn_to(1001);
    cr_assert(eq(uint, told()->count, USES_MAX));
    uses_taken(&shard);
    turn_to(1002);
    cr_assert(eq(uint, told()->count, KEYS - USES_MAX));
}

Test(uses, are_told_before_the_end_without_waiting)
{
    cr_assert(uses_flush(&shard), "there are none");
    for (unsigned i = 0; i < KEYS; i++)
        uses_note(&shard, &known[i], 501);
    cr_assert(not(uses_flush(&shard)));
    cr_assert(eq(uint, told()->count, USES_MAX));
    uses_taken(&shard);
    cr_assert(not(uses_flush(&shard)));
    cr_assert(eq(uint, told()->count, KEYS - USES_MAX));
    uses_taken(&shard);
    cr_assert(uses_flush(&shard));
}
