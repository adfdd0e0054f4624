/* router.c - see router.h. No state. */
#include "router.h"

#include "subscription.h"

#include <stdio.h>

enum { READERS = SCOPE_READ | SCOPE_MANAGE };

#define TENANTS       "/api/v1/tenants"
#define KEYS          "/api/v1/keys"
#define SUBSCRIPTIONS "/api/v1/webhooks/subscriptions"
#define EVENTS        "/api/v1/webhooks/events"
#define DELIVERIES    "/api/v1/webhooks/deliveries"

static const struct api_route routes[] = {
    {"GET", "/healthz", 0, health_live},
    {"GET", "/readyz", 0, health_ready},
    {"GET", "/metrics", 0, figures_get},
    {"GET", TENANTS, READERS, tenants_list},
    {"POST", TENANTS, SCOPE_ADMIN, tenants_create},
    {"GET", TENANTS "/{id}", READERS, tenants_get},
    {"PATCH", TENANTS "/{id}", SCOPE_ADMIN, tenants_patch},
    {"DELETE", TENANTS "/{id}", SCOPE_ADMIN, tenants_delete},
    {"GET", KEYS, SCOPE_MANAGE, keys_list},
    {"POST", KEYS, SCOPE_MANAGE, keys_create},
    {"GET", KEYS "/{id}", SCOPE_MANAGE, keys_get},
    {"DELETE", KEYS "/{id}", SCOPE_MANAGE, keys_delete},
    {"GET", SUBSCRIPTIONS, READERS, subscriptions_list},
    {"POST", SUBSCRIPTIONS, SCOPE_MANAGE, subscriptions_create},
    {"GET", SUBSCRIPTIONS "/{id}", READERS, subscriptions_get},
    {"PUT", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_replace},
    {"PATCH", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_patch},
    {"DELETE", SUBSCRIPTIONS "/{id}", SCOPE_MANAGE, subscriptions_delete},
    {"GET", SUBSCRIPTIONS "/{id}/secret", SCOPE_MANAGE, secrets_get},
    {"POST", SUBSCRIPTIONS "/{id}/rotate-secret", SCOPE_MANAGE, secrets_rotate},
    {"POST", SUBSCRIPTIONS "/{id}/pause", SCOPE_MANAGE, subscriptions_pause},
    {"POST", SUBSCRIPTIONS "/{id}/resume", SCOPE_MANAGE, subscriptions_resume},
    {"GET", SUBSCRIPTIONS "/{id}/stats", READERS, subscriptions_stats},
    {"GET", EVENTS, READERS, events_list},
    {"POST", EVENTS, SCOPE_INGEST, events_publish},
    {"GET", EVENTS "/{id}", READERS, events_get},
    {"GET", DELIVERIES, READERS, deliveries_list},
    {"GET", DELIVERIES "/{id}", READERS, deliveries_get},
    {"GET", DELIVERIES "/{id}/attempts", READERS, deliveries_attempts},
    {"POST", DELIVERIES "/{id}/redeliver", SCOPE_MANAGE, deliveries_redeliver},
    {"POST", "/api/v1/rekey", SCOPE_ADMIN, rekey_post},
};
enum { ROUTES = sizeof routes / sizeof routes[0] };

/* Takes one segment and the '/' before it off `path`. */
static struct slice take_segment(struct slice *path)
{
    struct slice segment = slice_skip(*path, 1);
    segment.size = slice_find(segment, '/');
    *path = slice_skip(*path, segment.size + 1);
    return segment;
}

static bool matches(struct slice pattern, struct slice path, struct slice *id)
{
    while (pattern.size && path.size) {
        struct slice expected = take_segment(&pattern), given = take_segment(&path);
        if (slice_equal(expected, SLICE("{id}")) && given.size)
            *id = given;
        else if (!slice_equal(expected, given))
            return false;
    }
    return pattern.size == path.size; /* both are used up */
}

static bool serves(const struct api_route *route, struct slice method)
{
    struct slice own = slice_str(route->method);
    return slice_equal(own, method) ||
           (slice_equal(own, SLICE("GET")) && slice_equal(method, SLICE("HEAD")));
}

enum router_result router_find(struct slice method, struct slice path,
                               const struct api_route **route, struct slice *id,
                               char allow[static ROUTER_ALLOW_SIZE])
{
    size_t size = (size_t)snprintf(allow, ROUTER_ALLOW_SIZE, "Allow: ");
    const char *comma = "";
    *id = SLICE("");
    for (size_t i = 0; i < ROUTES; i++) {
        if (!matches(slice_str(routes[i].path), path, id))
            continue;
        *route = &routes[i];
        if (serves(*route, method))
            return ROUTER_FOUND;
        bool is_get = slice_equal(slice_str((*route)->method), SLICE("GET"));
        size += (size_t)snprintf(allow + size, ROUTER_ALLOW_SIZE - size, "%s%s", comma,
                                 is_get ? "GET, HEAD" : (*route)->method);
        comma = ", ";
    }
    snprintf(allow + size, ROUTER_ALLOW_SIZE - size, "\r\n");
    return *comma ? ROUTER_NO_METHOD : ROUTER_NO_PATH;
}
