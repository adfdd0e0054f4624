/* subscription_parse.c - subscriptions from JSON: one table of fields, for API bodies and
 * for what is stored.
 *
 * A body is gone through once; each member is checked by its row of the table, and every fault is
 * noted with its place. Fields that this version does not support yet may be given as what they are
 * by default, so that a client can send back what it got. Control's thread.
 */
#include "base/text.h"
#include "base/units.h"
#include "draft.h"
#include "egress_rules.h"
#include "filter.h"
#include "retry.h"

#include <errno.h>
#include <stdlib.h>

enum { UID_SIZE = 128 };

/* ---- what it is and where it goes ---- */

static void parse_id(struct draft *draft, struct json_value value, const char *pointer)
{
    char digits[ID_TEXT_SIZE];
    struct slice text;
    if (!draft->vault)
        draft_check_same(draft, value, pointer,
                         draft->before ? id_print(&draft->before->id, "sub", digits) : SLICE(""));
    else if (!json_string(value, &text) || id_parse(text, "sub", &draft->made->id))
        faults_add(draft->faults, pointer, "must be an id");
}

static void parse_tenant(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!draft->vault)
        faults_add(draft->faults, pointer, "unknown field");
    else if (!json_string(value, &text) || id_parse(text, "ten", &draft->made->tenant))
        faults_add(draft->faults, pointer, "must be an id");
}

static void parse_moment(struct draft *draft, struct json_value value, const char *pointer,
                         uint64_t *moment_ms)
{
    char digits[32];
    struct text was;
    struct slice text;
    if (draft->vault) {
        if (!json_string(value, &text) || units_parse_time(text, moment_ms))
            faults_add(draft->faults, pointer, "must be a time");
        return;
    }
    text_init(&was, digits, sizeof digits);
    text_time(&was, *moment_ms);
    draft_check_same(draft, value, pointer, text_slice(&was));
}

static void parse_created(struct draft *draft, struct json_value value, const char *pointer)
{
    parse_moment(draft, value, pointer, &draft->made->created_ms);
}

