/* Alerts on their way to a shard, which is a mailbox that the test empties. */
#include "alerts.h"

#include "base/log.h"
#include "mail.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

enum { SHARDS = 1 };

static struct crew crew;
static struct alerts alerts;
static const struct id tenant = {{7}};

static void setup(void)
{
    log_set(LOG_OFF, LOG_FORMAT_TEXT);
    crew_init(&crew, SHARDS);
    cr_assert(zero(int, alerts_open(&alerts, &crew)));
}

static void teardown(void)
{
    alerts_close(&alerts);
}

TestSuite(alerts, .init = setup, .fini = teardown);

static struct mail_publish *sent(void)
{
    struct mail *mail = mailbox_take(&crew.members[0].mailbox);
    return mail ? container_of(mail, struct mail_publish, mail) : NULL;
}

static void answer(struct mail_publish *mail, int status)
{
    mail->response.status = status;
    cr_assert(alerts_published(&alerts, mail));
}

static void raise_one(const char *key)
{
    alerts_raise(&alerts, ALERT_DELIVERY_DEAD, &tenant, key, SLICE("{\"count\":1}"));
}

Test(alerts, are_requests_to_publish_with_a_key)
{
    raise_one("sub_1/2");
    alerts_turn(&alerts, 1000);
    struct mail_publish *mail = sent();
    cr_assert(mail != NULL);
    cr_expect(id_equal(&mail->tenant, &tenant));
    cr_expect(slice_equal(mail->request.body,
                          SLICE("{\"type\":\"delivery.dead\",\"id\":\"delivery.dead/sub_1/2\","
                                "\"payload\":{\"count\":1}}")));
    answer(mail, 202);
    cr_expect(zero(u32, alerts.used));
    cr_expect(eq(u64, alerts_turn(&alerts, 1000), UINT64_MAX));
}

Test(alerts, that_cannot_be_stored_now_are_tried_again)
{
    raise_one("a");
    alerts_turn(&alerts, 1000);
    answer(sent(), 503);
    alerts_turn(&alerts, 1500);
    cr_expect(sent() == NULL, "not at once");
    alerts_turn(&alerts, 2000);
    answer(sent(), 202);
    cr_expect(zero(u32, alerts.used));
    cr_expect(zero(u64, alerts.dropped));
}

Test(alerts, are_given_up_after_a_while)
{
    raise_one("a");
    alerts_turn(&alerts, 1000);
    answer(sent(), 503);
    alerts_turn(&alerts, 1000 + 600 * 1000);
    cr_expect(sent() == NULL);
    cr_expect(zero(u32, alerts.used));
    cr_expect(eq(u64, alerts.dropped, 1));
}

Test(alerts, that_nobody_wants_are_over)
{
    raise_one("a");
    alerts_turn(&alerts, 1000);
    answer(sent(), 404);
    cr_expect(zero(u32, alerts.used));
    cr_expect(zero(u64, alerts.dropped));
}

Test(alerts, beyond_what_may_wait_are_dropped_and_counted)
{
    for (unsigned i = 0; i < ALERTS_MAX + 3; i++)
        raise_one("a");
    cr_expect(eq(u32, alerts.used, ALERTS_MAX));
    cr_expect(eq(u64, alerts.dropped, 3));
    unsigned seen = 0;
    for (uint64_t now_ms = 1000; alerts.used > 0; now_ms += 100) {
        alerts_turn(&alerts, now_ms);
        for (struct mail_publish *mail = sent(); mail; mail = sent(), seen++)
            answer(mail, 202);
    }
    cr_expect(eq(u32, seen, ALERTS_MAX));
}

Test(alerts, leave_requests_of_others_alone)
{
    struct mail_publish mail = {.response.status = 202};
    cr_expect(not(alerts_published(&alerts, &mail)));
}
