/* notice.c - see notice.h. Payloads have ids, reasons and counts; nothing that may be a secret, so
 * no URL. */
#include "notice.h"

#include "subscription.h"

#include <stdio.h>

enum { DAY_MS = 24 * 3600 * 1000 };

struct notice {
    struct text text;
    char payload[ALERT_PAYLOAD_SIZE];
};

static void put_time(struct text *text, const char *name, uint64_t wall_ms)
{
    text_printf(text, ",\"%s\":\"", name);
    text_time(text, wall_ms);
    text_char(text, '"');
}

/* Up to the subscription's own names. */
static void begin(struct notice *notice, const struct subscription *subscription)
{
    char digits[ID_TEXT_SIZE];
    struct text *text = &notice->text;
    text_init(text, notice->payload, sizeof notice->payload);
    text_printf(text, "{\"subscription_id\":\"%s\"", id_print(&subscription->id, "sub", digits).at);
}

static void end(struct alerts *alerts, struct notice *notice, enum alert_kind kind,
                const struct subscription *subscription, uint64_t moment_ms)
{
    char key[ALERT_KEY_SIZE], digits[ID_TEXT_SIZE];
    text_char(&notice->text, '}');
    must(text_ok(&notice->text));
    snprintf(key, sizeof key, "%s/%llu", id_print(&subscription->id, "sub", digits).at,
             (unsigned long long)moment_ms);
    alerts_raise(alerts, kind, &subscription->tenant, key, text_slice(&notice->text));
}

void notice_disabled(struct alerts *alerts, const struct subscription *subscription)
{
    struct notice notice;
    begin(&notice, subscription);
    text_printf(&notice.text, ",\"reason\":\"%s\"",
                disabled_reason_name(subscription->disabled_reason));
    put_time(&notice.text, "at", subscription->updated_ms);
    end(alerts, &notice, ALERT_ENDPOINT_DISABLED, subscription, subscription->updated_ms);
}

void notice_failing(struct alerts *alerts, const struct subscription *subscription,
                    uint64_t since_ms, const char *why)
{
    struct notice notice;
    begin(&notice, subscription);
    put_time(&notice.text, "failing_since", since_ms);
    text_put(&notice.text, SLICE(",\"reason\":"));
    text_json(&notice.text, slice_str(why));
    end(alerts, &notice, ALERT_ENDPOINT_FAILING, subscription, since_ms);
}

void notice_recovered(struct alerts *alerts, const struct subscription *subscription,
                      uint64_t since_ms)
{
    struct notice notice;
    begin(&notice, subscription);
    put_time(&notice.text, "failing_since", since_ms);
    end(alerts, &notice, ALERT_ENDPOINT_RECOVERED, subscription, since_ms);
}

void notice_breach(struct alerts *alerts, const struct tenant *tenant,
                   const struct sla_account *account, uint64_t wall_ms)
{
    char payload[ALERT_PAYLOAD_SIZE], key[ALERT_KEY_SIZE];
    struct text text;
    text_init(&text, payload, sizeof payload);
    text_put(&text, SLICE("{\"window\":\"24h\",\"sla\":"));
    sla_print(&tenant->sla, &text);
    text_printf(&text, ",\"deliveries\":%llu,\"good\":%llu,\"compliance\":%.6g",
                (unsigned long long)account->deliveries, (unsigned long long)account->good,
                (double)account->good / (double)account->deliveries);
    put_time(&text, "at", wall_ms);
    text_char(&text, '}');
    must(text_ok(&text));
    snprintf(key, sizeof key, "%llu", (unsigned long long)(wall_ms / DAY_MS));
    alerts_raise(alerts, ALERT_SLA_BREACHED, &tenant->id, key, text_slice(&text));
}

void notice_storage(struct alerts *alerts, const struct tenant *tenant, uint64_t free_min_bytes,
                    uint64_t wall_ms)
{
    char payload[ALERT_PAYLOAD_SIZE], key[ALERT_KEY_SIZE];
    struct text text;
    text_init(&text, payload, sizeof payload);
    text_printf(&text, "{\"free_min_bytes\":%llu", (unsigned long long)free_min_bytes);
    put_time(&text, "at", wall_ms);
    text_char(&text, '}');
    must(text_ok(&text));
    snprintf(key, sizeof key, "%llu", (unsigned long long)wall_ms);
    alerts_raise(alerts, ALERT_STORAGE_LOW, &tenant->id, key, text_slice(&text));
}
