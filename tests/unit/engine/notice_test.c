/* What alerts say, to whom, and under which key they are the same. Replaced is who raises them. */
#include "notice.h"

#include "subscription.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#define DAY_MS UINT64_C(86400000)
#define AT_MS  UINT64_C(1769860800123) /* 2026-01-31T12:00:00.123Z */

static struct alerts alerts;
static struct subscription subscription = {.id = {{1, 2, 3}}, .tenant = {{7}}};
static struct tenant tenant = {.id = {{8}}};
static char digits[ID_TEXT_SIZE];

static struct {
    unsigned count;
    enum alert_kind kind;
    struct id tenant;
    char key[ALERT_KEY_SIZE], payload[ALERT_PAYLOAD_SIZE + 1];
} raised;

/* ---- in place of alerts.c ---- */

void alerts_raise(struct alerts *to, enum alert_kind kind, const struct id *of, const char *key,
                  struct slice payload)
{
    cr_assert(to == &alerts);
    raised.count++;
    raised.kind = kind;
    raised.tenant = *of;
    snprintf(raised.key, sizeof raised.key, "%s", key);
    memcpy(raised.payload, payload.at, payload.size);
    raised.payload[payload.size] = '\0';
}

static void expect_raised(enum alert_kind kind, const struct id *of, const char *payload)
{
    cr_expect(eq(u32, raised.count, 1));
    cr_expect(eq(int, (int)raised.kind, (int)kind));
    cr_expect(id_equal(&raised.tenant, of));
    cr_expect_str_eq(raised.payload, payload);
}

/* A payload that begins with the subscription's id. */
static void expect_said(enum alert_kind kind, const char *rest)
{
    char payload[ALERT_PAYLOAD_SIZE];
    snprintf(payload, sizeof payload, "{\"subscription_id\":\"%s\"%s}",
             id_print(&subscription.id, "sub", digits).at, rest);
    expect_raised(kind, &subscription.tenant, payload);
}

static void expect_key_of_subscription(uint64_t moment_ms)
{
    char key[ALERT_KEY_SIZE];
    snprintf(key, sizeof key, "%s/%llu", id_print(&subscription.id, "sub", digits).at,
             (unsigned long long)moment_ms);
    cr_expect_str_eq(raised.key, key);
}

Test(notice, of_a_disabled_endpoint_says_why_and_is_one_for_each_time)
{
    subscription.updated_ms = AT_MS;
    subscription.disabled_reason = DISABLED_GONE;
    notice_disabled(&alerts, &subscription);
    expect_said(ALERT_ENDPOINT_DISABLED,
                ",\"reason\":\"gone\",\"at\":\"2026-01-31T12:00:00.123Z\"");
    expect_key_of_subscription(AT_MS);
}

Test(notice, of_a_failing_endpoint_is_one_for_an_outage)
{
    notice_failing(&alerts, &subscription, AT_MS, "7 of 10 attempts failed within 30s");
    expect_said(ALERT_ENDPOINT_FAILING, ",\"failing_since\":\"2026-01-31T12:00:00.123Z\","
                                        "\"reason\":\"7 of 10 attempts failed within 30s\"");
    expect_key_of_subscription(AT_MS);
}

Test(notice, is_JSON_whatever_the_reason)
{
    notice_failing(&alerts, &subscription, AT_MS, "a \"quote\"\n");
    cr_expect(strstr(raised.payload, "\"reason\":\"a \\\"quote\\\"\\n\"") != NULL, "%s",
              raised.payload);
}

Test(notice, of_a_recovery_names_the_outage_that_is_over)
{
    notice_recovered(&alerts, &subscription, AT_MS);
    expect_said(ALERT_ENDPOINT_RECOVERED, ",\"failing_since\":\"2026-01-31T12:00:00.123Z\"");
    expect_key_of_subscription(AT_MS);
}

Test(notice, of_a_breach_is_one_a_day)
{
    struct sla_account account = {.deliveries = 1000, .good = 985};
    char key[ALERT_KEY_SIZE];
    tenant.sla = (struct sla){.objective = 0.99, .latency_ms = 5000};
    notice_breach(&alerts, &tenant, &account, AT_MS);
    expect_raised(ALERT_SLA_BREACHED, &tenant.id,
                  "{\"window\":\"24h\",\"sla\":{\"objective\":0.99,\"latency\":\"5s\"},"
                  "\"deliveries\":1000,\"good\":985,\"compliance\":0.985,"
                  "\"at\":\"2026-01-31T12:00:00.123Z\"}");
    snprintf(key, sizeof key, "%s", raised.key);
    notice_breach(&alerts, &tenant, &account, AT_MS + DAY_MS / 2 - 1000);
    cr_expect_str_eq(raised.key, key, "the same day");
    notice_breach(&alerts, &tenant, &account, AT_MS + DAY_MS / 2);
    cr_expect_str_neq(raised.key, key, "the next");
}

Test(notice, of_storage_is_for_the_operator_each_time)
{
    char key[ALERT_KEY_SIZE];
    notice_storage(&alerts, &tenant, 536870912, AT_MS);
    expect_raised(ALERT_STORAGE_LOW, &tenant.id,
                  "{\"free_min_bytes\":536870912,\"at\":\"2026-01-31T12:00:00.123Z\"}");
    snprintf(key, sizeof key, "%s", raised.key);
    notice_storage(&alerts, &tenant, 536870912, AT_MS + 1);
    cr_expect_str_neq(raised.key, key);
}

/* No word of an alert may be a secret, and a URL may hold one. */
Test(notice, never_has_a_URL)
{
    static char url[] = "https://user:secret@example.com/?key=secret";
    subscription.url_text = url;
    notice_disabled(&alerts, &subscription);
    cr_expect(strstr(raised.payload, "secret") == NULL);
    notice_failing(&alerts, &subscription, AT_MS, "x");
    cr_expect(strstr(raised.payload, "secret") == NULL);
    notice_recovered(&alerts, &subscription, AT_MS);
    cr_expect(strstr(raised.payload, "secret") == NULL);
}
