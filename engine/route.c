/* route.c - see route.h. A glob is kept under its text without the '*' ("a.b."), an exact type
 * under itself, and "*" under the empty text; `glob` tells "a." the glob from "a." the type.
 */
#include "route.h"

#include "alert.h"
#include "channels.h"

#include <errno.h>
#include <stdlib.h>

struct pattern {
    struct table_node node;
    bool glob;
    unsigned count, room;
    const struct subscription **subscriptions;
    size_t size;
    char text[];
};

static uint64_t hash_of(struct slice text, bool glob)
{
    return table_hash(text.at, text.size) ^ (glob ? UINT64_C(0x9e3779b97f4a7c15) : 0);
}

static struct pattern *find(const struct route *route, struct slice text, bool glob)
{
    struct table_node *node = table_first(&route->patterns, hash_of(text, glob));
    for (; node; node = table_next(node)) {
        struct pattern *pattern = container_of(node, struct pattern, node);
        if (pattern->glob == glob && slice_equal(slice_of(pattern->text, pattern->size), text))
            return pattern;
    }
    return NULL;
}

/* "a.b.*" is the glob "a.b."; "*" the glob "". */
static struct slice split(const char *written, bool *glob)
{
    struct slice text = slice_str(written);
    *glob = text.size > 0 && text.at[text.size - 1] == '*';
    if (*glob)
        text.size--;
    return text;
}

static struct pattern *make(struct route *route, struct slice text, bool glob)
{
    struct pattern *pattern = calloc(1, sizeof *pattern + text.size + 1);
    if (!pattern)
        return NULL;
    pattern->glob = glob;
    pattern->size = text.size;
    memcpy(pattern->text, text.at, text.size);
    table_put(&route->patterns, &pattern->node, hash_of(text, glob));
    return pattern;
}

static void drop_if_empty(struct route *route, struct pattern *pattern)
{
    if (pattern->count > 0)
        return;
    table_drop(&route->patterns, &pattern->node);
    free(pattern->subscriptions);
    free(pattern);
}

static int pattern_add(struct pattern *pattern, const struct subscription *subscription)
{
    if (pattern->count == pattern->room) {
        unsigned room = pattern->room ? pattern->room * 2 : 1;
        const struct subscription **grown =
            realloc(pattern->subscriptions, room * sizeof(struct subscription *));
        if (!grown)
            return -ENOMEM;
        pattern->subscriptions = grown;
        pattern->room = room;
    }
    pattern->subscriptions[pattern->count++] = subscription;
    return 0;
}

static void pattern_remove(struct pattern *pattern, const struct subscription *subscription)
{
    for (unsigned i = 0; i < pattern->count; i++) {
        if (pattern->subscriptions[i] == subscription) {
            pattern->subscriptions[i] = pattern->subscriptions[--pattern->count];
            return;
        }
    }
}

int route_open(struct route *route)
{
    return table_open(&route->patterns, 16);
}

void route_close(struct route *route)
{
    struct table_node *node;
    while ((node = table_walk(&route->patterns, NULL))) {
        struct pattern *pattern = container_of(node, struct pattern, node);
        pattern->count = 0;
        drop_if_empty(route, pattern);
    }
    table_close(&route->patterns);
}

int route_add(struct route *route, const struct subscription *subscription)
{
    for (unsigned i = 0; i < subscription->pattern_count; i++) {
        bool glob;
        struct slice text = split(subscription->patterns[i], &glob);
        struct pattern *pattern = find(route, text, glob);
        if (!pattern)
            pattern = make(route, text, glob);
        if (!pattern || pattern_add(pattern, subscription)) {
            if (pattern)
                drop_if_empty(route, pattern);
            route_remove(route, subscription);
            return -ENOMEM;
        }
    }
    return 0;
}

void route_remove(struct route *route, const struct subscription *subscription)
{
    for (unsigned i = 0; i < subscription->pattern_count; i++) {
        bool glob;
        struct slice text = split(subscription->patterns[i], &glob);
        struct pattern *pattern = find(route, text, glob);
        if (!pattern)
            continue;
        pattern_remove(pattern, subscription);
        drop_if_empty(route, pattern);
    }
}

struct matches {
    const struct subscription **at;
    unsigned count, max;
    struct slice channels; /* of the event */
};

static bool is_there(const struct matches *matches, const struct subscription *subscription)
{
    unsigned stored = matches->count < matches->max ? matches->count : matches->max;
    for (unsigned i = 0; i < stored; i++)
        if (matches->at[i] == subscription)
            return true;
    return false;
}

static void gather(struct matches *matches, const struct pattern *pattern)
{
    for (unsigned i = 0; i < pattern->count; i++) {
        const struct subscription *subscription = pattern->subscriptions[i];
        /* Only one with several patterns can come twice. */
        if (subscription->pattern_count > 1 && is_there(matches, subscription))
            continue;
        if (!channels_match(slice_str(subscription->channels), matches->channels))
            continue;
        if (matches->count < matches->max)
            matches->at[matches->count] = subscription;
        matches->count++;
    }
}

unsigned route_match(const struct route *route, struct slice type, struct slice channels,
                     const struct subscription **found, unsigned max)
{
    struct matches matches = {found, 0, max, channels};
    const struct pattern *pattern = find(route, type, false);
    if (pattern)
        gather(&matches, pattern);
    /* "*" is all that producers publish; alerts are for those that name them. */
    pattern = alert_is_type(type) ? NULL : find(route, SLICE(""), true);
    if (pattern)
        gather(&matches, pattern);

    /* "a.b.c": the globs "a." and "a.b."; one segment at least has to follow. */
    for (size_t i = 0; i + 1 < type.size; i++) {
        if (type.at[i] != '.')
            continue;
        pattern = find(route, slice_of(type.at, i + 1), true);
        if (pattern)
            gather(&matches, pattern);
    }
    return matches.count;
}
