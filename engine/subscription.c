/* subscription.c - the life of subscriptions. Their JSON is read by subscription_parse.c and
 * written by subscription_print.c. Control's thread.
 */
#include "subscription.h"

#include <stdlib.h>

void subscription_free(struct subscription *subscription)
{
    if (!subscription)
        return;
    for (unsigned i = 0; subscription->patterns && i < subscription->pattern_count; i++)
        free(subscription->patterns[i]);
    free(subscription->patterns);
    free(subscription->url_text);
    free(subscription->signature_header);
    free(subscription->headers);
    free(subscription->uid);
    free(subscription->description);
    free(subscription->metadata);
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

struct subscription *subscription_copy(const struct subscription *subscription)
{
    struct subscription *copy = malloc(sizeof *copy);
    if (!copy)
        return NULL;
    *copy = *subscription;
    copy->patterns = NULL;
    copy->url_text = copy->signature_header = copy->headers = NULL;
    copy->uid = copy->description = copy->metadata = NULL;

    if (!copy_patterns(copy, subscription) ||
        !copy_string(&copy->url_text, subscription->url_text) ||
        !copy_string(&copy->signature_header, subscription->signature_header) ||
        !copy_string(&copy->headers, subscription->headers) ||
        !copy_string(&copy->uid, subscription->uid) ||
        !copy_string(&copy->description, subscription->description) ||
        !copy_string(&copy->metadata, subscription->metadata)) {
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