static void parse_updated(struct draft *draft, struct json_value value, const char *pointer)
{
    parse_moment(draft, value, pointer, &draft->made->updated_ms);
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool is_type_char(char c)
{
    return is_name_char(c) || c == '/' || c == ':';
}

static bool all_are(struct slice text, bool (*is)(char c))
{
    for (size_t i = 0; i < text.size; i++)
        if (!is(text.at[i]))
            return false;
    return text.size > 0;
}

static void parse_uid(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (!draft_take_string(draft, value, pointer, UID_SIZE, &text))
        return;
    if (!form_is_uid(text, "sub"))
        faults_add(draft->faults, pointer,
                   "must be 1 to 128 of A-Z a-z 0-9 _ - . and not an id, \".\" or \"..\"");
    else
        draft_keep(draft, &draft->made->uid, text);
}

static void parse_url(struct draft *draft, struct json_value value, const char *pointer)
{
    struct subscription *made = draft->made;
    char why[URL_WHY_SIZE];
    struct slice text;
    draft->has_url = true;
    if (!draft_take_string(draft, value, pointer, URL_SIZE_MAX, &text))
        return;
    if (url_parse(text, &made->url, why)) {
        faults_add(draft->faults, pointer, "%s", why);
        return;
    }
    draft_keep(draft, &made->url_text, text);
    if (made->url_text)
        must(url_parse(slice_str(made->url_text), &made->url, why) == 0);
}

static void parse_description(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    if (draft_take_string(draft, value, pointer, LIMIT_DESCRIPTION_SIZE, &text))
        draft_keep(draft, &draft->made->description, text);
}

static void parse_metadata(struct draft *draft, struct json_value value, const char *pointer)
{
    char text[LIMIT_METADATA_SIZE];
    if (json_kind(value) != JSON_OBJECT) {
        faults_add(draft->faults, pointer, "must be an object");
        return;
    }
    long size = json_print(value, text, sizeof text);
    if (size < 0)
        faults_add(draft->faults, pointer, "must have at most %d bytes", LIMIT_METADATA_SIZE);
    else
        draft_keep(draft, &draft->made->metadata, slice_of(text, (size_t)size));
}

static void parse_status(struct draft *draft, struct json_value value, const char *pointer)
{
    struct slice text;
    for (unsigned i = SUBSCRIPTION_ACTIVE; i <= SUBSCRIPTION_DISABLED; i++) {
        if (json_string(value, &text) &&
            slice_equal(text, slice_str(subscription_status_name((enum subscription_status)i)))) {
            draft->made->status = (enum subscription_status)i;
            return;
        }
    }
    faults_add(draft->faults, pointer, "must be \"active\", \"paused\" or \"disabled\"");
}

/* The engine's word, which stands for as long as it is disabled. */
static void parse_disabled_reason(struct draft *draft, struct json_value value, const char *pointer)
{
    const struct subscription *before = draft->before;
    struct slice text;
    for (unsigned i = DISABLED_GONE; i <= DISABLED_FAILING; i++) {
        const char *name = disabled_reason_name((enum disabled_reason)i);
        if (json_string(value, &text) && slice_equal(text, slice_str(name)) &&
            (draft->vault || (before && before->disabled_reason == (enum disabled_reason)i))) {
            draft->made->disabled_reason = (enum disabled_reason)i;
            return;
        }
    }
    faults_add(draft->faults, pointer, "is set by the server");
}

/* ---- which events ---- */

/* An exact type, "prefix.*" or "*". */
static bool is_pattern(struct slice text)
{
    if (slice_equal(text, SLICE("*")))
        return true;
    if (text.size > LIMIT_TYPE_SIZE)
        return false;
    if (text.size > 2 && text.at[text.size - 1] == '*' && text.at[text.size - 2] == '.')
        text.size -= 2;
    return all_are(text, is_type_char);
}

static void parse_events(struct draft *draft, struct json_value value, const char *pointer)
{
    struct subscription *made = draft->made;
    uint64_t cursor = 0;
    struct json_value element;
    while (json_kind(value) == JSON_ARRAY && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        struct slice text;
        pointer_element(place, pointer, made->pattern_count);
        if (made->pattern_count == LIMIT_SUBSCRIPTION_PATTERNS) {
            faults_add(draft->faults, pointer, "must be at most %d", LIMIT_SUBSCRIPTION_PATTERNS);
            return;
        }
        if (!json_string(element, &text) || !is_pattern(text)) {
            faults_add(draft->faults, place,
                       "must be an event type, \"prefix.*\" or \"*\": 1 to %d of "
                       "A-Z a-z 0-9 _ - . / :",
                       LIMIT_TYPE_SIZE);
            text = SLICE("*");
        }
        draft_keep(draft, &made->patterns[made->pattern_count++], text);
    }
    if (made->pattern_count == 0)
        faults_add(draft->faults, pointer, "must be an array of at least one event type");
}

static void parse_channels(struct draft *draft, struct json_value value, const char *pointer)
{
    char buffer[LIMIT_CHANNELS * (LIMIT_TYPE_SIZE + sizeof "\"\",") + sizeof "[]"];
    struct text list;
    struct json_value element;
    uint64_t cursor = 0;
    unsigned count = 0;

    if (json_kind(value) != JSON_ARRAY) {
        faults_add(draft->faults, pointer, "must be an array of channels");
        return;
    }
    text_init(&list, buffer, sizeof buffer);
    while (count < LIMIT_CHANNELS && json_next(value, &cursor, NULL, &element)) {
        char place[FAULT_POINTER_SIZE];
        struct slice name;
        pointer_element(place, pointer, count);
        if (!json_string(element, &name) || name.size > LIMIT_TYPE_SIZE ||
            !all_are(name, is_type_char)) {
            faults_add(draft->faults, place,
                       "must be 1 to %d of A-Z a-z 0-9 _ - . / :", LIMIT_TYPE_SIZE);
            return;
        }
        text_char(&list, count++ == 0 ? '[' : ',');
        text_json(&list, name);
    }
    if (json_next(value, &cursor, NULL, &element))
        faults_add(draft->faults, pointer, "must be at most %d", LIMIT_CHANNELS);
    if (count > 0)
        text_char(&list, ']');
    draft_keep(draft, &draft->made->channels, text_slice(&list));
}

static void parse_egress(struct draft *draft, struct json_value value, const char *pointer)
{
    draft->out_of_memory |=
        egress_rules_parse(value, pointer, &draft->made->egress, draft->faults) != 0;
}

static void parse_filter(struct draft *draft, struct json_value value, const char *pointer)
{
    filter_drop(draft->made->filter);
    draft->out_of_memory |=
        filter_compile(value, pointer, &draft->made->filter, draft->faults) == -ENOMEM;
}

static const struct field subscription_fields[] = {
    {"id", parse_id},
    {"tenant", parse_tenant},
    {"uid", parse_uid},
    {"url", parse_url},
    {"events", parse_events},
    {"channels", parse_channels},
    {"filter", parse_filter},
    {"description", parse_description},
    {"metadata", parse_metadata},
    {"status", parse_status},
    {"disabled_reason", parse_disabled_reason},
    {"secret", draft_parse_secret},
    {"secrets", draft_parse_secrets},
    {"signature", draft_parse_signature},
    {"retry", draft_parse_retry},
    {"timeout", draft_parse_timeout},
    {"method", draft_parse_method},
    {"headers", draft_parse_headers},
    {"rate_limit", draft_parse_rate_limit},
    {"concurrency", draft_parse_concurrency},
    {"breaker", draft_parse_breaker},
    {"ordering", draft_parse_ordering},
    {"delivery", draft_parse_delivery},
    {"compression", draft_parse_compression},
    {"auth", draft_parse_auth},
    {"tls", draft_parse_tls},
    {"egress", parse_egress},
    {"redact", draft_parse_redact},
    {"created_at", parse_created},
    {"updated_at", parse_updated},
};

/* ---- the whole ---- */

static void set_standards(struct draft *draft)
{
    struct subscription *made = draft->made;
    const struct subscription *before = draft->before;
    if (before) {
        made->id = before->id;
        made->tenant = before->tenant;
        made->created_ms = before->created_ms;
        made->updated_ms = before->updated_ms;
    }
    made->patterns = calloc(LIMIT_SUBSCRIPTION_PATTERNS, sizeof *made->patterns);
    draft->out_of_memory |= !made->patterns;
    draft_keep(draft, &made->channels, SLICE(""));
    draft_keep(draft, &made->ordering_key, SLICE(""));
    draft_keep(draft, &made->description, SLICE(""));
    draft_keep(draft, &made->metadata, SLICE("{}"));
    draft_keep(draft, &made->headers, SLICE(""));
    made->retry_count = retry_preset(SLICE("day"), made->retry_ms);
    made->jitter = 0.1;
    made->timeout_ms = 15000;
    memcpy(made->method, "POST", sizeof "POST");
    made->concurrency = (struct concurrency_settings){.max = 64, .adaptive = true};
    draft_set_breaker(draft);
    made->tls_verify = true;
}

static void settle(struct draft *draft)
{
    struct subscription *made = draft->made;
    if (!made->url_text && !draft->has_url)
        faults_add(draft->faults, "/url", "is required");
    if (made->pattern_count == 0)
        draft_keep(draft, &made->patterns[made->pattern_count++], SLICE("*"));
    if (made->status != SUBSCRIPTION_DISABLED)
        made->disabled_reason = DISABLED_BY_USER;
    draft_settle_breaker(draft);
    draft_settle_signature(draft);
    draft_settle_tls(draft);
    draft_settle_auth(draft);
    draft_settle_mode(draft);
    draft_settle_secrets(draft);
}

/* The patterns were given room for as many as there may be. */
static void shrink_patterns(struct subscription *made)
{
    char **fit = realloc(made->patterns, made->pattern_count * sizeof *fit);
    if (fit)
        made->patterns = fit;
}

static int parse(struct draft *draft, struct json_value body, struct subscription **made)
{
    draft->made = calloc(1, sizeof *draft->made);
    if (!draft->made)
        return -ENOMEM;
    set_standards(draft);
    if (!draft->out_of_memory)
        DRAFT_WALK(draft, body, "", subscription_fields);
    if (!draft->out_of_memory)
        settle(draft);

    int error = draft->out_of_memory ? -ENOMEM : draft->faults->count ? -EINVAL : 0;
    if (error) {
        subscription_free(draft->made);
        return error;
    }
    shrink_patterns(draft->made);
    *made = draft->made;
    return 0;
}

int subscription_parse(struct json_value body, const struct subscription *before,
                       struct subscription **made, struct faults *faults)
{
    struct draft draft = {.before = before, .faults = faults};
    faults->count = 0;
    return parse(&draft, body, made);
}

int subscription_parse_stored(struct json_value document, struct vault *vault,
                              struct subscription **made, struct faults *faults)
{
    struct draft draft = {.vault = vault, .faults = faults};
    faults->count = 0;
    int error = parse(&draft, document, made);
    draft_close(&draft);
    return error;
}
