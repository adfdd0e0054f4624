/* subscription_print.c - subscriptions as JSON: for their owners, and for `meta`. Control's thread.
 */
#include "auth.h"
#include "base/text.h"
#include "egress_rules.h"
#include "faults.h"
#include "filter.h"
#include "lines.h"
#include "signature.h"
#include "template.h"
#include "vault.h"

#include <stdio.h>
#include <stdlib.h>

static void put_id(struct text *text, const char *key, const struct id *id, const char *prefix)
{
    char digits[ID_TEXT_SIZE];
    text_printf(text, "\"%s\":\"%s\",", key, id_print(id, prefix, digits).at);
}

/* A member whose value is a string, or null if there is none, and a comma. */
static void put_string(struct text *text, const char *key, const char *value)
{
    text_printf(text, "\"%s\":", key);
    if (value)
        text_json(text, slice_str(value));
    else
        text_put(text, SLICE("null"));
    text_char(text, ',');
}

static void put_patterns(struct text *text, const struct subscription *subscription)
{
    text_put(text, SLICE("\"events\":["));
    for (unsigned i = 0; i < subscription->pattern_count; i++) {
        if (i)
            text_char(text, ',');
        text_json(text, slice_str(subscription->patterns[i]));
    }
    text_put(text, SLICE("],"));
}

static void put_signature(struct text *text, const struct subscription *subscription)
{
    const struct template *template = subscription->template;
    text_printf(text, "\"signature\":{\"scheme\":\"%s\"",
                signature_scheme_name(subscription->scheme));
    if (template) {
        text_put(text, SLICE(",\"content\":"));
        text_json(text, template->content_text);
    }
    if (template || subscription->signature_header) {
        text_put(text, SLICE(",\"header\":"));
        text_json(text,
                  template ? template->header_text : slice_str(subscription->signature_header));
    }
    text_put(text, SLICE("},"));
}

/* With as few digits as say the same number. */
static void put_double(struct text *text, double value)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%.15g", value);
    if (strtod(digits, NULL) != value)
        snprintf(digits, sizeof digits, "%.17g", value);
    text_put(text, slice_str(digits));
}

static void put_duration(struct text *text, uint64_t duration_ms)
{
    text_char(text, '"');
    text_duration(text, duration_ms);
    text_char(text, '"');
}

static void put_retry(struct text *text, const struct subscription *subscription)
{
    text_put(text, SLICE("\"retry\":{\"schedule\":["));
    for (unsigned i = 0; i < subscription->retry_count; i++) {
        if (i)
            text_char(text, ',');
        put_duration(text, subscription->retry_ms[i]);
    }
    text_put(text, SLICE("],\"jitter\":"));
    put_double(text, subscription->jitter);
    text_put(text, SLICE("},"));
}

static void put_rate_limit(struct text *text, const struct subscription *subscription)
{
    const struct throttle_rate *rate = &subscription->rate_limit;
    if (rate->per_second == 0) {
        text_put(text, SLICE("\"rate_limit\":null,"));
        return;
    }
    text_put(text, SLICE("\"rate_limit\":{\"per_second\":"));
    put_double(text, rate->per_second);
    text_printf(text, ",\"burst\":%u},", rate->burst);
}

static void put_breaker(struct text *text, const struct subscription *subscription)
{
    const struct breaker_settings *breaker = &subscription->breaker;
    text_put(text, SLICE("\"breaker\":{\"window\":"));
    put_duration(text, breaker->window_ms);
    text_printf(text, ",\"min_attempts\":%u,\"failure_rate\":", breaker->min_attempts);
    put_double(text, breaker->failure_rate);
    text_put(text, SLICE(",\"cooldown\":"));
    put_duration(text, breaker->cooldown_ms);
    text_put(text, SLICE(",\"max_cooldown\":"));
    put_duration(text, breaker->max_cooldown_ms);
    text_put(text, SLICE("},"));
}

static void put_headers(struct text *text, const struct subscription *subscription)
{
    struct slice rest = slice_str(subscription->headers);
    text_put(text, SLICE("\"headers\":{"));
    for (bool first = true; rest.size; first = false) {
        size_t line = slice_find(rest, '\r'), colon = slice_find(rest, ':');
        must(colon + 2 <= line && line + 2 <= rest.size);
        if (!first)
            text_char(text, ',');
        text_json(text, slice_of(rest.at, colon));
        text_char(text, ':');
        text_json(text, slice_of(rest.at + colon + 2, line - colon - 2));
        rest = slice_skip(rest, line + 2);
    }
    text_put(text, SLICE("},"));
}

