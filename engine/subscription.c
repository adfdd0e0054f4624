/* subscription.c - the life of subscriptions. Their JSON is read by subscription_parse.c and
 * written by subscription_print.c. Control's thread.
 */
#include "subscription.h"

#include "auth.h"
#include "egress_rules.h"
#include "filter.h"
#include "secret.h"
#include "template.h"

#include <stdlib.h>

void subscription_touch(struct subscription *after, const struct subscription *before,
                        uint64_t now_ms)
{
    after->updated_ms = now_ms > before->updated_ms ? now_ms : before->updated_ms + 1;
}

void subscription_free(struct subscription *subscription)
{
    if (!subscription)
        return;
    for (unsigned i = 0; subscription->patterns && i < subscription->pattern_count; i++)
        free(subscription->patterns[i]);
    free(subscription->patterns);
    free(subscription->channels);
    filter_drop(subscription->filter);
    free(subscription->ordering_key);
    free(subscription->redact_pointers);
    free(subscription->redact_patterns);
    free(subscription->url_text);
    free(subscription->signature_header);
    free(subscription->template);
    for (unsigned i = 0; i < subscription->secret_count; i++)
        secret_erase(subscription->secrets[i].text);
    free(subscription->headers);
    free(subscription->tls_roots);
    free(subscription->tls_pins);
    free(subscription->uid);
    free(subscription->description);
    free(subscription->metadata);
    auth_free(subscription->auth);
    free(subscription->egress);
    free(subscription);
}

/* Copies a string that may be absent; false if memory was wanting. */
static bool copy_string(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return *to || !from;
}

static bool copy_patterns(struct subscription *to, const struct subscription *from)
{
    to->patterns = calloc(from->pattern_count, sizeof *to->patterns);
    if (!to->patterns)
        return false;
    for (unsigned i = 0; i < from->pattern_count; i++)
        if (!copy_string(&to->patterns[i], from->patterns[i]))
            return false;
    return true;
}

static bool copy_signature(struct subscription *to, const struct subscription *from)
{
    for (unsigned i = 0; i < from->secret_count; i++)
        if (!copy_string(&to->secrets[i].text, from->secrets[i].text))
            return false;
    to->template = from->template ? template_copy(from->template) : NULL;
    return (to->template || !from->template) &&
           copy_string(&to->signature_header, from->signature_header);
}

static bool copy_tls(struct subscription *to, const struct subscription *from)
{
    size_t size = from->tls_pin_count * sizeof *to->tls_pins;
    if (size > 0) {
        to->tls_pins = malloc(size);
        if (!to->tls_pins)
            return false;
        memcpy(to->tls_pins, from->tls_pins, size);
    }
    return copy_string(&to->tls_roots, from->tls_roots);
}

static bool copy_egress(struct subscription *to, const struct subscription *from)
{
    to->egress = egress_rules_copy(from->egress);
    return to->egress || !from->egress;
}

struct subscription *subscription_copy(const struct subscription *subscription)
{
    struct subscription *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *subscription;
    copy->patterns = NULL;
    copy->channels = copy->ordering_key = NULL;
    copy->redact_pointers = copy->redact_patterns = NULL;
    copy->url_text = copy->signature_header = copy->headers = NULL;
    copy->template = NULL;
    copy->filter = filter_share(subscription->filter);
    copy->auth = NULL;
    copy->egress = NULL;
    copy->tls_roots = NULL;
    copy->tls_pins = NULL;
    for (unsigned i = 0; i < LIMIT_SECRETS; i++)
        copy->secrets[i].text = NULL;
    copy->uid = copy->description = copy->metadata = NULL;

    if (!copy_patterns(copy, subscription) ||
        !copy_string(&copy->channels, subscription->channels) ||
        !copy_string(&copy->ordering_key, subscription->ordering_key) ||
        !copy_string(&copy->redact_pointers, subscription->redact_pointers) ||
        !copy_string(&copy->redact_patterns, subscription->redact_patterns) ||
        !copy_string(&copy->url_text, subscription->url_text) ||
        !copy_signature(copy, subscription) ||
        !copy_string(&copy->headers, subscription->headers) || !copy_tls(copy, subscription) ||
        !copy_string(&copy->uid, subscription->uid) ||
        !copy_string(&copy->description, subscription->description) ||
        !copy_string(&copy->metadata, subscription->metadata) ||
        !auth_copy(&copy->auth, subscription->auth) || !copy_egress(copy, subscription)) {
        subscription_free(copy);
        return NULL;
    }
    char why[URL_WHY_SIZE];
    must(url_parse(slice_str(copy->url_text), &copy->url, why) == 0);
    return copy;
}

const char *subscription_status_name(enum subscription_status status)
{
    static const char *const names[] = {
        [SUBSCRIPTION_ACTIVE] = "active",
        [SUBSCRIPTION_PAUSED] = "paused",
        [SUBSCRIPTION_DISABLED] = "disabled",
    };
    return names[status];
}

const char *disabled_reason_name(enum disabled_reason reason)
{
    static const char *const names[] = {
        [DISABLED_BY_USER] = NULL,
        [DISABLED_GONE] = "gone",
        [DISABLED_FAILING] = "failing",
    };
    return names[reason];
}