static void put_ordering(struct text *text, const struct subscription *subscription)
{
    if (subscription->ordering != ORDERING_KEY) {
        put_string(text, "ordering", subscription->ordering == ORDERING_STRICT ? "strict" : "none");
        return;
    }
    text_put(text, SLICE("\"ordering\":{\"key\":"));
    text_json(text, slice_str(subscription->ordering_key));
    text_put(text, SLICE("},"));
}

static void put_delivery(struct text *text, const struct batch_settings *batch)
{
    if (batch->events == 0) {
        text_put(text, SLICE("\"delivery\":{\"mode\":\"single\"},"));
        return;
    }
    text_printf(text, "\"delivery\":{\"mode\":\"batch\",\"max_events\":%u,\"max_bytes\":%llu,",
                batch->events, (unsigned long long)batch->bytes);
    text_put(text, SLICE("\"max_wait\":"));
    put_duration(text, batch->wait_ms);
    text_put(text, SLICE("},"));
}

/* A secret as it is stored: sealed for the place `pointer` of this subscription. */
static void put_sealed(struct text *text, const struct subscription *subscription,
                       const struct vault *vault, const char *pointer, struct slice secret)
{
    const struct vault_place place = {&subscription->tenant, &subscription->id, pointer};
    text_char(text, '"');
    vault_seal(vault, &place, secret, text);
    text_char(text, '"');
}

static void put_secrets(struct text *text, const struct subscription *subscription,
                        const struct vault *vault)
{
    char pointer[FAULT_POINTER_SIZE];
    text_put(text, SLICE("\"secrets\":["));
    for (unsigned i = 0; i < subscription->secret_count; i++) {
        if (i)
            text_char(text, ',');
        text_put(text, SLICE("{\"secret\":"));
        pointer_element(pointer, "/secrets", i);
        put_sealed(text, subscription, vault, pointer, slice_str(subscription->secrets[i].text));
        if (subscription->secrets[i].until_ms) {
            text_put(text, SLICE(",\"until\":\""));
            text_time(text, subscription->secrets[i].until_ms);
            text_char(text, '"');
        }
        text_char(text, '}');
    }
    text_put(text, SLICE("],"));
}

static void put_words(struct text *text, const char *words)
{
    struct slice rest = slice_str(words);
    const char *comma = "";
    text_char(text, '[');
    while (rest.size) {
        struct slice word = slice_of(rest.at, slice_find(rest, ' '));
        text_put(text, slice_str(comma));
        text_json(text, word);
        rest = slice_skip(rest, word.size + 1);
        comma = ",";
    }
    text_char(text, ']');
}

static void put_auth_text(struct text *text, const struct subscription *subscription,
                          const struct vault *vault, const struct auth_member *member)
{
    const char *value = subscription->auth->texts[member->text];
    char pointer[FAULT_POINTER_SIZE];
    text_printf(text, ",\"%s\":", member->name);
    if (member->is_secret && vault) {
        pointer_member(pointer, "/auth", slice_str(member->name));
        put_sealed(text, subscription, vault, pointer, slice_str(value));
    } else if (member->kind == AUTH_KIND_STRING) {
        text_json(text, slice_str(value));
    } else if (member->kind == AUTH_KIND_WORDS) {
        put_words(text, value);
    } else {
        text_put(text, slice_str(value));
    }
}

/* Secrets are sealed by `vault`; without one they are shown only if `is_whole`. */
static void put_auth(struct text *text, const struct subscription *subscription,
                     const struct vault *vault, bool is_whole)
{
    const struct auth *auth = subscription->auth;
    if (!auth) {
        text_put(text, SLICE("\"auth\":null,"));
        return;
    }
    text_printf(text, "\"auth\":{\"type\":\"%s\"", auth_type_name(auth->type));
    if (auth->type == AUTH_JWT) {
        text_printf(text,
                    ",\"algorithm\":\"%s\",\"expires_in\":", jwt_algorithm_name(auth->algorithm));
        put_duration(text, auth->expires_ms);
    }
    if (auth->type == AUTH_OAUTH2)
        text_printf(text, ",\"client_authentication\":\"%s\"", auth->is_in_body ? "body" : "basic");
    for (unsigned i = 0; i < auth_member_count; i++) {
        const struct auth_member *member = &auth_members[i];
        if ((member->types & AUTH_FOR(auth->type)) && auth->texts[member->text] &&
            (!member->is_secret || vault || is_whole))
            put_auth_text(text, subscription, vault, member);
    }
    text_put(text, SLICE("},"));
}

/* What is as by default is left out, but for `verify`. */
static void put_tls(struct text *text, const struct subscription *subscription)
{
    char pin[TRUST_PIN_TEXT_SIZE];
    text_printf(text, "\"tls\":{\"verify\":%s", subscription->tls_verify ? "true" : "false");
    if (subscription->tls_roots) {
        text_put(text, SLICE(",\"ca\":"));
        text_json(text, slice_str(subscription->tls_roots));
    }
    for (unsigned i = 0; i < subscription->tls_pin_count; i++) {
        text_put(text, i == 0 ? SLICE(",\"pins\":[") : SLICE(","));
        text_json(text, trust_print_pin(&subscription->tls_pins[i], pin));
    }
    if (subscription->tls_pin_count > 0)
        text_char(text, ']');
    if (subscription->tls_version_min == TRUST_TLS_1_3)
        text_put(text, SLICE(",\"min_version\":\"1.3\""));
    text_put(text, SLICE("},"));
}

/* NULL: none. */
static void put_lines(struct text *text, const char *lines)
{
    struct slice rest = slice_str(lines ? lines : "");
    const char *comma = "";
    text_char(text, '[');
    while (rest.size) {
        text_put(text, slice_str(comma));
        text_json(text, lines_take(&rest, "\n"));
        comma = ",";
    }
    text_char(text, ']');
}

static void put_redact(struct text *text, const struct subscription *subscription)
{
    text_put(text, SLICE("\"redact\":{\"pointers\":"));
    put_lines(text, subscription->redact_pointers);
    text_put(text, SLICE(",\"patterns\":"));
    put_lines(text, subscription->redact_patterns);
    text_put(text, SLICE("},"));
}

/* What follows the first members, which the views differ in. */
static void put_rest(struct text *text, const struct subscription *subscription,
                     const struct vault *vault, bool is_whole)
{
    put_string(text, "uid", subscription->uid);
    put_string(text, "url", subscription->url_text);
    put_patterns(text, subscription);
    text_printf(text, "\"channels\":%s,\"filter\":",
                subscription->channels[0] ? subscription->channels : "[]");
    text_put(text, subscription->filter ? filter_text(subscription->filter) : SLICE("null"));
    text_char(text, ',');
    put_string(text, "description", subscription->description);
    text_printf(text, "\"metadata\":%s,", subscription->metadata);
    put_string(text, "status", subscription_status_name(subscription->status));
    put_string(text, "disabled_reason", disabled_reason_name(subscription->disabled_reason));
    put_signature(text, subscription);
    put_retry(text, subscription);
    text_put(text, SLICE("\"timeout\":"));
    put_duration(text, subscription->timeout_ms);
    text_printf(text, ",\"method\":\"%s\",", subscription->method);
    put_headers(text, subscription);
    put_rate_limit(text, subscription);
    text_printf(text, "\"concurrency\":{\"max\":%u,\"adaptive\":%s},",
                subscription->concurrency.max,
                subscription->concurrency.adaptive ? "true" : "false");
    put_breaker(text, subscription);
    put_ordering(text, subscription);
    put_delivery(text, &subscription->batch);
    text_printf(text, "\"compression\":\"%s\",", subscription->gzip ? "gzip" : "none");
    put_auth(text, subscription, vault, is_whole);
    put_tls(text, subscription);
    text_put(text, SLICE("\"egress\":"));
    egress_rules_print(subscription->egress, text);
    text_char(text, ',');
    put_redact(text, subscription);
    text_put(text, SLICE("\"created_at\":\""));
    text_time(text, subscription->created_ms);
    text_put(text, SLICE("\",\"updated_at\":\""));
    text_time(text, subscription->updated_ms);
    text_put(text, SLICE("\"}"));
}

void subscription_print(const struct subscription *subscription, enum subscription_view view,
                        struct text *text)
{
    text_char(text, '{');
    put_id(text, "id", &subscription->id, "sub");
    if (view == SUBSCRIPTION_WITH_SECRET)
        put_string(text, "secret", subscription->secrets[0].text);
    put_rest(text, subscription, NULL, view == SUBSCRIPTION_WHOLE);
}

void subscription_print_stored(const struct subscription *subscription, const struct vault *vault,
                               struct text *text)
{
    text_char(text, '{');
    put_id(text, "id", &subscription->id, "sub");
    put_id(text, "tenant", &subscription->tenant, "ten");
    put_secrets(text, subscription, vault);
    put_rest(text, subscription, vault, true);
}
